"""The columns of a linear model: standardised numbers, an indicator of each being missing, an indicator per category."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from millrace.models.encoding import Encoding
from millrace.types import Array, Columns

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_FARTHEST = 1000.0
"""Standard deviations at which a number is cut off: farther than any of a million training rows can lie from their mean, so it only
keeps a broken feature from overflowing."""


@dataclass(frozen=True, eq=False)
class Design:
    """What a linear model multiplies with its weights, and how to do so without writing out the zeros.

    In order: a column per number or boolean (standardised; 0 where it is missing or infinite), a column per number or boolean that is
    1 where it is missing, and per category feature a column per known category and one for all others.
    """

    encoding: Encoding
    mean: Array
    scale: Array

    @staticmethod
    def fit(encoding: Encoding, rows: Columns) -> Design:
        """Learn the mean and the standard deviation of the numbers; a column that does not vary gets an infinite one and counts 0."""
        values = encoding.matrix(rows)[:, encoding.positions("number", "boolean")]
        known = np.isfinite(values)
        count = np.maximum(known.sum(axis=0), 1)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.where(known, values, 0).sum(axis=0) / count
            deviation = np.sqrt(np.where(known, (values - mean) ** 2, 0).sum(axis=0) / count)
        varies = np.isfinite(deviation) & (deviation > 1e-12 * np.abs(mean))
        return Design(encoding, np.where(varies, mean, 0), np.where(varies, deviation, np.inf))

    @cached_property
    def numbers(self) -> list[int]:
        """Which features are numbers or booleans."""
        return self.encoding.positions("number", "boolean")

    @cached_property
    def categories(self) -> list[tuple[int, slice]]:
        """Which features are categories, and the columns each has here, that for all other categories last."""
        start, found = 2 * len(self.numbers), []
        for feature in self.encoding.positions("category"):
            stop = start + len(self.encoding.features[feature].categories) + 1
            found.append((feature, slice(start, stop)))
            start = stop
        return found

    @property
    def width(self) -> int:
        """The number of columns, and so of weights."""
        return self.categories[-1][1].stop if self.categories else 2 * len(self.numbers)

    def columns(self, rows: Columns) -> csr_array:
        """Return the rows written out, sparse, float64. Shape (n, width)."""
        from scipy.sparse import csr_array, hstack

        matrix = self.encoding.matrix(rows)
        values, missing = self._standardised(matrix)
        blocks = [csr_array(values), csr_array(missing.astype(np.float64))]
        for feature, columns in self.categories:
            width, n = columns.stop - columns.start, len(matrix)
            blocks.append(csr_array((np.ones(n), _places(matrix[:, feature], width), np.arange(n + 1)), shape=(n, width)))
        return csr_array(hstack(blocks, format="csr"))

    def dense(self, rows: Columns) -> Array:
        """Return the rows written out, zeros too, float32. Shape (n, width)."""
        matrix = self.encoding.matrix(rows)
        out, count = np.zeros((len(matrix), self.width), np.float32), len(self.numbers)
        out[:, :count], out[:, count : 2 * count] = self._standardised(matrix)
        for feature, columns in self.categories:
            out[np.arange(len(matrix)), columns.start + _places(matrix[:, feature], columns.stop - columns.start)] = 1
        return out

    def effects(self, rows: Columns, weights: Array) -> Array:
        """Return what each feature adds to each row's sum, for several vectors of weights.

        Args:
            rows: The columns of the rows, n long each.
            weights: Shape (heads, width).

        Returns:
            Shape (heads, n, features).
        """
        matrix = self.encoding.matrix(rows)
        values, missing = self._standardised(matrix)
        out = np.empty((len(weights), *matrix.shape))
        count = len(self.numbers)
        for head, weight in enumerate(weights):
            out[head][:, self.numbers] = np.where(missing, weight[count : 2 * count], values * weight[:count])
            for feature, columns in self.categories:
                out[head][:, feature] = weight[columns][_places(matrix[:, feature], columns.stop - columns.start)]
        return out

    def total(self, per_column: Array) -> Array:
        """Add up a value per column of the design over the columns of each feature. Shape (features,)."""
        out = np.zeros(len(self.encoding.features))
        count = len(self.numbers)
        out[self.numbers] = per_column[:count] + per_column[count : 2 * count]
        for feature, columns in self.categories:
            out[feature] = per_column[columns].sum()
        return out

    def _standardised(self, matrix: Array) -> tuple[Array, Array]:
        values = matrix[:, self.numbers]
        missing = ~np.isfinite(values)
        with np.errstate(over="ignore", invalid="ignore"):
            values = np.clip((values - self.mean) / self.scale, -_FARTHEST, _FARTHEST)
        values[missing] = 0.0
        return values, missing


def _places(codes: Array, width: int) -> Array:
    """Return the column of each category code, the last for those without one."""
    return np.where(np.isnan(codes), width - 1, codes).astype(np.int64)
