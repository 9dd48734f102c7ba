"""Novelty and primacy: does the effect fade, or grow, the longer units have been exposed?"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec
import numpy as np

from millrace.experiments.comparison import Asked, chance, reach
from millrace.experiments.reasons import Caution, Reason, Refused
from millrace.experiments.srm import sample_ratio
from millrace.experiments.two_arms import finite
from millrace.experiments.units import one_arm_each
from millrace.types import Array


class AtAge(msgspec.Struct, frozen=True, kw_only=True):
    """The effect on units of one exposure age.

    Attributes:
        age: Since each unit's own first exposure, in the unit that was given (days, say).
        difference: treatment - control, in the metric's unit per row, or as a part of the control's value at that age.
        error: Its standard error.
        low: The lower end of its interval.
        high: The upper end.
        units: How many units were seen at this age: (control, treatment).
    """

    age: float
    difference: float
    error: float
    low: float
    high: float
    units: tuple[int, int]


class Ageing(msgspec.Struct, frozen=True, kw_only=True):
    """How an effect goes with exposure.

    Attributes:
        ages: The effect at each age, ascending.
        trend: By how much the effect grows per unit of age: a line through the ages.
        error: Its standard error; ages share units, and it knows that.
        low: The lower end of the trend's interval.
        high: The upper end.
        p_value: The chance of a trend at least as steep if there is none.
        log_p: Its natural logarithm.
        verdict: "novelty" where an effect surely fades, "primacy" where it surely grows, "steady" where neither was shown.
        cautions: What must be known of it.
        is_relative: Whether effects are parts of the control's value at their age.
    """

    ages: tuple[AtAge, ...]
    trend: float
    error: float
    low: float
    high: float
    p_value: float
    log_p: float
    verdict: Literal["novelty", "primacy", "steady"]
    cautions: tuple[Caution, ...] = ()
    is_relative: bool = False


def by_exposure_age(
    unit: Array,
    treated: Array,
    age: Array,
    value: Array,
    asked: Asked = Asked(),  # noqa: B008 - frozen
    *,
    bottom: Array | None = None,
    relative: bool = False,
) -> Ageing:
    """Return the effect by exposure age, with a test of its trend.

    Ages count from a unit's own first exposure, not from the experiment's start, so that a holiday is not taken for ageing. Its weakness:
    at high ages only the units are seen that came early and stayed; where the arms keep them in other shares, that is said.
    Where units do less of everything as they age, so does any effect: then ask for it `relative` to the control.

    Args:
        unit: Who each row is of; a unit has a row per age at which it was seen. Shape (n,).
        treated: Whose each row is. Boolean, shape (n,).
        age: Whole, from 0. Shape (n,).
        value: The metric, or the top of a ratio. Shape (n,).
        asked: The confidence of the intervals, two-sided.
        bottom: The bottom of a ratio of totals, 0 or more; 1 each if not given, for a mean. Shape (n,).
        relative: Whether effects are parts of the control's value at their age; ages at which that may be 0 are left out, and the line
            through the others heeds how well each is known.

    Raises:
        Refused: Fewer than two ages have two units in either arm, nothing varies, or a unit is in both arms.

    Source: Hohnhold, O'Brien & Tang (2015), Focusing on the Long-Term; Sadeghi, Gupta, Gramatovici et al. (2022), Novelty and Primacy.
    """
    rows = _rows(unit, np.asarray(treated, dtype=bool), age, value, bottom, relative=relative)
    effects, covariance = _effects(rows, relative=relative)
    errors = np.sqrt(np.diag(covariance))
    weight = 1 / errors**2 if relative and (errors > 0).all() else np.ones(len(errors))
    weight /= weight.sum()
    apart = rows.ages - weight @ rows.ages
    line = weight * apart / (weight @ apart**2)
    trend, error = float(line @ effects), float(np.sqrt(line @ covariance @ line))
    if not error > 0:
        raise Refused(Reason.NO_VARIANCE, "all units have the same value at all ages: nothing says how far chance moves it; read another")
    p_value, log_p = chance(trend / error, float("inf"), "two-sided")
    below, above = reach(Asked(confidence=asked.confidence))
    return Ageing(
        ages=_at_ages(rows, effects, errors, below, above),
        trend=trend,
        error=error,
        low=trend - below * error,
        high=trend + above * error,
        p_value=p_value,
        log_p=log_p,
        verdict=_verdict(weight @ effects + trend * apart[[0, -1]], is_sure=log_p <= np.log1p(-asked.confidence)),
        cautions=_cautions(rows.ages, rows.units),
        is_relative=relative,
    )


class _Rows(NamedTuple):
    """Rows at ages that can be compared: who, whose, the place of each one's age, top and bottom; the ages, and units by arm and age."""

    who: Array
    treated: Array
    which: Array
    value: Array
    under: Array
    ages: Array
    units: Array


