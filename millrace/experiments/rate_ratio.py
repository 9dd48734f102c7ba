"""Does something happen to the treatment more often (or less often) than to the control, by more than a tolerated factor?"""

from __future__ import annotations

import numpy as np

from millrace.experiments.wealth import Wealth
from millrace.types import Array

_FURTHER = np.array([1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0, 1000.0])
"""How much further than tolerated each bettor believes the ratio to be."""


class RateRatio:
    """A bet on whose unit the next one is that something happens to.

    Units are drawn into the treatment with a known chance s, whatever they will meet. If it happens to the treatment r times as often,
    the unit it happens to is the treatment's with chance s·r / (s·r + 1 - s), however rare it is and however that changes over the day:
    only the events are looked at, and each bettor believes in another ratio beyond the tolerated one. The hypothesis "at most r times
    as often" (or "at least 1/r", to the other side) is rejected wrongly with chance a at most, at whatever event one stops at wealth 1/a.

    Args:
        times: r, the factor that is tolerated, at least 1.
        more: Whether "more often" is to be found; else "less often".

    Source: the sequential binomial test of Wald (1945) and Robbins & Siegmund (1974), on counts as in Lindon & Malek (2022),
    Anytime-Valid Inference for Multinomial Count Data; valid by the assignment alone as in Ham et al. (2022), Design-Based Confidence
    Sequences.

    >>> test = RateRatio()
    >>> peaks = test.see(np.ones(8, dtype=bool), np.full(8, 0.1))  # eight events, all of a treatment of a tenth
    >>> bool(test.wealth.peak > np.log(1e5))
    True
    """

    def __init__(self, times: float = 1.0, *, more: bool = True) -> None:
        self._tolerated = times if more else 1 / times
        self._believed = times * _FURTHER if more else 1 / (times * _FURTHER)
        self.wealth = Wealth(len(_FURTHER))

    def see(self, treated: Array, share: Array) -> Array:
        """Take in events, in their order; return the logarithm of the most that was won so far, after each. Shape (n,).

        Args:
            treated: Whose each was. Boolean, shape (n,).
            share: The chance with which its unit had been drawn into the treatment, in (0, 1). Shape (n,).
        """
        at_most = _treated_share(share, self._tolerated)[:, None]
        believed = _treated_share(share[:, None], self._believed)
        return self.wealth.grow(np.where(treated[:, None], np.log(believed / at_most), np.log1p(-believed) - np.log1p(-at_most)))


def _treated_share(share: Array, ratio: Array | float) -> Array:
    """Return with what chance an event is the treatment's."""
    return share * ratio / (share * ratio + 1 - share)
