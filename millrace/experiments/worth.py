"""What a difference is worth that was looked at until it was shown: the winner's curse taken off, by whatever rule it was looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from scipy import optimize, special

from millrace.experiments.crossing import Path
from millrace.experiments.looks import Look
from millrace.experiments.root import root
from millrace.experiments.stopping import Rule
from millrace.types import Array


class Worth(msgspec.Struct, frozen=True, kw_only=True):
    """A difference, given that it was shown.

    Attributes:
        difference: The most likely one, in the metric's unit.
        low: The lower end of its interval, which holds the truth with the confidence among differences that were shown.
        high: The upper end.
        confidence: Of the interval.
        kept: What is left of the plain difference, as a part of it; about 1 where it lies far beyond what was needed.
    """

    difference: float
    low: float
    high: float
    confidence: float
    kept: float


def worth(looks: Sequence[Look], rule: Rule, confidence: float = 0.95) -> Worth | None:
    """Return what the last look's difference is worth, given that some look showed it; None where none did.

    A difference that was picked for being large looks larger than it is. Its likelihood is that of all it may have been, divided by the
    chance to be shown at any of the looks: the nearer to the boundary, the more it is drawn in. At one look this is what
    `winners_curse.after_selection` says. Its weakness: just beyond a boundary the data hardly say more than that it was crossed, and the
    interval (by the likelihood's ratio) is long; of effects that most experiments show it takes too much off.

    Args:
        looks: All of them in their order; units increase.
        rule: What had to be reached at each, two-sided.
        confidence: Of the interval, in (0, 1).

    Source: Zhong & Prentice (2008), Bias-Reduced Estimators and Confidence Intervals for Odds Ratios in Genome-Wide Association Studies;
    Fan, DeMets & Lan (2004), Conditional Bias of Point Estimates Following a Group Sequential Test.

    >>> from millrace.experiments.stopping import Fixed
    >>> found = worth([Look(400, 2.5, 1.0)], Fixed(planned=400))
    >>> round(found.difference, 3), round(found.kept, 2)
    (1.138, 0.46)
    """
    standing = rule.at(looks)
    if not ((standing.z >= standing.high) | (standing.z <= standing.low)).any():
        return None
    shown = _Shown(np.array([one.n for one in looks]) / looks[-1].n, standing.low, standing.high)
    z = float(standing.z[-1])

    def unlikely(drift: float) -> float:
        return drift**2 / 2 - drift * z + shown.log_chance(drift)

    grid = np.linspace(min(z, 0.0) - _FAR, max(z, 0.0) + _FAR, 161)
    values = np.array([unlikely(drift) for drift in grid])
    least = int(values.argmin())
    found: Any = optimize.minimize_scalar(unlikely, bounds=(grid[least - 1], grid[least + 1]), method="bounded", options={"xatol": 1e-12})
    level = float(found.fun) + special.ndtri(0.5 + confidence / 2) ** 2 / 2
    first, last = np.flatnonzero(values <= level)[[0, -1]]
    low, high = (root(lambda drift: unlikely(drift) - level, float(grid[at]), float(grid[at + 1]), near=1e-10) for at in (first - 1, last))
    error, drift = looks[-1].error, float(found.x)
    return Worth(difference=error * drift, low=error * low, high=error * high, confidence=confidence, kept=drift / z)


_FAR = 8.0
"""How many standard errors beyond 0, and beyond what was seen, the truth is looked for."""


class _Shown:
    """The chance that a test is shown something at any of its looks, by the drift: the mean of z at information 1, which is the last."""

    def __init__(self, times: Array, low: Array, high: Array) -> None:
        self._looks = list(zip(times, low, high, strict=True))
        self._paths = [Path.begun()]
        for (t, a, b), then in zip(self._looks[:-1], times[1:], strict=True):
            self._paths.append(self._paths[-1].within(t, a, b, then))

    def log_chance(self, drift: float) -> float:
        """Return its logarithm."""
        parts = [path.above(t, b, drift) + path.below(t, a, drift) for path, (t, a, b) in zip(self._paths, self._looks, strict=True)]
        return float(np.log(min(sum(parts), 1.0)))
