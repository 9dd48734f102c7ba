"""What the annotations of a class's fields say: the kind of value, whether it may be missing, and what it was marked as."""

from __future__ import annotations

import types
import typing
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any

import msgspec
import numpy as np

from millrace.errors import DeclarationError, brief

KINDS: dict[Any, str] = {str: "text", int: "integer", float: "number", bool: "boolean", datetime: "instant", bytes: "bytes"}
"""The kinds of value a field can hold, by its Python type."""

DTYPES: dict[str, Any] = {
    "text": object,
    "integer": np.int64,
    "number": np.float64,
    "boolean": np.bool_,
    "instant": np.int64,
    "bytes": object,
}
"""The NumPy type of a kind's column."""


def reference(hint: Any) -> type | None:
    """Return the class that a `Ref[...]` annotation points to, or None."""
    return marked(hint, "ref")


def is_private(hint: Any) -> bool:
    """Whether an annotation is `Private[...]`."""
    return bool(marked(hint, "private"))


def marked(hint: Any, mark: str) -> Any:
    """Return what an annotation, or a part of it, was marked with under a name; None where it was not."""
    for part in (hint, *typing.get_args(hint)):
        for meta in getattr(part, "__metadata__", ()):
            if isinstance(meta, msgspec.Meta) and meta.extra and mark in meta.extra:
                return meta.extra[mark]
    return None


def is_optional(hint: Any) -> bool:
    """Whether an annotation is `... | None`."""
    return typing.get_origin(hint) in (typing.Union, types.UnionType) and type(None) in typing.get_args(hint)


@lru_cache(maxsize=4096)  # asked at every read of a field
def kind_of(owner: type, name: str) -> str:
    """Return the kind of value that a field of a class holds.

    Raises:
        DeclarationError: Its annotation is none of the types a column can hold.
    """
    hint = hints_of(owner)[name]
    if is_optional(hint):
        some = [part for part in typing.get_args(hint) if part is not type(None)]
        hint = some[0] if len(some) == 1 else hint
    if typing.get_origin(hint) is Annotated:
        hint = typing.get_args(hint)[0]
    if hint not in KINDS:
        allowed = ", ".join(kind.__name__ for kind in KINDS)
        shown = brief(hint) if isinstance(hint, type) else str(hint)
        raise DeclarationError(f"{owner.__name__}.{name}: a field cannot be {shown}: use {allowed}, Ref[...], or one of them | None")
    return KINDS[hint]


_HINTS: dict[type, dict[str, Any]] = {}


def hints_of(owner: type) -> dict[str, Any]:
    """Return the annotations of a class's fields by name, names resolved; read once.

    Raises:
        NameError: What one names is not there yet.
    """
    if owner not in _HINTS:
        _HINTS[owner] = typing.get_type_hints(owner, include_extras=True)
    return _HINTS[owner]
