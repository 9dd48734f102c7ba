"""A quantile and how sure it is, from six ordered values (Woodruff)."""

from __future__ import annotations

import numpy as np

from millrace.experiments.needs import Ordered
from millrace.types import Array


def woodruff(values: Array, asked: Ordered, units: int) -> tuple[float, float]:
    """Return (the quantile, its variance).

    The rank of a quantile is known to a binomial error; the values at both ends of that interval of ranks say how far the quantile may lie
    off: their distance by the rank is what one rank is worth. Nothing is assumed of the law. Where one value fills the ranks about an end,
    as where 88 % did nothing at all and the 0.9-quantile is asked for, that end says too little: a rank is worth what it is on the other
    side, if that is more. Its weakness: with few units the ends are the least and the largest value; and where many units share a value,
    the quantile may jump, which no normal interval shows.

    Args:
        values: What `asked` asks for: beyond the low end, low end, two beside the quantile, high end, beyond it. Shape (6,).
        asked: Which quantile.
        units: How many units the arm has, at least 2.

    Source: Woodruff (1952), Confidence Intervals for Medians and Other Position Measures.

    >>> from millrace.experiments.needs import Term
    >>> value, variance = woodruff(np.array([37.0, 43.0, 50.0, 51.0, 57.0, 63.0]), Ordered(Term("watched"), 0.5), 101)
    >>> value, round(variance, 2)
    (50.0, 25.25)
    """
    _, low, under, over, high, _ = values
    ranks, place = asked.ranks(units), asked.q * (units - 1)
    a_rank = (high - low) / (ranks[4] - ranks[1])
    shared = _shared(values, ranks)
    if shared[0]:
        a_rank = max(a_rank, (high - under) / max(ranks[4] - ranks[2], 1))
    if shared[-1]:
        a_rank = max(a_rank, (over - low) / max(ranks[3] - ranks[1], 1))
    error = a_rank * np.sqrt(units * asked.q * (1 - asked.q))
    return float(under + (place - np.floor(place)) * (over - under)), float(error**2)


def is_too_few(q: float, units: int) -> bool:
    """Whether fewer than ten values lie on one side of the quantile: the ends of the ranks then are hardly apart, or at the very edge."""
    return min(q, 1 - q) * units < 10


def is_tied(values: Array, asked: Ordered, units: int) -> bool:
    """Whether one value fills the interval of the quantile's ranks to one side, or the ranks about an end: it may jump there by luck.

    Args:
        values: As for `woodruff`. Shape (6,).
        asked: Which quantile.
        units: How many units the arm has.
    """
    beyond_low, low, _, high, beyond_high = _shared(values, asked.ranks(units))
    return bool(beyond_low or low or high or beyond_high)


def _shared(values: Array, ranks: Array) -> Array:
    """Return from which of the values on one value fills the ranks up to the next. Boolean, shape (5,)."""
    return (values[:-1] == values[1:]) & (ranks[:-1] < ranks[1:])
