"""Rows told apart by the values of their columns: a number for each combination that was seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from millrace.errors import BadInput
from millrace.types import Array, Columns, size

Value = str | int | float | bool | None


@dataclass(frozen=True, eq=False)
class Segments:
    """The combinations of values seen in some columns, each with its number.

    Attributes:
        names: The columns. None tells nothing apart: every row is of one segment.
        keys: The values of each segment, in the order of their numbers; missing is None.
    """

    names: tuple[str, ...]
    keys: tuple[tuple[Value, ...], ...]

    @staticmethod
    def of(rows: Columns, names: Sequence[str]) -> Segments:
        """Return the segments that occur in rows, in the order of their values as text.

        Raises:
            BadInput: A column is missing.
        """
        found = set(_keys(rows, tuple(names)))
        return Segments(tuple(names), tuple(sorted(found, key=repr)))

    def numbers(self, rows: Columns) -> Array:
        """Return the segment of each row, -1 for one that was not seen. int64, shape (n,).

        Raises:
            BadInput: A column is missing.
        """
        of = self._numbers
        return np.fromiter((of.get(key, -1) for key in _keys(rows, self.names)), dtype=np.int64, count=size(rows))

    @cached_property
    def _numbers(self) -> dict[tuple[Value, ...], int]:
        return {key: number for number, key in enumerate(self.keys)}


def _keys(rows: Columns, names: tuple[str, ...]) -> list[tuple[Any, ...]]:
    if not names:
        return [()] * size(rows)
    return list(zip(*(_values(rows, name) for name in names), strict=True))


def _values(rows: Columns, name: str) -> list[Any]:
    column = rows.get(name)
    if column is None or column.ndim != 1:
        raise BadInput(f"feature {name!r} is missing: serve the declaration that this version was trained with", field=name)
    values = column.tolist()
    return [None if value != value else value for value in values] if column.dtype.kind == "f" else values
