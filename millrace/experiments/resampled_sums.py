"""A difference of two ratios of sums and its error, for many draws of the same units at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from millrace.experiments.two_arms import TwoArms
from millrace.types import Array

AT_ONCE = 4_000_000
"""How many (draw, unit) pairs are held in memory together."""


class Sums(NamedTuple):
    """Sums over the units of an arm, a row per draw.

    Attributes:
        n: Units. Shape (draws,).
        all: Of (top, bottom, top², top · bottom, bottom²). Shape (draws, 5).
    """

    n: Array
    all: Array

    def ratio(self) -> Array:
        """Return the figures. Shape (draws,)."""
        return self.all[:, 0] / self.all[:, 1]

    def variance(self) -> Array:
        """Return their variances by the delta method. Shape (draws,)."""
        top, bottom, squares, cross, under = self.all.T
        ratio = top / bottom
        spread = squares - 2 * ratio * cross + ratio**2 * under
        return np.maximum(spread, 0.0) * self.n / (self.n - 1) / bottom**2


def terms(arms: TwoArms) -> Array:
    """Return what `Sums` sums, per unit. Shape (units, 5).

    The overall figure is taken off first: it moves both arms alike, and squares of what is left do not cancel.
    """
    top = arms.top - arms.bottom * (arms.top.sum() / arms.bottom.sum())
    return np.column_stack([top, arms.bottom, top**2, top * arms.bottom, arms.bottom**2])


def differences(control: Sums, treatment: Sums) -> tuple[Array, Array]:
    """Return treatment - control, and its standard error. Shape (draws,) each."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return treatment.ratio() - control.ratio(), np.sqrt(control.variance() + treatment.variance())


def in_errors(difference: Array, error: Array) -> Array:
    """Return differences in standard errors; infinite where there is no error, 0 where there is no difference either."""
    scale = np.abs(difference).max(initial=0.0) * 1e-12
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.abs(difference) <= scale, 0.0, difference / error)
