"""A metric that every decision has for itself: what the others are means of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millrace.types import Array


@dataclass(frozen=True)
class PerDecision:
    """A metric of each decision.

    Attributes:
        each: The metric by decision, in ascending order of their numbers; NaN where it says nothing. Shape (decisions,).
    """

    each: Array

    @property
    def value(self) -> float:
        """The mean over the decisions that count; NaN when none does."""
        return float(np.nanmean(self.each)) if self.used else float("nan")

    @property
    def used(self) -> int:
        """How many decisions count."""
        return int((~np.isnan(self.each)).sum())


def divided(numerator: Array, denominator: Array) -> PerDecision:
    """Return numerator / denominator of each decision; it says nothing where the denominator is not above 0."""
    each = np.full(len(numerator), np.nan)
    np.divide(numerator, denominator, out=each, where=denominator > 0)
    return PerDecision(each)
