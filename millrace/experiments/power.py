"""How many units, how much power, or how small an effect: any one of them from the other two."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy import special

from millrace.errors import BadInput
from millrace.experiments.design import Design
from millrace.experiments.proportions import Share, score
from millrace.experiments.root import root
from millrace.experiments.spread import Spread
from millrace.experiments.welch import Error, combined
from millrace.types import Array

_MOST = 2**62
_FEWEST = 2  # units, or clusters, of an arm: one has no variance
_DESIGN = Design()


def power_of(spread: Spread, units: float, effect: float, design: Design = _DESIGN) -> float:
    """Return the chance that an effect is shown: exact for normal values (noncentral t), near it otherwise.

    With several treatments it is that of the smallest one, all having the same effect. A two-sided test that rejects to the wrong side
    is counted too, as is usual; that matters only where power is below some tenth.

    Its weakness: it believes the variance. One that was measured badly, or in another season, plans badly. And with a handful of units
    per arm Welch's test finds some points less, as it does not know that both vary alike; Student's (`pooled`) is exact there.

    Args:
        spread: The control's value and what variance a unit brings.
        units: Of all arms together.
        effect: treatment - control, in the metric's unit.
        design: Level, side, margin, shares.

    Raises:
        BadInput: There are too few units for any variance, or a share would leave [0, 1].

    >>> round(power_of(Spread(value=10.0, variance=1.0), units=128, effect=0.5), 4)
    0.8015
    """
    power = _at_one_look(spread, units / design.more_units(0.5), effect, design)
    for _ in range(50 if callable(design.inflation) else 0):  # what looking early costs depends, a little, on the power itself
        before, power = power, _at_one_look(spread, units / design.more_units(float(np.clip(power, 0.1, 1 - 1e-6))), effect, design)
        if abs(power - before) < 1e-12:
            break
    return power


def units_for(spread: Spread, effect: float, power: float = 0.8, design: Design = _DESIGN) -> int:
    """Return the least number of units, of all arms together, with which an effect is shown with a chance of `power`.

    Raises:
        BadInput: The effect is one that the hypothesis allows, so no number of units shows it.

    >>> units_for(Spread(value=10.0, variance=1.0), effect=0.5)
    128
    """
    _check(power, design)
    away = effect - design.beyond
    if away == 0 or away * {"two-sided": away, "greater": 1, "less": -1}[design.alternative] < 0:
        raise BadInput(f"an effect of {effect} is one that the hypothesis allows: no number of units shows it", field="effect")
    factor = design.more_units(power)

    def shows(units: int) -> bool:
        return _at_one_look(spread, units / factor, effect, design) >= power

    low = math.ceil(_FEWEST * max(spread.per_df, 1.0) * factor / min(design.shares) - 1e-9)
    high = low
    while not shows(high):
        low, high = high, 2 * high
        if high > _MOST:
            raise BadInput(f"an effect of {effect} needs more than {_MOST:.0e} units: look for a larger one", field="effect")
    return _first(shows, low, high)


def detectable(spread: Spread, units: float, power: float = 0.8, design: Design = _DESIGN) -> float:
    """Return the smallest effect, in the metric's unit, that is shown with a chance of `power` (minimum detectable effect).

    It is above the margin, or above 0; for "less" below. A share's differ to both sides: for two-sided designs it is the one upwards.

    Raises:
        BadInput: No effect is found so surely with so few units.
    """
    _check(power, design)
    side = -1.0 if design.alternative == "less" else 1.0
    single = units / design.more_units(power)
    step = _error(spread, single, 0.0, design).size
    most = np.inf
    if spread.is_share:
        most = ((1 - spread.value) if side > 0 else spread.value) * (1 - 1e-9) - side * design.beyond

    def short(away: float) -> float:
        return _at_one_look(spread, single, design.beyond + side * away, design) - power

    high = min(4 * step, most)
    while short(high) < 0:
        if high >= most:
            raise BadInput(f"{units:.0f} units show no effect on a share of {spread.value:g} with power {power:g}", field="units")
        high = min(2 * high, most)
    return design.beyond + side * root(short, 0.0, high, near=1e-14 * high)


def mde_curve(spread: Spread, units: Sequence[float] | Array, power: float = 0.8, design: Design = _DESIGN) -> Array:
    """Return the minimum detectable effect at each of several numbers of units. Shape (n,).

    >>> mde_curve(Spread(value=10.0, variance=1.0), [100, 400, 1600]).round(3)
    array([0.566, 0.281, 0.14 ])
    """
    return np.array([detectable(spread, each, power, design) for each in units])


def _at_one_look(spread: Spread, units: float, effect: float, design: Design) -> float:
    error = _error(spread, units, effect, design)
    return rejected((effect - design.beyond) / error.size, error.df, design, _widened(spread, units, effect, design))


def rejected(z: float, df: float, design: Design, widened: float = 1.0) -> float:
    """Return the chance that a test rejects where the difference is z standard errors beyond what the hypothesis allows.

    Args:
        z: The noncentrality.
        df: Of the standard error; infinite where it is known.
        design: For the level and the side.
        widened: The error that the test takes, in terms of the one that is true.
    """
    level = design.level
    if design.alternative == "greater":
        return _beyond(widened * _critical(level, df), df, z)
    if design.alternative == "less":
        return _beyond(widened * _critical(level, df), df, -z)
    critical = widened * _critical(level / 2, df)
    return _beyond(critical, df, z) + _beyond(critical, df, -z)


def _critical(tail: float, df: float) -> float:
    return float(-special.ndtri(tail) if np.isinf(df) else -special.stdtrit(df, tail))


def _beyond(critical: float, df: float, z: float) -> float:
    if np.isinf(df):
        return float(special.ndtr(z - critical))
    found = float(special.nctdtr(df, -z, -critical))
    return found if np.isfinite(found) else float(z > critical)  # it fails only where the chance is 0 or 1 but for rounding


def _error(spread: Spread, units: float, effect: float, design: Design) -> Error:
    """Return the standard error of the difference with the treatment that has the fewest units."""
    here, there = units * design.shares[0], units * min(design.shares[1:])
    dfs = [each / spread.per_df - 1 if spread.per_df else np.inf for each in (here, there)]
    if not units > 0 or min(dfs) < _FEWEST - 1 - 1e-9 or min(here, there) < _FEWEST - 1e-9:
        raise BadInput(f"{units:.4g} units leave an arm too few for any variance: plan for more", field="units")
    if spread.is_share and not 0 <= spread.value + effect <= 1:
        raise BadInput(f"a share of {spread.value:g} cannot move by {effect:g}: it would leave 0 to 1", field="effect")
    moved = spread.moved(effect)
    if not design.pooled:
        return combined((spread.variance / here, dfs[0]), (moved / there, dfs[1]))
    df = sum(dfs)
    parts = dfs if np.isfinite(df) else [here, there]
    alike = (spread.variance * parts[0] + moved * parts[1]) / sum(parts)
    return Error(float(np.sqrt(alike * (1 / here + 1 / there))), df)


def _widened(spread: Spread, units: float, effect: float, design: Design) -> float:
    """Return the error that the test takes in terms of the true one: a score test of shares takes that under the hypothesis.

    In arms of one size they hardly differ; in a small arm whose share grows the true one is larger, and a plan without it finds less.
    """
    away, other = effect - design.beyond, spread.value + effect
    if not spread.is_share or not away:
        return 1.0
    here, there = units * design.shares[0], units * min(design.shares[1:])
    z = score(Share(spread.value * here, here), Share(other * there, there), design.beyond)
    true = np.sqrt(spread.value * (1 - spread.value) / here + other * (1 - other) / there)
    return float(away / z / true)


def _first(holds: Callable[[int], bool], low: int, high: int) -> int:
    """Return the least whole number above `low` that holds, given that `high` does and that it goes on from there."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _check(power: float, design: Design) -> None:
    if not design.level < power < 1:
        raise BadInput(f"power={power}: between the level {design.level:.3g} and 1, such as 0.8", field="power")
