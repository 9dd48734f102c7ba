"""Is the mean of something bounded above a limit? One sample, no control."""

from __future__ import annotations

import numpy as np

from millrace.experiments.reasons import Reason, Refused
from millrace.experiments.wealth import STAKES, Wealth
from millrace.types import Array


class BoundedMean:
    """A bet that the mean of something in [-1, 1] is above a limit.

    The hypothesis is that each observation, given all before it, has a mean of at most the limit: no law, no variance and no sample size
    need be known. It is rejected wrongly with chance a at most, at whatever moment one stops at wealth 1/a.

    Args:
        limit: In (-1, 1).

    Source: Waudby-Smith & Ramdas (2024), Estimating Means of Bounded Random Variables by Betting.

    >>> test = BoundedMean(0.1)
    >>> test.see(np.full(40, 0.5))
    >>> bool(test.wealth.peak > np.log(100))
    True
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self.wealth = Wealth(len(STAKES))

    def see(self, x: Array) -> None:
        """Take in observations in [-1, 1], in their order. Shape (n,)."""
        self.wealth.grow(np.log1p(((x - self._limit) / (1 + self._limit))[:, None] * STAKES))


def confidence_sequence(x: Array, alarm: float) -> tuple[float, float]:
    """Return where the mean of observations in [0, 1] lies: an interval that holds it at every look at once with chance 1 - alarm.

    It is what neither the bet that the mean is above a value nor the one that it is below has refuted by any look, to six digits.

    Args:
        x: What was seen so far, in its order, in [0, 1]. Shape (n,).
        alarm: The chance that the interval ever misses the mean, in (0, 1).

    Raises:
        Refused: An observation is outside of [0, 1], or no number.

    >>> low, high = confidence_sequence(np.tile([0.0, 1.0], 500), 0.05)
    >>> 0.4 < low < 0.5 < high < 0.6
    True
    """
    if not ((x >= 0) & (x <= 1)).all():
        raise Refused(Reason.OUT_OF_BOUNDS, "an observation is outside of [0, 1] or no number: leave it out, or bring all to that range")
    return _refuted_below(x, alarm / 2), 1 - _refuted_below(1 - x, alarm / 2)


def _refuted_below(x: Array, alarm: float) -> float:
    """Return the greatest value that "the mean is at most this" is refuted of."""
    low, high = 0.0, 1.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        test = BoundedMean(middle)
        test.see(x)
        low, high = (middle, high) if test.wealth.peak >= -np.log(alarm) else (low, middle)
    return low
