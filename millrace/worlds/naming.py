"""Ids and the numbers behind them: "v12" is number 12 of the kind "v"."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from millrace.errors import BadInput, NotFound
from millrace.types import Array, Columns, objects


def names(prefix: str, numbers: Array) -> Array:
    """Return ids such as "v12" as an object array. Shape as `numbers`, which has one axis."""
    return objects([f"{prefix}{number}" for number in numbers.tolist()])


def numbers(prefix: str, ids: Array, below: int = 2**62) -> Array:
    """Return the numbers behind ids: the inverse of `names`.

    Raises:
        NotFound: An id does not have the form of this kind, or its number is not below `below`.
    """
    start = len(prefix)
    try:
        found = np.array([int(name[start:]) if name.startswith(prefix) else -1 for name in ids], np.int64)
    except (ValueError, TypeError, AttributeError, OverflowError):
        found = np.full(len(ids), -1)
    if len(found) and (found.min() < 0 or found.max() >= below):
        stranger = _stranger(prefix, ids, below)
        raise NotFound(f"this world has nothing called {stranger!r}: use the ids it gave out, such as {prefix + '0'!r}")
    return found


def _stranger(prefix: str, ids: Array, below: int) -> object:
    """Return the first id that is not of this kind: looked for one by one, only when something is wrong."""
    for name in ids:
        number = name[len(prefix) :] if isinstance(name, str) and name.startswith(prefix) else ""
        if not number.isdecimal() or int(number) >= below:
            return name
    return None


def require(rows: Columns, columns: Sequence[str]) -> None:
    """Refuse rows that lack a column.

    Raises:
        BadInput: A column is missing; the message and `field` name it.
    """
    for name in columns:
        if name not in rows:
            raise BadInput(f"the column {name!r} is missing: a world needs {', '.join(columns)}", field=name)


def codes(options: Sequence[str], values: Array, field: str) -> Array:
    """Return the place of each value among a few options.

    Raises:
        BadInput: A value is none of the options; the message names both.
    """
    places = {option: place for place, option in enumerate(options)}
    found = np.array([places.get(value, -1) for value in values], np.int64)
    if (found < 0).any():
        raise BadInput(f"{field} {values[int(np.argmin(found))]!r} is none of {', '.join(options)}", field=field)
    return found
