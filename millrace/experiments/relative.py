"""By what part of the control's value the treatment differs, with an interval made in one of two ways that are never mixed."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from millrace.experiments.comparison import Arm, Asked, quantile, reach
from millrace.experiments.welch import Error, combined


class Relative(NamedTuple):
    """A relative difference.

    Attributes:
        value: treatment / control - 1; 0.02 is 2 % more.
        low: The lower end of its interval.
        high: The upper end.
        error: The standard error of the value ("delta") or of the ratio's logarithm ("log").
        by: Which of both.
    """

    value: float
    low: float
    high: float
    error: Error
    by: Literal["delta", "log"]

    def distance(self, beyond: float) -> float:
        """Return how many of its standard errors it lies above another relative difference, on its scale."""
        if self.by == "delta":
            return (self.value - beyond) / self.error.size
        return float(np.log1p(self.value) - np.log1p(beyond)) / self.error.size


def relative(control: Arm, treatment: Arm, asked: Asked) -> Relative | None:
    """Return the relative difference; None where there is no base to relate to, or none that is surely other than 0.

    By "delta" the interval is symmetric about the value. By "log" it is symmetric about the ratio's logarithm, so it never reaches below
    -100 %, and both arms must be above 0. They agree where the control is known well; where it is known badly the first is too short
    above and too long below.

    Args:
        control: Its value is the base; its sign is left out, so more is always above 0.
        treatment: What is compared.
        asked: The confidence, the side, and by which scale.

    Source: Fieller (1954), Some Problems in Interval Estimation, for when there is no base; Deng, Knoblich & Lu (2018) for both scales.
    """
    if not has_base(control, asked) or (asked.relative_by == "log" and min(control.value, treatment.value) <= 0):
        return None
    ratio = treatment.value / control.value
    of_base, of_other = control.variance / control.value**2, treatment.variance / control.value**2
    if asked.relative_by == "delta":
        error = combined((of_base * ratio**2, control.df), (of_other, treatment.df))
        below, above = reach(asked, error.df)
        value = (treatment.value - control.value) / abs(control.value)
        return Relative(value, value - _times(below, error), value + _times(above, error), error, "delta")
    error = combined((of_base, control.df), (treatment.variance / treatment.value**2, treatment.df))
    below, above = reach(asked, error.df)
    low, high = np.log(ratio) - _times(below, error), np.log(ratio) + _times(above, error)
    return Relative(ratio - 1, float(np.expm1(low)), float(np.expm1(high)), error, "log")


def has_base(control: Arm, asked: Asked) -> bool:
    """Whether the control is surely other than 0: its own two-sided interval does not hold it."""
    half = quantile(0.5 + asked.confidence / 2, control.df) * np.sqrt(control.variance)
    return bool(abs(control.value) > half)


def _times(reach: float, error: Error) -> float:
    return reach * error.size if error.size > 0 else 0.0
