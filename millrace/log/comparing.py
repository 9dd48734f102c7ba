"""Comparing what an id is sent with to what it was first acknowledged with."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import numpy as np

from millrace.errors import Conflict
from millrace.log.codec import Codec
from millrace.log.reading import at_positions
from millrace.log.store import Store
from millrace.types import Array, Columns, objects, stack, take

_LISTED = 5


def keys(codec: Codec, rows: Columns) -> list[tuple[str, int]]:
    """Return what identifies each row in its stream: (id, at) for the updates of an entity, (id, 0) for all else."""
    at = rows["at"].tolist() if codec.is_dated else [0] * len(rows["id"])
    return list(zip(rows["id"].tolist(), at, strict=True))


def first_rows(store: Store, db: sqlite3.Connection, codec: Codec, rows: Columns, positions: Array) -> tuple[dict[str, Array], Array]:
    """Return the rows at positions, and which of `rows`, those being written, each of them is; -1 for what was in the log before."""
    order = np.argsort(rows["position"])
    here = rows["position"][order]
    inside = positions >= here[0]
    which = np.full(len(positions), -1)
    which[inside] = order[np.searchsorted(here, positions[inside])]
    old = at_positions(store, db, codec, positions[~inside])
    back = np.argsort(np.concatenate([np.flatnonzero(~inside), np.flatnonzero(inside)]))
    return take(stack([old, take(rows, which[inside])]), back), which


def first_difference(codec: Codec, new: Columns, old: Columns) -> Array:
    """Return the first field in which each row differs from the row beside it, "" where the two are equal.

    Args:
        codec: The stream's codec.
        new: Rows of the stream.
        old: As many rows of the same stream.

    Returns:
        Names of fields, an object array.
    """
    found = np.full(len(new["id"]), "", dtype=object)
    for name in ["at", *codec.held]:
        differs = ~_equal(new[name], old[name]) & (found == "")
        if differs.any():
            found[differs] = objects(_named(name, a, b) for a, b in zip(new[name][differs], old[name][differs], strict=True))
    return found


def _equal(a: Array, b: Array) -> Array:
    same = np.asarray(a == b, dtype=bool)
    return same | (np.isnan(a) & np.isnan(b)) if a.dtype.kind == "f" else same


def _named(name: str, a: Any, b: Any) -> str:
    """Return the field, and for a whole decision the field of it."""
    inner = getattr(a, "__struct_fields__", ())
    return next((field for field in inner if getattr(a, field) != getattr(b, field)), name)


def conflict(offenders: Sequence[str]) -> Conflict:
    """Return the error for rows whose ids are taken by other content."""
    more = f" and {len(offenders) - _LISTED} more" if len(offenders) > _LISTED else ""
    again = ", and what is sent again the `at` that it had" if any(one.endswith("(at differs)") for one in offenders) else ""
    return Conflict(f"used before with other content: {', '.join(offenders[:_LISTED])}{more}; give what is new an id of its own{again}")


def offence(codec: Codec, rows: Columns, row: int, field: str) -> str:
    """Return how the error names one of these rows."""
    return f"{codec.name} {rows['id'][row]} ({field} differs)"
