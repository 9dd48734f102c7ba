"""Group-sequential boundaries for any looks: by spending, or the classical ones; with futility, and what a plan costs in units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from millrace.errors import BadInput
from millrace.experiments.crossing import Path, crossings
from millrace.experiments.root import root
from millrace.experiments.spending import ObrienFleming, Spending
from millrace.types import Array


@dataclass(frozen=True)
class Boundaries:
    """What z must reach at each look.

    Attributes:
        times: The information at each look as a part of the planned; beyond 1 where it overran. Shape (looks,).
        high: The upper boundary as z: at or above it the test stops and rejects. Shape (looks,).
        low: The lower boundary, minus infinite in one-sided plans. Shape (looks,).
        futile: Below it a one-sided plan may stop for futility; minus infinite where there is none. Non-binding: going on regardless
            does not raise the chance of a false alarm. Shape (looks,).
        spent: The chance of a false alarm, both sides together, used up by each look. Shape (looks,).
        said: How it is spent, in words, with the convention where there are two.
    """

    times: Array
    high: Array
    low: Array
    futile: Array
    spent: Array
    said: str

    def power(self, drift: float) -> float:
        """Return the chance to cross the upper boundary where z has the mean `drift` at information 1, futility not heeded."""
        return float(crossings(self.times, self.low, self.high, drift)[1].sum())

    def share(self, drift: float) -> float:
        """Return how much of the planned information is used on average, both boundaries heeded and futility too."""
        low = np.maximum(self.low, self.futile)
        low[-1] = min(low[-1], self.high[-1])
        down, up = crossings(self.times, low, self.high, drift)
        stopped = (down + up)[:-1]
        return float(stopped @ self.times[:-1] + (1 - stopped.sum()) * self.times[-1])


def boundaries(
    times: Array, alpha: float = 0.05, spending: Spending | None = None, sides: int = 2, *, final: bool = False, beta: float = 0.0
) -> Boundaries:
    """Return the boundaries of looks at any times, found exactly so that no more is spent by each look than the function allows.

    The looks need not be planned beforehand, in number or time, so long as nobody chooses them by what they have seen; their boundaries
    do not depend on later ones. The last look spends all that is left: one at 1 or beyond (overrun), or one said to be final (underrun).

    Args:
        times: The information so far at each look as a part of the planned, increasing, above 0; units do where their variance stays.
            Shape (looks,).
        alpha: The chance of a false alarm over all looks, both sides together, in (0, 1).
        spending: How it is spent; `ObrienFleming()` by default.
        sides: 2, or 1 for "greater" (mirror z for "less").
        final: Whether the last look is the last whatever its time.
        beta: Above 0: a one-sided plan's chance to miss the effect it is made for, for futility boundaries that spend it in the same way
            (`drift_for` says for which effect).

    Raises:
        BadInput: Times do not increase, a look follows the planned end, or futility is asked of a two-sided plan.

    Source: Lan & DeMets (1983); Jennison & Turnbull (2000), chapters 7 and 19.

    >>> np.round(boundaries(np.arange(1, 6) / 5).high, 3)
    array([4.877, 3.357, 2.68 , 2.29 , 2.031])
    """
    times, spending = checked_times(times), ObrienFleming() if spending is None else spending
    if beta and sides == 2:
        raise BadInput("futility boundaries need a one-sided plan: sides=1")
    spent = np.asarray(spending.spent(np.minimum(times, 1.0), alpha, sides), dtype=np.float64)
    if final or times[-1] >= 1:
        spent[-1] = alpha
    if (times[:-1] >= 1).any():
        raise BadInput("a look follows one at the planned end, where all was spent: drop it, or plan for more")
    high = _upper(times, np.diff(spent, prepend=0.0) / sides, sides)
    low = -high if sides == 2 else np.full(len(times), -np.inf)
    none = np.full(len(times), -np.inf)
    if not beta:
        return Boundaries(times, high, low, none, spent, spending.said(sides))
    if spent[-1] < alpha:  # the effect that is planned for is found by the planned end
        whole = boundaries(np.append(times, 1.0), alpha, spending, sides, beta=beta)
        return Boundaries(times, high, low, whole.futile[:-1], spent, whole.said)
    futile = futility(times, high, beta, spending, drift_for(times, high, beta, spending))
    return Boundaries(times, high, low, futile, spent, spending.said(sides))


def classical(times: Array, alpha: float = 0.05, shape: float = 0.0, sides: int = 2) -> Boundaries:
    """Return the boundaries z = C t ** (shape - 1/2) whose chance of a false alarm over all looks is alpha.

    The family of Wang and Tsiatis: 0 is O'Brien and Fleming's, 1/2 Pocock's. All looks must be known beforehand.

    Args:
        times: The information at each look as a part of that at the last, increasing. Shape (looks,).
        alpha: The chance of a false alarm over all looks, both sides together.
        shape: Of the boundary.
        sides: 2, or 1.

    Source: O'Brien & Fleming (1979); Pocock (1977); Wang & Tsiatis (1987).

    >>> [round(float(classical(np.arange(1, 6) / 5, shape=shape).high[-1]), 3) for shape in (0.0, 0.5)]
    [2.04, 2.413]
    """
    times = checked_times(times)
    shaped = (times / times[-1]) ** (shape - 0.5)

    def spent(constant: float) -> Array:
        high = constant * shaped
        low = -high if sides == 2 else np.full(len(times), -np.inf)
        down, up = crossings(times, low, high)
        return np.cumsum(up + (down if sides == 2 else 0.0))

    start = -special.ndtri(alpha / sides)
    constant = root(lambda c: float(spent(c)[-1]) - alpha, start - 1e-9, start + 6)
    high, none = constant * shaped, np.full(len(times), -np.inf)
    return Boundaries(times, high, -high if sides == 2 else none, none, spent(constant), f"boundaries z = {constant:.4f} t^{shape - 0.5:g}")


def futility(times: Array, high: Array, beta: float, spending: Spending, drift: float) -> Array:
    """Return the z below which the chance to miss an effect of this drift is used up as it is spent. Shape (looks,).

    At the last look it meets the upper boundary if the drift is that of `drift_for`; before, it never exceeds the upper one.
    """
    spent = np.asarray(spending.spent(np.minimum(times, 1.0), beta, 1), dtype=np.float64)
    path, low = Path.begun(), np.full(len(times), -np.inf)
    for look, chance in enumerate(np.diff(spent, prepend=0.0)):
        low[look] = path.quantile(times[look], chance, drift, below=True)
        if look + 1 < len(times):
            low[look] = min(low[look], high[look])
            path = path.within(times[look], low[look], high[look], times[look + 1])
    return low


def drift_for(times: Array, high: Array, beta: float, spending: Spending | None, sides: int = 1) -> float:
    """Return the mean of z at information 1 that is found with chance 1 - beta; with spending for beta, if futility is heeded too."""
    reach = -special.ndtri(beta)
    bracket = (0.05, float(high[-1]) + reach + 4)
    if spending is None:
        low = -high if sides == 2 else np.full(len(high), -np.inf)
        return root(lambda d: float(crossings(times, low, high, d)[1].sum()) - 1 + beta, *bracket)

    def apart(drift: float) -> float:
        return float(np.clip(futility(times, high, beta, spending, drift)[-1] - high[-1], -50, 50))

    return root(apart, *bracket)


def inflation(
    times: Array, alpha: float = 0.05, beta: float = 0.2, spending: Spending | None = None, sides: int = 2, *, futile: bool = False
) -> float:
    """Return by what factor a plan's greatest number of units exceeds a single test's with the same level and power.

    Args:
        times: The looks as parts of the planned information, the last at 1. Shape (looks,).
        alpha: The chance of a false alarm, both sides together.
        beta: The chance to miss the effect, in (0, 1).
        spending: How alpha is spent; `ObrienFleming()` by default.
        sides: 2, or 1.
        futile: Whether a one-sided plan stops for futility too, spending beta as alpha.

    >>> round(inflation(np.arange(1, 6) / 5, beta=0.1), 3)
    1.023
    """
    spending = ObrienFleming() if spending is None else spending
    plan = boundaries(times, alpha, spending, sides)
    drift = drift_for(plan.times, plan.high, beta, spending if futile else None, sides)
    return float((drift / (special.ndtri(alpha / sides) + special.ndtri(beta))) ** 2)


def checked_times(times: Array) -> Array:
    """Return times as floats, refusing those that do not increase from above 0."""
    times = np.asarray(times, dtype=np.float64)
    if not (times.ndim == 1 and len(times) and np.isfinite(times).all() and times[0] > 0 and (np.diff(times) > 0).all()):
        raise BadInput(f"the times of looks must increase, from above 0: {times.tolist()}")
    return times


def _upper(times: Array, each: Array, sides: int) -> Array:
    """Return the upper boundary where `each` is spent on that side at each look."""
    path, high = Path.begun(), np.empty(len(times))
    for look, (t, chance) in enumerate(zip(times, each, strict=True)):
        high[look] = path.upper(t, chance)
        if look + 1 < len(times):
            path = path.within(t, -high[look] if sides == 2 else -np.inf, high[look], times[look + 1])
    return high
