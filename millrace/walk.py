"""Walking declarations: what a system reaches, and the hash of what it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from millrace.errors import DeclarationError
from millrace.expressions import Expr
from millrace.features.declare import Aggregate, Family, OnDemand, Ratio
from millrace.features.learned import Learned
from millrace.models.declare import Model, Outcome
from millrace.schema import Field, field_names


def children(declaration: Any) -> Iterator[tuple[str, Any]]:
    """Yield (name, value) of the declarations directly inside one, containers opened."""
    if isinstance(declaration, Mapping):
        for key, value in declaration.items():
            yield str(key), value
            if not isinstance(key, str):
                yield "key", key
    elif isinstance(declaration, tuple | list | Family):
        yield from (("", one) for one in declaration)
    elif dataclasses.is_dataclass(declaration) and not isinstance(declaration, type):
        yield from ((field.name, getattr(declaration, field.name)) for field in dataclasses.fields(declaration))


def is_declaration(value: Any) -> bool:
    """Whether a value is one of ours: a frozen dataclass instance that a user's module can hold."""
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def reachable(root: Any) -> Iterator[Any]:
    """Yield every declaration reachable from a root, each once, parents before children."""
    seen: set[int] = set()
    stack = [root]
    while stack:
        one = stack.pop()
        if is_declaration(one):
            if id(one) in seen:
                continue
            seen.add(id(one))
            yield one
        inner = [value for _, value in children(one) if is_declaration(value) or isinstance(value, tuple | list | Mapping | Family)]
        stack.extend(reversed(inner))


def digest(declaration: Any) -> str:
    """Return 10 hex digits of what a declaration is: its structure and settings, names and layout left out.

    Raises:
        DeclarationError: It holds an object whose settings cannot be read, such as a learner that is not a dataclass.
    """
    return blake2b(repr(_structure(declaration)).encode(), digest_size=5).hexdigest()


def _structure(value: Any) -> Any:
    if isinstance(value, Aggregate | Ratio | OnDemand | Learned | Outcome | Expr):
        return value.column
    if isinstance(value, type):
        return _class_structure(value) if hasattr(value, "__struct_fields__") else f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, Model):
        return (
            "Model",
            value.heads,
            [one.column for one in value.features],
            _structure(value.learner),
            _structure(value.examples),
            value.position,
            *([value.updates] if value.updates is not None else []),
        )
    if is_declaration(value):
        return (type(value).__name__, *(_structure(inner) for _, inner in children(value)))
    if isinstance(value, Mapping):
        return sorted((str(_structure(key)), _structure(inner)) for key, inner in value.items())
    if isinstance(value, tuple | list | Family):
        return [_structure(inner) for inner in value]
    if value is None or isinstance(value, str | bytes | int | float):
        return repr(value)
    raise DeclarationError(f"{type(value).__name__} holds settings that cannot be read: write it as a frozen dataclass")


def _class_structure(owner: Any) -> Any:
    defaults = {field.name: repr(field.default) for field in msgspec.structs.fields(owner)}
    return (owner.__name__, [_field_structure(Field(owner, name), defaults[name]) for name in field_names(owner)])


def _field_structure(field: Field, default: str) -> Any:
    return (field.name, field.kind, field.optional, field.refers_to.__name__ if field.refers_to is not None else "", default)
