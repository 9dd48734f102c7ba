"""Columns given by a caller: checked, brought to the types of their stream, and completed."""

from __future__ import annotations

from typing import Any

import numpy as np

from millrace.errors import BadInput
from millrace.log.codec import REQUIRED, Codec
from millrace.log.kinds import LARGEST, NO_INSTANT, Instant, Text, is_no_instant
from millrace.log.settling import AHEAD
from millrace.schema import lag
from millrace.types import Array, Columns, moment, size


def whole_rows(codec: Codec, columns: Columns) -> dict[str, Array]:
    """Return all columns of a stream but `position`: those given, the defaults of the others, and `at` for `known` if that is not given.

    Args:
        codec: The stream's codec.
        columns: Columns of equal length; instants as int64 microseconds or datetime64, numbers as any number, text as objects.

    Raises:
        BadInput: A column is missing, unknown, of another length, or holds what it cannot.
    """
    unknown = [name for name in columns if name not in codec.kinds or name == "position"]
    if unknown:
        raise BadInput(
            f"{codec.name} takes no column {unknown[0]!r}: choose among id, at, known, {', '.join(codec.held)}", field=unknown[0]
        )
    n, out = size(columns), {}
    for name in codec.kinds:
        if name in columns:
            out[name] = _typed(codec, name, np.asarray(columns[name]), n)
        elif name in codec.held and codec.held[name].default is not REQUIRED:
            out[name] = codec.missing(name, n)
        elif name not in ("position", "known"):
            raise BadInput(f"{codec.name}.{name} is required: give it a column", field=name)
    out.setdefault("known", out["at"] + lag(codec.item))
    early = np.flatnonzero(out["at"] - out["known"] > AHEAD)
    if len(early):
        raise _bad(codec, "at", early[0], f"{moment(out['at'][early[0]])} is after it became known")
    return out


def _typed(codec: Codec, name: str, column: Array, n: int) -> Array:
    wanted = codec.kinds[name].dtype
    if column.dtype.kind == "M":
        column = column.astype("datetime64[us]").astype(np.int64)
    if column.shape != (n,):
        raise BadInput(f"{codec.name}.{name} has shape {column.shape}: give one value for each of the {n} rows", field=name)
    fits = np.can_cast(column.dtype, wanted, "same_kind") and (wanted is object) == (column.dtype.kind in "OU")
    if n and not fits:
        raise BadInput(f"{codec.name}.{name} is {column.dtype}: give {np.dtype(wanted).name}", field=name)
    typed = column.astype(wanted)
    wrong = np.flatnonzero(_wrong(codec, name, typed))
    if len(wrong):
        shown = "what was given" if name in codec.private else repr(typed[wrong[0]])
        raise _bad(codec, name, wrong[0], f"{shown} cannot be its value")
    if isinstance(codec.kinds[name], Text):
        _none_is_too_large(codec, name, typed)
    return typed


def _none_is_too_large(codec: Codec, name: str, column: Array) -> None:
    for row, value in enumerate(column.tolist()):
        if value is not None and len(value) > LARGEST:
            said = f"it takes {len(value) / 1e6:.1f} MB, a value at most {LARGEST // 1_000_000} MB"
            raise _bad(codec, name, row, f"{said}: keep what is large elsewhere, and log where")


def _wrong(codec: Codec, name: str, column: Array) -> Array:
    """Return which values have no place in a column of this type."""
    kind, optional = codec.kinds[name], name in codec.held and codec.held[name].is_optional
    if isinstance(kind, Text):
        allowed = (kind.of, type(None)) if optional else kind.of
        return np.array([not isinstance(value, allowed) or (name == "id" and not value) for value in column], dtype=bool)
    if column.dtype.kind == "f":
        return ~np.isfinite(column) & ~(np.isnan(column) & optional)
    if isinstance(kind, Instant):
        return is_no_instant(column) | ((column == NO_INSTANT) & (not optional))
    return np.zeros(len(column), dtype=bool)


def _bad(codec: Codec, name: str, row: Any, why: str) -> BadInput:
    return BadInput(f"{codec.name}, row {row}: {name}: {why}", field=name)
