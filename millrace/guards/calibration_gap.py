"""Does the treatment promise more (or less) than comes of it, further than the control beside it does?"""

from __future__ import annotations

from millrace.experiments.bounded_mean import BoundedMean
from millrace.guards.mean_difference import MeanDifference
from millrace.types import Array


class CalibrationGap:
    """Two bets on what happened less what was predicted: the treatment's own, and its difference from the control's.

    Both must be won. That the treatment is off by more than the limit may be the season's doing, which the control suffers too; that it is
    off otherwise than the control may be because the control is wrong. If either is so, the bet on it is lost but for a chance a, and so
    are both together: the smaller evidence counts.

    Args:
        limit: How far what happens may stray from what is predicted, as a fraction of what is predicted.
        more: Whether more happens than is predicted; else less.

    Source: residuals as in Arnold, Henzi & Ziegel (2023), Sequentially Valid Tests for Forecast Calibration; the smaller of two as in
    Berger (1982), intersection-union tests.
    """

    def __init__(self, limit: float, *, more: bool) -> None:
        self._limit, self._more = limit, more
        self._own = BoundedMean(0.0)
        self._beyond = MeanDifference(more=True)

    @property
    def peak(self) -> float:
        """The logarithm of the evidence."""
        return min(self._own.wealth.peak, self._beyond.wealth.peak)

    @property
    def now(self) -> float:
        """The logarithm of what it is at present."""
        return min(self._own.wealth.now, self._beyond.wealth.now)

    def see(self, treated: Array, share: Array, predicted: Array, observed: Array) -> None:
        """Take in units, in their order.

        Args:
            treated: Whose each is. Boolean, shape (n,).
            share: The chance with which it had been drawn into the treatment, in (0, 1). Shape (n,).
            predicted: What its own arm predicted, in [0, 1]. Shape (n,).
            observed: What came of it, in [0, 1]. Shape (n,).
        """
        sign = 1 if self._more else -1
        strays = sign * (observed - (1 + sign * self._limit) * predicted) / (1 + self._limit)
        self._own.see(strays[treated])
        self._beyond.see(treated, share, (strays + 1) / 2)
