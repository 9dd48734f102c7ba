"""Are the shares of some categories the same in treatment and control? Any difference counts, in any direction."""

from __future__ import annotations

import numpy as np

from millrace.experiments.wealth import Wealth
from millrace.types import Array

_PRIOR = 20.0
"""How many units of each category the bettor holds against what it sees: so many as before, in the arms' own shares."""


class SameShares:
    """A bettor that learns, category by category, whose the units in it are.

    While the categories say nothing of the arm, a unit is the treatment's with the chance s it was drawn with, whatever its category. The
    bettor believes in the share it has seen in that category so far (a Beta prior about s). Of each category the wealth is the ratio of a
    beta-binomial likelihood to the binomial one, in closed form; together it is their product. A distribution is tested by cutting it into
    bins that were fixed beforehand. It is rejected wrongly with chance a at most, at whatever moment one stops at wealth 1/a.

    Source: Lindon & Malek (2022), Anytime-Valid Inference for Multinomial Count Data; Shekhar & Ramdas (2023), Nonparametric Two-Sample
    Testing by Betting.
    """

    def __init__(self) -> None:
        self._seen: dict[int, tuple[float, float]] = {}
        self.wealth = Wealth(1)

    def see(self, treated: Array, share: Array, category: Array) -> None:
        """Take in units, in their order.

        Args:
            treated: Whose each is. Boolean, shape (n,).
            share: The chance with which it had been drawn into the treatment, in (0, 1). Shape (n,).
            category: What it fell into. Integers, shape (n,).
        """
        believed = np.empty(len(category))
        for one in np.unique(category).tolist():
            mine = np.flatnonzero(category == one)
            own, all_ = self._seen.get(one, (0.0, 0.0))
            yes = treated[mine].astype(np.float64)
            believed[mine] = (own + np.cumsum(yes) - yes + _PRIOR * share[mine]) / (all_ + np.arange(len(mine)) + _PRIOR)
            self._seen[one] = (own + float(yes.sum()), all_ + len(mine))
        gain = np.where(treated, np.log(believed / share), np.log1p(-believed) - np.log1p(-share))
        self.wealth.grow(gain[:, None])
