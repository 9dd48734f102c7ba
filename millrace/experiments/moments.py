"""Counts, means and co-moments of columns: all that most comparisons read, summed up once and merged from any number of parts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from millrace.types import Array, Columns


@dataclass(frozen=True)
class Moments:
    """The sufficient statistics of some columns over some units.

    Parts merge by the differences of their means, never by sums of squares, so nothing cancels where values are large and alike.

    Attributes:
        names: The columns.
        n: How many units.
        means: The mean of each column; 0 where there are no units. Shape (columns,).
        scatter: The sums of products of the columns' deviations from their means. Shape (columns, columns).

    Source: Chan, Golub & LeVeque (1983), Algorithms for Computing the Sample Variance; Pébay (2008), Formulas for Robust, One-Pass
    Parallel Computation of Covariances.

    >>> halves = [Moments.of({"x": np.array(part)}) for part in ([1.0, 2.0], [3.0, 6.0])]
    >>> halves[0].merged(halves[1]).variance("x")
    4.666666666666667
    """

    names: tuple[str, ...]
    n: int
    means: Array
    scatter: Array

    @staticmethod
    def of(columns: Columns, names: Sequence[str] | None = None) -> Moments:
        """Return the moments of columns of numbers, those named or all. Shape (n,) each."""
        wanted = tuple(columns if names is None else names)
        rows = np.array([columns[name] for name in wanted], dtype=np.float64).reshape(len(wanted), -1)
        n = rows.shape[1]
        if not n:
            return Moments.none(wanted)
        near = rows[:, :1]  # from there what is equal is exactly 0 apart: a mean of tenths is not a tenth
        apart = rows - near
        means = apart.mean(axis=1, keepdims=True)
        apart -= means
        return Moments(wanted, n, (near + means)[:, 0], apart @ apart.T)

    @staticmethod
    def none(names: Sequence[str]) -> Moments:
        """Return the moments of no units: what merging begins with."""
        return Moments(tuple(names), 0, np.zeros(len(names)), np.zeros((len(names), len(names))))

    @staticmethod
    def total(parts: Iterable[Moments], names: Sequence[str]) -> Moments:
        """Return the moments of all parts together."""
        return reduce(Moments.merged, parts, Moments.none(names))

    def merged(self, other: Moments) -> Moments:
        """Return the moments of both, which must be of the same columns."""
        assert self.names == other.names
        n = self.n + other.n
        if not n:
            return self
        apart = other.means - self.means
        scatter = self.scatter + other.scatter + np.outer(apart, apart) * (self.n * other.n / n)
        return Moments(self.names, n, self.means + apart * (other.n / n), scatter)

    def mean(self, name: str) -> float:
        """Return the mean of a column; 0 where there are no units."""
        return float(self.means[self._place(name)])

    def variance(self, name: str) -> float:
        """Return the sample variance of a column (n - 1); NaN where there are fewer than two units."""
        return self.covariance(name, name)

    def covariance(self, one: str, other: str) -> float:
        """Return the sample covariance of two columns (n - 1); NaN where there are fewer than two units."""
        return float(self.scatter[self._place(one), self._place(other)] / (self.n - 1)) if self.n > 1 else float("nan")

    def part(self, names: Sequence[str]) -> Moments:
        """Return the moments of some of the columns."""
        at = [self._place(name) for name in names]
        return Moments(tuple(names), self.n, self.means[at], self.scatter[np.ix_(at, at)])

    def _place(self, name: str) -> int:
        return self.names.index(name)


def above_rounding(terms: Array) -> float:
    """Return the sum of terms that make up a variance; 0 where they cancel down to what rounding leaves of them.

    >>> above_rounding(np.array([1.0, -2.0, 1.0 + 1e-15]))
    0.0
    """
    total = float(terms.sum())
    return total if total > 100 * np.finfo(np.float64).eps * np.abs(terms).sum() else 0.0
