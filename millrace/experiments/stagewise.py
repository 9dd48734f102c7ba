"""The p-value, interval and estimate of a test that stopped at a boundary: what stopping early makes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from millrace.errors import BadInput
from millrace.experiments.comparison import Alternative
from millrace.experiments.crossing import Path
from millrace.experiments.group_sequential import Boundaries
from millrace.experiments.root import root
from millrace.types import Array


@dataclass(frozen=True)
class Stagewise:
    """What a stopped test says, adjusted for having been able to stop before.

    A difference that crossed a boundary was picked for being large: its plain estimate is too far from 0 on average, and its plain
    interval too sure of it.

    Attributes:
        p_value: The chance of stopping as early and as far out if there is no difference; 0 only where it underflows.
        log_p: Its natural logarithm.
        estimate: The difference that would be exceeded half of the time (median-unbiased), in the metric's unit.
        low: The lower end of its interval.
        high: The upper end.
    """

    p_value: float
    log_p: float
    estimate: float
    low: float
    high: float


def stagewise(plan: Boundaries, z: float, error: float, confidence: float = 0.95, alternative: Alternative = "two-sided") -> Stagewise:
    """Return the adjusted figures of a test that stopped at the plan's last look.

    Outcomes are ordered by stage: crossing earlier says more than crossing later, and at one look the larger z says more. Futility
    is not heeded (non-binding). Where units went on coming in after the boundary was crossed (overrunning), put the last look, with its
    time and z, in the place of the one that crossed: what was decided upon is then judged with all of them.

    Args:
        plan: The boundaries of the looks that were taken, the last where it stopped; for "less" of the mirrored test.
        z: The difference over its standard error at that look.
        error: The standard error there, in the metric's unit, above 0.
        confidence: In (0, 1).
        alternative: As the test was planned.

    Raises:
        BadInput: The error is not above 0.

    Source: Fairbanks & Madsen (1982); Tsiatis, Rosner & Mehta (1984); Jennison & Turnbull (2000), chapter 8.

    >>> from millrace.experiments.group_sequential import boundaries
    >>> found = stagewise(boundaries(np.array([0.5])), 3.2, 1.0)
    >>> round(found.p_value, 5), round(found.estimate, 3)  # at the first look there is nothing to adjust for
    (0.00137, 3.2)
    """
    if not error > 0:
        raise BadInput(f"stagewise(error={error}): must be above 0")
    mirrored = -1.0 if alternative == "less" else 1.0
    outcomes = _Outcomes.before_the_last(plan)
    z, unit = mirrored * z, error * float(np.sqrt(plan.times[-1]))
    alpha, up = 1 - confidence, outcomes.log_beyond(z, 0.0)
    if alternative == "two-sided":
        log_p = min(float(np.log(2)) + min(up, outcomes.log_beyond(-z, 0.0, below=True)), 0.0)
        ends = (outcomes.drift(z, alpha / 2), outcomes.drift(z, 1 - alpha / 2))
    else:
        log_p, ends = up, (outcomes.drift(z, alpha), np.inf)
    low, high = sorted(mirrored * unit * end for end in ends)
    return Stagewise(float(np.exp(log_p)), log_p, mirrored * unit * outcomes.drift(z, 0.5), low, high)


@dataclass(frozen=True)
class _Outcomes:
    """What can have happened before the last look: having crossed upwards or downwards at one of them, or having come to the last."""

    paths: tuple[Path, ...]
    times: Array
    low: Array
    high: Array

    @staticmethod
    def before_the_last(plan: Boundaries) -> _Outcomes:
        paths = [Path.begun()]
        for t, low, high, then in zip(plan.times[:-1], plan.low[:-1], plan.high[:-1], plan.times[1:], strict=True):
            paths.append(paths[-1].within(t, low, high, then))
        return _Outcomes(tuple(paths), plan.times, plan.low, plan.high)

    def log_beyond(self, z: float, drift: float, *, below: bool = False) -> float:
        """Return the logarithm of the chance of an outcome as far up as z at the last look, or as far down as -z."""
        if below:
            mirrored = _Outcomes(tuple(Path(p.t, -p.s, p.mass) for p in self.paths), self.times, -self.high, -self.low)
            return mirrored.log_beyond(z, -drift)
        parts = [path.log_above(t, bound, drift) for path, t, bound in zip(self.paths[:-1], self.times[:-1], self.high[:-1], strict=True)]
        return float(np.logaddexp.reduce([*parts, self.paths[-1].log_above(self.times[-1], z, drift)]))

    def drift(self, z: float, chance: float) -> float:
        """Return the drift under which an outcome as far up has a chance."""
        root = float(np.sqrt(self.times[-1]))

        def missing(drift: float) -> float:
            return self.log_beyond(z, drift) - float(np.log(chance))

        return _from(missing, z / root, 1 / root)


def _from(rising: Callable[[float], float], start: float, step: float) -> float:
    """Return the root of a rising function, looked for about a start in growing steps."""
    low, high = start - 2 * step, start + 2 * step
    while rising(low) > 0:
        low -= 2 * (high - low)
    while rising(high) < 0:
        high += 2 * (high - low)
    return root(rising, low, high)
