"""Novelty and primacy: does the effect fade, or grow, the longer units have been exposed?"""

from __future__ import annotations

from typing import Literal

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
        difference: treatment - control, in the metric's unit per row.
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


def by_exposure_age(
    unit: Array,
    treated: Array,
    age: Array,
    value: Array,
    asked: Asked = Asked(),  # noqa: B008 - frozen
) -> Ageing:
    """Return the effect by exposure age, with a test of its trend.

    Ages count from a unit's own first exposure, not from the experiment's start, so that a holiday is not taken for ageing. Its weakness:
    at high ages only the units are seen that came early and stayed; where the arms keep them in other shares, that is said.

    Args:
        unit: Who each row is of; a unit has a row per age at which it was seen. Shape (n,).
        treated: Whose each row is. Boolean, shape (n,).
        age: Whole, from 0. Shape (n,).
        value: The metric. Shape (n,).
        asked: The confidence of the intervals, two-sided.

    Raises:
        Refused: Fewer than two ages have two units in either arm, nothing varies, or a unit is in both arms.

    Source: Hohnhold, O'Brien & Tang (2015), Focusing on the Long-Term; Sadeghi, Gupta, Gramatovici et al. (2022), Novelty and Primacy.
    """
    treated = np.asarray(treated, dtype=bool)
    one_arm_each(unit, treated)
    value, age = finite("value", value, len(treated)), finite("age", age, len(treated))
    ages, which = np.unique(age, return_inverse=True)
    _, who = np.unique(unit, return_inverse=True)
    rows = np.stack([np.bincount(which[treated == side], minlength=len(ages)) for side in (False, True)])
    enough = np.asarray(rows.min(axis=0) >= 2)
    if enough.sum() < 2:
        raise Refused(Reason.FEW_UNITS, "fewer than two ages have two units in either arm: there is no trend to see yet; wait")
    kept = enough[which]
    treated, value, who = treated[kept], value[kept], who[kept]
    which, ages, rows = (np.cumsum(enough) - 1)[which[kept]], ages[enough], rows[:, enough]
    effects, covariance = _effects(who, treated, which, value, rows)
    errors = np.sqrt(np.diag(covariance))
    line = (ages - ages.mean()) / ((ages - ages.mean()) ** 2).sum()
    trend, error = float(line @ effects), float(np.sqrt(line @ covariance @ line))
    if not error > 0:
        raise Refused(Reason.NO_VARIANCE, "all units have the same value at all ages: nothing says how far chance moves it; read another")
    p_value, log_p = chance(trend / error, float("inf"), "two-sided")
    below, above = reach(Asked(confidence=asked.confidence))
    return Ageing(
        ages=tuple(
            AtAge(
                age=float(a),
                difference=float(d),
                error=float(e),
                low=float(d - below * e),
                high=float(d + above * e),
                units=(int(c), int(t)),
            )
            for a, d, e, c, t in zip(ages, effects, errors, *rows, strict=True)
        ),
        trend=trend,
        error=error,
        low=trend - below * error,
        high=trend + above * error,
        p_value=p_value,
        log_p=log_p,
        verdict=_verdict(effects, trend, is_sure=log_p <= np.log1p(-asked.confidence)),
        cautions=_cautions(ages, rows),
    )


def _effects(who: Array, treated: Array, which: Array, value: Array, rows: Array) -> tuple[Array, Array]:
    """Return (effects by age, their covariance): what each unit adds to each effect, times itself, summed over units."""
    ages = rows.shape[1]
    means = np.stack([np.bincount(which[treated == side], weights=value[treated == side], minlength=ages) for side in (False, True)]) / rows
    arm = treated.astype(np.int64)
    n = rows[arm, which]
    adds = np.where(treated, 1.0, -1.0) * (value - means[arm, which]) / n * np.sqrt(n / (n - 1))
    units, row = np.unique(who, return_inverse=True)
    covariance = np.zeros((ages, ages))
    for start in range(0, len(units), at_once := max(4_000_000 // ages, 1)):
        part = (row >= start) & (row < start + at_once)
        spread = np.zeros((min(at_once, len(units) - start), ages))
        np.add.at(spread, (row[part] - start, which[part]), adds[part])
        covariance += spread.T @ spread
    return means[1] - means[0], covariance


def _verdict(effects: Array, trend: float, *, is_sure: bool) -> Literal["novelty", "primacy", "steady"]:
    """Return in which way an effect goes: away from where it began towards 0, or further off."""
    if not is_sure:
        return "steady"
    return "novelty" if trend * effects[: max(len(effects) // 3, 1)].mean() < 0 else "primacy"


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