def _rows(unit: Array, treated: Array, age: Array, value: Array, bottom: Array | None, *, relative: bool) -> _Rows:
    """Return the rows at ages with two units in either arm, and a control that is surely not 0 where effects are parts of it."""
    one_arm_each(unit, treated)
    value, age = finite("value", value, len(treated)), finite("age", age, len(treated))
    under = np.ones(len(value)) if bottom is None else finite("bottom", bottom, len(treated))
    ages, which = np.unique(age, return_inverse=True)
    _, who = np.unique(unit, return_inverse=True)
    units = _by_age(which, treated, np.ones(len(value)), len(ages)).astype(np.int64)
    enough = np.asarray((units.min(axis=0) >= 2) & (_by_age(which, treated, under, len(ages)).min(axis=0) > 0))
    if relative:
        enough &= _has_base(which, treated, value, under, units)
    if enough.sum() < 2:
        more = ", and a control that is surely not 0" if relative else ""
        raise Refused(Reason.FEW_UNITS, f"fewer than two ages have two units in either arm{more}: there is no trend to see yet; wait")
    kept, place = enough[which], np.cumsum(enough) - 1
    return _Rows(who[kept], treated[kept], place[which[kept]], value[kept], under[kept], ages[enough], units[:, enough])


def _at_ages(rows: _Rows, effects: Array, errors: Array, below: float, above: float) -> tuple[AtAge, ...]:
    return tuple(
        AtAge(
            age=float(a), difference=float(d), error=float(e), low=float(d - below * e), high=float(d + above * e), units=(int(c), int(t))
        )
        for a, d, e, c, t in zip(rows.ages, effects, errors, *rows.units, strict=True)
    )


def _by_age(which: Array, treated: Array, value: Array, ages: int) -> Array:
    """Return totals by arm, the control first, and age. Shape (2, ages)."""
    return np.stack([np.bincount(which[treated == side], weights=value[treated == side], minlength=ages) for side in (False, True)])


def _has_base(which: Array, treated: Array, value: Array, under: Array, rows: Array) -> Array:
    """Return at which ages the control is surely not 0: by three standard errors. Shape (ages,)."""
    ages, control = rows.shape[1], ~treated
    n, bottom = np.maximum(rows[0], 2), np.maximum(_by_age(which, treated, under, ages)[0], 1e-300)
    figure = _by_age(which, treated, value, ages)[0] / bottom
    apart = np.where(control, value - figure[which] * under, 0.0)
    error = np.sqrt(_by_age(which, treated, apart**2, ages)[0] * n / (n - 1)) / bottom
    return np.abs(figure) > 3 * error


def _effects(rows: _Rows, *, relative: bool) -> tuple[Array, Array]:
    """Return (effects by age, their covariance): what each unit adds to each effect, times itself, summed over units."""
    who, treated, which, value, under, _, units_at = rows
    ages = units_at.shape[1]
    bottoms = _by_age(which, treated, under, ages)
    means = _by_age(which, treated, value, ages) / bottoms
    arm = treated.astype(np.int64)
    n = units_at[arm, which]
    adds = np.where(treated, 1.0, -1.0) * (value - means[arm, which] * under) / bottoms[arm, which] * np.sqrt(n / (n - 1))
    if relative:  # the delta method
        base = np.abs(means[0, which])
        adds = adds * np.where(treated, 1 / base, means[1, which] / means[0, which] / base)
    units, row = np.unique(who, return_inverse=True)
    covariance = np.zeros((ages, ages))
    for start in range(0, len(units), at_once := max(4_000_000 // ages, 1)):
        part = (row >= start) & (row < start + at_once)
        spread = np.zeros((min(at_once, len(units) - start), ages))
        np.add.at(spread, (row[part] - start, which[part]), adds[part])
        covariance += spread.T @ spread
    return (means[1] - means[0]) / (np.abs(means[0]) if relative else 1.0), covariance


def _verdict(ends: Array, *, is_sure: bool) -> Literal["novelty", "primacy", "steady"]:
    """Return in which way an effect goes, given where the line through it begins and ends: towards 0, or further off."""
    if not is_sure:
        return "steady"
    return "novelty" if abs(ends[1]) < abs(ends[0]) else "primacy"


def _cautions(ages: Array, rows: Array) -> tuple[Caution, ...]:
    """Say where the arms keep their units in other shares as they age."""
    first = rows[:, 0]
    weights = {"control": float(first[0]), "treatment": float(first[1])}
    wrong = [
        f"{age:g}"
        for age, (c, t) in zip(ages[1:], rows.T[1:], strict=True)
        if sample_ratio({"control": int(c), "treatment": int(t)}, weights).is_mismatch
    ]
    if not wrong:
        return ()
    said = f"at age {', '.join(wrong[:5])} the arms hold units in other shares than at the start: the effect there is partly of who stayed"
    return (Caution(Reason.WRONG_SHARES, said),)
