"""A quantile and how sure it is, from four ordered values (Woodruff)."""

from __future__ import annotations

import numpy as np

from millrace.experiments.needs import Ordered
from millrace.types import Array


def woodruff(values: Array, asked: Ordered, units: int) -> tuple[float, float]:
    """Return (the quantile, its variance).

    The rank of a quantile is known to a binomial error; the values at both ends of that interval of ranks say how far the quantile may lie
    off: their distance by the rank is what one rank is worth. Nothing is assumed of the law. Its weakness: with few units the ends are the
    least and the largest value; and where many units share a value, the quantile may jump, which no normal interval shows.

    Args:
        values: What `asked` asks for: low end, two beside the quantile, high end. Shape (4,).
        asked: Which quantile.
        units: How many units the arm has, at least 2.

    Source: Woodruff (1952), Confidence Intervals for Medians and Other Position Measures.

    >>> from millrace.experiments.needs import Term
    >>> value, variance = woodruff(np.array([43.0, 50.0, 51.0, 57.0]), Ordered(Term("watched"), 0.5), 101)
    >>> value, round(variance, 2)
    (50.0, 25.25)
    """
    low, under, over, high = values
    ranks, place = asked.ranks(units), asked.q * (units - 1)
    error = (high - low) / (ranks[3] - ranks[0]) * np.sqrt(units * asked.q * (1 - asked.q))
    return float(under + (place - np.floor(place)) * (over - under)), float(error**2)


def is_too_few(q: float, units: int) -> bool:
    """Whether fewer than ten values lie on one side of the quantile: the ends of the ranks then are hardly apart, or at the very edge."""
    return min(q, 1 - q) * units < 10


def is_tied(values: Array) -> bool:
    """Whether the quantile's own value fills the interval of its ranks to one side: it then may jump to the next value by luck.

    Args:
        values: As for `woodruff`. Shape (4,).
    """
    low, under, over, high = values
    return bool(low == under or over == high)
