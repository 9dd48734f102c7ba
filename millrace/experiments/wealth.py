"""Wealth won by betting against a hypothesis: evidence that may be looked at after every observation."""

from __future__ import annotations

import numpy as np

from millrace.types import Array

STAKES = 0.9 * 0.5 ** np.arange(12)
"""What share of its wealth each bettor stakes: half as much from one to the next, as nobody knows beforehand how much there is to win."""

_AT_ONCE = 50_000


class Wealth:
    """What a mixture of bettors has made of 1, all betting against one hypothesis with stakes fixed beforehand; logarithms throughout.

    While the hypothesis holds no bettor gains on average, so neither does their mixture: it is a supermartingale that begins at 1, and
    the chance that it *ever* reaches 1 / a is at most a (Ville's inequality). So it may be looked at after every observation and acted on
    at any, and where it peaked counts: looking more often, or late, changes nothing.

    Args:
        bettors: How many there are; each begins with the same part of the 1.

    Source: Ville (1939); Shafer (2021), Testing by Betting; Ramdas, Grünwald, Vovk & Shafer (2023), Game-Theoretic Statistics and Safe
    Anytime-Valid Inference.

    >>> wealth = Wealth(2)
    >>> peaks = wealth.grow(np.log([[1.5, 1.1], [1.5, 1.1]]))
    >>> round(float(np.exp(wealth.now)), 3)  # (1.5² + 1.1²) / 2
    1.73
    """

    def __init__(self, bettors: int) -> None:
        self._logs = np.zeros(bettors)
        self.peak = 0.0
        self.now = 0.0

    def grow(self, factors: Array) -> Array:
        """Settle bets, one after another; return the peak so far after each of them. Shape (bets,).

        Args:
            factors: By what each bettor's wealth is multiplied, as logarithms. Shape (bets, bettors).
        """
        peaks = np.empty(len(factors))
        for start in range(0, len(factors), _AT_ONCE):
            logs = self._logs + np.cumsum(factors[start : start + _AT_ONCE], axis=0)
            path = _mean(logs)
            self._logs = logs[-1]
            self.now = float(path[-1])
            peaks[start : start + _AT_ONCE] = np.maximum(np.maximum.accumulate(path), self.peak)
            self.peak = max(self.peak, float(path.max()))
        return peaks


def _mean(logs: Array) -> Array:
    """Return the logarithm of the mean of numbers given by their logarithms, along the last axis."""
    most = logs.max(axis=-1, keepdims=True)
    most = np.where(np.isfinite(most), most, 0.0)
    return (most + np.log(np.mean(np.exp(logs - most), axis=-1, keepdims=True)))[..., 0]
