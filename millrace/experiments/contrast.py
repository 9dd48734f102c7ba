"""Two arms' figures made into a comparison: the difference, its interval, its p-value, and the relative difference."""

from __future__ import annotations

import numpy as np

from millrace.experiments.comparison import AT_ONE_LOOK, Arm, Asked, Comparison, chance, reach
from millrace.experiments.reasons import Caution, Reason, Refused
from millrace.experiments.relative import has_base, relative
from millrace.experiments.welch import Error, welch


def contrast(
    metric: str,
    control: Arm,
    treatment: Arm,
    asked: Asked,
    *,
    method: str = "Welch",
    error: Error | None = None,
    cautions: tuple[Caution, ...] = (),
) -> Comparison:
    """Return how two independent figures compare, each of them near enough to normal.

    Args:
        metric: Its name.
        control: The control's figure.
        treatment: The treatment's.
        asked: The confidence, the side, and the difference that the hypothesis allows.
        method: In the field's words.
        error: The error of the difference; Welch's if not given.
        cautions: What is known already.

    Raises:
        Refused: An arm has no units or one, or nothing varies in either.
    """
    for arm in (control, treatment):
        check_size(metric, arm.name, arm.units)
    error = error or welch(control, treatment)
    if not error.size > 0:
        said = f"{metric} does not vary in {control.name} nor in {treatment.name}: nothing says how far chance would move it"
        raise Refused(Reason.NO_VARIANCE, f"{said}; read it over a longer time or of more units")
    if not np.isfinite(error.size):
        raise Refused(Reason.OUT_OF_BOUNDS, f"{metric} has values too large to be squared: divide them all by some power of ten")
    difference = treatment.value - control.value
    p_value, log_p = chance((difference - asked.beyond) / error.size, error.df, asked.alternative)
    below, above = reach(asked, error.df)
    base = relative(control, treatment, asked)
    return Comparison(
        metric=metric,
        control=control,
        treatment=treatment,
        method=method,
        difference=difference,
        error=error.size,
        low=difference - below * error.size,
        high=difference + above * error.size,
        relative=base.value if base else None,
        relative_low=base.low if base else None,
        relative_high=base.high if base else None,
        relative_by=asked.relative_by,
        p_value=p_value,
        log_p=log_p,
        confidence=asked.confidence,
        controls=AT_ONE_LOOK,
        cautions=(*cautions, *of_figures(metric, control, treatment, asked)),
    )


def check_size(metric: str, arm: str, units: int) -> None:
    """Refuse an arm of fewer than two units.

    Raises:
        Refused: It has none, or one.
    """
    if units == 0:
        raise Refused(Reason.EMPTY_ARM, f"{arm} has no units for {metric}: wait until some were exposed, or leave the arm out", arm)
    if units == 1:
        raise Refused(Reason.FEW_UNITS, f"{arm} has one unit for {metric}: at least two are needed to tell an effect from chance", arm)


def of_figures(metric: str, control: Arm, treatment: Arm, asked: Asked) -> tuple[Caution, ...]:
    """Return what must be known where an arm does not vary, or where there is nothing to relate the difference to."""
    found: list[Caution] = []
    for arm in (control, treatment):
        if arm.variance == 0:
            said = f"{metric} does not vary in {arm.name}: the error is that of the other arm alone, so it is too small"
            found.append(Caution(Reason.NO_VARIANCE, said))
    if not has_base(control, asked):
        said = f"{metric} of {control.name} may be 0 ({control.value:.4g} ± {np.sqrt(control.variance):.2g})"
        found.append(Caution(Reason.NO_BASE, f"{said}: no relative difference is given, read the absolute one"))
    elif asked.relative_by == "log" and min(control.value, treatment.value) <= 0:
        said = f"{metric} is not above 0 in both arms: a relative difference on the log scale needs that; ask for it by delta"
        found.append(Caution(Reason.NO_BASE, said))
    return tuple(found)
