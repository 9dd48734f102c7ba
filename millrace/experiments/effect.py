"""The effect of one arm over another when units are assigned and decisions are counted: a ratio per arm, errors by the delta method."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millrace.errors import BadInput
from millrace.types import Array


@dataclass(frozen=True)
class Effect:
    """How much more of something the treatment has than the control.

    Attributes:
        control: The control's mean per row.
        treatment: The treatment's mean per row.
        lift: treatment / control - 1.
        low: Lower end of the lift's interval.
        high: Upper end.
        difference: treatment - control.
        error: Standard error of the difference.
        units: How many units each arm had: (control, treatment).
        rows: How many rows each arm had.
    """

    control: float
    treatment: float
    lift: float
    low: float
    high: float
    difference: float
    error: float
    units: tuple[int, int]
    rows: tuple[int, int]

    @property
    def z(self) -> float:
        """The difference in standard errors; 0 when there is no error to measure it by."""
        return self.difference / self.error if self.error > 0 else 0.0


def effect(unit: Array, treated: Array, value: Array, sigmas: float = 1.96) -> Effect:
    """Return the effect on the mean value per row, when whole units were assigned.

    Rows of a unit are not independent, so the error is that of a ratio of unit totals (delta method), not that of rows.

    Args:
        unit: Who was assigned, per row. Shape (n,).
        treated: Whether the row's unit is in the treatment. Boolean, shape (n,).
        value: What is compared, per row. Shape (n,).
        sigmas: The half width of the interval in standard errors; 1.96 is 95 %.

    Raises:
        BadInput: An arm has fewer than two units: nothing can be said about its error.

    Source: Deng, Knoblich & Lu (2018), Applying the Delta Method in Metric Analytics.
    """
    control = _ratio(unit[~treated], value[~treated])
    treatment = _ratio(unit[treated], value[treated])
    for name, arm in (("control", control), ("treatment", treatment)):
        if arm[2] < 2:
            raise BadInput(f"the {name} has {arm[2]} units: at least two are needed to tell an effect from chance")
    difference = treatment[0] - control[0]
    error = float(np.sqrt(control[1] + treatment[1]))
    lift, spread = _lift(control, treatment)
    counts = (int((~treated).sum()), int(treated.sum()))
    return Effect(
        control[0],
        treatment[0],
        lift,
        lift - sigmas * spread,
        lift + sigmas * spread,
        difference,
        error,
        (control[2], treatment[2]),
        counts,
    )


def _ratio(unit: Array, value: Array) -> tuple[float, float, int]:
    """Return (mean per row, its variance, units) of one arm."""
    _, code = np.unique(unit.astype(str), return_inverse=True)
    totals, rows = np.bincount(code, weights=value), np.bincount(code).astype(np.float64)
    units = len(rows)
    if units < 2:
        return (float("nan"), float("nan"), units)
    mean = totals.sum() / rows.sum()
    residual = totals - mean * rows
    return float(mean), float(residual.var(ddof=1) / units / rows.mean() ** 2), units


def _lift(control: tuple[float, float, int], treatment: tuple[float, float, int]) -> tuple[float, float]:
    if control[0] == 0:
        return float("nan"), float("nan")
    ratio = treatment[0] / control[0]
    variance = treatment[1] / control[0] ** 2 + ratio**2 * control[1] / control[0] ** 2
    return ratio - 1, float(np.sqrt(variance))
