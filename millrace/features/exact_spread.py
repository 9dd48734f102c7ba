"""The variance of numbers from their count, their exact sum and the exact sum of their squares.

`n * Σx² - (Σx)²` loses everything to rounding when the numbers are large and near each other. Here both sums are exact, so nothing is
lost before the difference: it is taken in pairs of floats, and where even these are too short, in as many as hold it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from millrace.features.exact_sums import FloatLimbs, split_sum
from millrace.types import Array

Exact: TypeAlias = tuple[FloatLimbs, list[Array]]
"""Sums as limbs: how they are cut, and one array per limb."""

LARGEST_SQUARED = 2.0**450
"""The magnitude from which on squares are refused: their sums, and sums times counts, must fit a float."""

_ENOUGH = 2.0**-60
"""A pair of floats has 106 bits, of which some are lost in a few operations: where less than this share is left it is not trusted."""

_NOTHING = 2.0**-180
"""Numbers that differ, and are fewer than 2**30, differ by 2**-53 of themselves and leave a greater share than this."""


def squared(values: Array) -> tuple[Array, Array]:
    """Return squares as rounded, and exactly what the rounding left (Dekker's product).

    For numbers below 2**450 in magnitude; of those below 2**-450, but 0, some bits are lost.
    """
    return _product(values, values)


def variance(count: Array, sums: Exact, squares: Exact) -> Array:
    """Return the population variance of each group of numbers: never negative, correct to 1e-12 of itself; NaN of no numbers.

    Args:
        count: How many numbers, below 2**30. Shape (n,), int64.
        sums: Their exact sums. Shape (n,) each limb.
        squares: The exact sums of their squares. Shape (n,) each limb.
    """
    n = count.astype(np.float64)
    total, total_rest = _floats(sums, 2)
    square, square_rest, square_end = _floats(squares, 3)
    left, left_rest = _product(n, square)
    right, right_rest = _product(total, total)
    difference, lost = split_sum(left, -right)
    found = difference + (lost + (left_rest - right_rest) + n * square_rest - 2 * total * total_rest)
    close = np.flatnonzero((found <= _ENOUGH * left) & (count > 0))
    if len(close):
        found[close] = _closely(n[close], (total[close], total_rest[close]), (square[close], square_rest[close], square_end[close]))
    return np.divide(found, n * n, out=np.full(len(n), np.nan), where=count > 0)


def _closely(n: Array, total: Sequence[Array], square: Sequence[Array]) -> Array:
    """Return `n * Σx² - (Σx)²` of numbers that are near each other.

    Then two floats hold their sum exactly, and three that of their squares. The products of these are floats too, added up five times
    over, so that what is lost is less than 2**-240 of them; numbers that are not all equal leave more than 2**-180.
    """
    terms = [part for square_part in square for part in _product(n, square_part)]
    for a, b in ((total[0], total[0]), (2 * total[0], total[1]), (total[1], total[1])):
        terms += [-part for part in _product(a, b)]
    for _ in range(5):
        for i in range(1, len(terms)):
            terms[i], terms[i - 1] = split_sum(terms[i], terms[i - 1])
    found = sum(terms[:-1]) + terms[-1]
    return np.where(found > _NOTHING * n * square[0], found, 0.0)


def _floats(exact: Exact, many: int) -> list[Array]:
    """Return sums rounded, what the rounding left, rounded again, and so on."""
    layout, sums = exact
    found: list[Array] = []
    for _ in range(many):
        rounded = layout.join(sums)
        sums = [limb - part for limb, part in zip(sums, layout.cut(rounded, 0, layout.count), strict=True)]
        found.append(rounded)
    return found


def _product(a: Array, b: Array) -> tuple[Array, Array]:
    product = a * b
    (a_high, a_low), (b_high, b_low) = _halves(a), _halves(b)
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _halves(a: Array) -> tuple[Array, Array]:
    large = a * (2.0**27 + 1)
    high = large - (large - a)
    return high, a - high
