"""Is the mean of something bounded lower (or higher) in the treatment, by more than a tolerated margin?"""

from __future__ import annotations

import numpy as np

from millrace.experiments.wealth import STAKES, Wealth
from millrace.types import Array


class MeanDifference:
    """A bet on the difference of two means, each observation weighed by how unlikely its arm was.

    With A = 1 for the treatment, drawn with chance s, the number (A - s) / (s (1 - s)) · (x - c) has the difference of the means as its
    own mean, for any c known beforehand: the treatment counts x - c by 1 / s, the control by -1 / (1 - s). c is the mean of all seen
    before, which makes it vary least. It need not be the same law all day, nor a known one: x only has to be bounded. The hypothesis "no
    further than the margin" is rejected wrongly with chance a at most, at whatever moment one stops at wealth 1/a.

    Args:
        margin: What difference is tolerated, in units of x; below 0 it is one that must be shown not to lie the other way, in (-1, 0).
        more: Whether a higher mean is to be found; else a lower one.

    Source: Waudby-Smith & Ramdas (2024), Estimating Means of Bounded Random Variables by Betting; with the weights of the assignment as in
    Ham, Bojinov, Lindon & Tingley (2022), Design-Based Confidence Sequences.
    """

    def __init__(self, margin: float = 0.0, *, more: bool = False) -> None:
        self._margin = margin
        self._sign = 1.0 if more else -1.0
        self._sum, self._n = 0.5, 1.0
        self.wealth = Wealth(len(STAKES))

    def see(self, treated: Array, share: Array, x: Array) -> None:
        """Take in observations, in their order.

        Args:
            treated: Whose each is. Boolean, shape (n,).
            share: The chance with which its unit had been drawn into the treatment, in (0, 1). Shape (n,).
            x: In [0, 1]. Shape (n,).
        """
        before = (self._sum + np.cumsum(x) - x) / (self._n + np.arange(len(x)))
        self._sum, self._n = self._sum + float(x.sum()), self._n + len(x)
        weight = np.where(treated, 1 / share, -1 / (1 - share))
        gain = self._sign * weight * (x - before) - self._margin
        # The most that one bet can lose: a treated unit at the good end, or one of the control at the bad end.
        down, up = (before, 1 - before) if self._sign > 0 else (1 - before, before)
        at_worst = np.maximum(down / share, up / (1 - share)) + self._margin
        self.wealth.grow(np.log1p((gain / at_worst)[:, None] * STAKES))
