"""Rows as a matrix of numbers, the same way in training and in serving."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import Literal

import numpy as np

from millrace.errors import BadInput
from millrace.types import Array, Columns, size

Kind = Literal["number", "boolean", "category"]

_KINDS: dict[str, Kind] = {"f": "number", "i": "number", "u": "number", "b": "boolean", "O": "category", "U": "category"}


@dataclass(frozen=True)
class Feature:
    """A column as it was in training; `categories` are the known ones, the most frequent first."""

    name: str
    kind: Kind
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Encoding:
    """How columns become a matrix: numbers as they are, booleans 0 and 1, categories the code of their rank by frequency.

    A category that was rare or absent in training is encoded as missing, so a version meets at serving what it has learnt to handle.
    Missing is NaN.
    """

    features: tuple[Feature, ...]

    @staticmethod
    def fit(rows: Columns, rarest: int, most: int) -> Encoding:
        """Learn the kinds and the categories of columns.

        Args:
            rows: The columns of the training examples.
            rarest: How many rows a category needs to get a code of its own, at least 1.
            most: How many categories of one column get a code at most.

        Raises:
            BadInput: A column is not one number, boolean or text per row, or there is no column at all.
        """
        if not rows:
            raise BadInput("the examples hold no feature: declare the model with features=[...]", field="rows")
        return Encoding(tuple(_feature(name, column, rarest, most) for name, column in rows.items()))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns, in the order of the matrix."""
        return tuple(feature.name for feature in self.features)

    def positions(self, *kinds: Kind) -> list[int]:
        """Return which columns of the matrix are of these kinds, rising."""
        return [i for i, feature in enumerate(self.features) if feature.kind in kinds]

    def matrix(self, rows: Columns) -> Array:
        """Return the rows as float64, shape (n, features), each row's values side by side in memory.

        Raises:
            BadInput: A column is missing or of another kind than in training.
        """
        out = np.empty((size(rows), len(self.features)))
        for i, feature in enumerate(self.features):
            column = rows.get(feature.name)
            if column is None or _KINDS.get(column.dtype.kind) != feature.kind or column.ndim != 1:
                raise _mismatch(feature, column)
            out[:, i] = _codes(column, self._ranks[i]) if feature.kind == "category" else column
        return out

    @cached_property
    def _ranks(self) -> list[dict[str, float]]:
        return [{category: float(rank) for rank, category in enumerate(feature.categories)} for feature in self.features]


def _feature(name: str, column: Array, rarest: int, most: int) -> Feature:
    kind = _KINDS.get(column.dtype.kind)
    if kind is None or column.ndim != 1:
        raise BadInput(f"feature {name!r} is {_describe(column)}: a feature is one number, boolean or text per row", field=name)
    return Feature(name, kind, _categories(name, column, rarest, most) if kind == "category" else ())


def _categories(name: str, column: Array, rarest: int, most: int) -> tuple[str, ...]:
    counts = Counter(column.tolist())
    counts.pop(None, None)
    for value in counts:
        if not isinstance(value, str):
            raise BadInput(f"feature {name!r} holds {value!r}: a column of objects holds text, or None where it is missing", field=name)
    frequent = [category for category, count in counts.items() if count >= rarest]
    return tuple(sorted(frequent, key=lambda category: (-counts[category], category))[:most])


def _codes(column: Array, ranks: dict[str, float]) -> Array:
    return np.fromiter(map(ranks.get, column.tolist(), repeat(np.nan)), dtype=np.float64, count=len(column))


def _mismatch(feature: Feature, column: Array | None) -> BadInput:
    found = "missing" if column is None else _describe(column)
    return BadInput(
        f"feature {feature.name!r} is {found}, and this version was trained on one {feature.kind} per row: "
        f"serve the declaration it was trained with, or train a new version",
        field=feature.name,
    )


def _describe(column: Array) -> str:
    if column.ndim != 1:
        return f"an array of shape {column.shape}"
    return f"a column of {_KINDS.get(column.dtype.kind, column.dtype.name)} values"
