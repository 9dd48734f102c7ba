"""Does a group lose more by the treatment than everyone else does?"""

from __future__ import annotations

import numpy as np

from millrace.experiments.wealth import STAKES, Wealth
from millrace.types import Array


class GapDifference:
    """A bet on pairs: the effect on a unit of the group, less that on a unit of everyone else.

    The effect on one unit is weighed as in `MeanDifference`; the k-th unit of the group is set against the k-th of the others. The pair's
    mean is by how much the treatment changes the gap between the two. "The gap widens, to the group's harm, by no more than the margin"
    is rejected wrongly with chance a at most, at whatever moment one stops at wealth 1/a.

    Args:
        margin: By how much the gap may widen, in units of x.

    Source: Waudby-Smith & Ramdas (2024), Estimating Means of Bounded Random Variables by Betting; Chugg et al. (2023), Auditing Fairness by
    Betting.
    """

    def __init__(self, margin: float) -> None:
        self._margin = margin
        self._waiting: tuple[list[tuple[float, float]], list[tuple[float, float]]] = ([], [])
        self._sum, self._n = 0.5, 1.0
        self.wealth = Wealth(len(STAKES))

    def see(self, treated: Array, share: Array, is_group: Array, x: Array) -> None:
        """Take in units, in their order.

        Args:
            treated: Whose each is. Boolean, shape (n,).
            share: The chance with which it had been drawn into the treatment, in (0, 1). Shape (n,).
            is_group: Whether it is of the group. Boolean, shape (n,).
            x: More is better, in [0, 1]. Shape (n,).
        """
        before = (self._sum + np.cumsum(x) - x) / (self._n + np.arange(len(x)))
        self._sum, self._n = self._sum + float(x.sum()), self._n + len(x)
        effect = np.where(treated, 1 / share, -1 / (1 - share)) * (x - before)
        # How far an effect can be against the bet: one of the group that gains most, one of the others that loses most.
        gains = np.maximum((1 - before) / share, before / (1 - share))
        loses = np.maximum(before / share, (1 - before) / (1 - share))
        group, others = self._waiting
        for one, value, most in zip(is_group.tolist(), effect.tolist(), np.where(is_group, gains, loses).tolist(), strict=True):
            (group if one else others).append((value, most))
        pairs = min(len(group), len(others))
        own, rest = np.array(group[:pairs]).reshape(-1, 2), np.array(others[:pairs]).reshape(-1, 2)
        del group[:pairs], others[:pairs]
        gain = rest[:, 0] - own[:, 0] - self._margin
        self.wealth.grow(np.log1p((gain / (own[:, 1] + rest[:, 1] + self._margin))[:, None] * STAKES))
