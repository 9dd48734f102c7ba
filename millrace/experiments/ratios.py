"""The ratio of two sums over units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from millrace.experiments.comparison import Asked, Comparison
from millrace.experiments.contrast import contrast
from millrace.experiments.cuped import Explained, explained
from millrace.experiments.limited import Limited
from millrace.experiments.metric import PLAIN, said
from millrace.experiments.moments import Moments
from millrace.experiments.needs import Needs, Term
from millrace.experiments.ratio_metric import linear
from millrace.experiments.reasons import Caution, Reason
from millrace.experiments.shape import Shape, residual, shape_of, skewed
from millrace.experiments.summary import Summary
from millrace.types import Columns


@final
@dataclass(frozen=True)
class Ratio(Limited):
    """A ratio of totals, as clicks per view: what single events are like, when whole units were assigned.

    A unit's events go together, so its totals are what is independent (delta method). A change of the bottom moves it as one of the top
    does: where the treatment may do that, watch the bottom as a metric of its own. Limits hold for top and bottom, each for itself.

    Attributes:
        top: A column of totals per unit.
        bottom: Another, 0 or more; 1 for every unit makes a mean.

    >>> Ratio("clicks", "views").name
    'ratio of clicks / views'
    """

    top: Any
    bottom: Any

    def _about(self) -> str:
        return said(self.top, self.bottom)

    def needs(self) -> Needs:
        """Return what it must be told of every arm."""
        return Needs(frozenset({self._group(), self._squares()}))

    def compare(self, control: Summary, treatment: Summary, asked: Asked = PLAIN) -> Comparison:
        """Return how the treatment compares with the control."""
        one, other = self.figures(control, treatment)
        shapes = [self._shape(arm) for arm in (control, treatment)]
        cautions = skewed(self.name, shapes, asked, min(one.units, other.units))
        bent = tuple(caution for arm in (control, treatment) for caution in self._bent(arm))
        method = "CUPED, delta method" if self.covariates else "delta method"
        return contrast(self.name, one, other, asked, method=method, cautions=(*self.touched(control, treatment), *cautions, *bent))

    def draw(self, rng: np.random.Generator, n: int, like: Summary, effect: float = 0.0) -> Columns:
        """Return n made-up units, normal: totals and covariates with the means, variances and covariances that `like` has."""
        group = self._group()
        moments = like.moments(group)
        rows = rng.multivariate_normal(moments.means, moments.scatter / max(moments.n - 1, 1), n, method="eigh")
        rows[:, 0] += effect * rows[:, 1]
        return {term.column: rows[:, at] for at, term in enumerate(group)}

    def moved(self, rng: np.random.Generator, units: Columns, effect: float) -> Columns:
        """Return the tops as an effect on the ratio makes them. Shape (n,)."""
        top, bottom = (term.column for term in self.terms()[:2])
        return {top: units[top] + effect * units[bottom]}

    def _group(self) -> tuple[Term, ...]:
        return (self._term(self.top), self._term(self.bottom), *self._extra())

    def _squares(self) -> tuple[Term, ...]:
        top, bottom = self._group()[:2]
        return (top, bottom, top.multiplied(top), top.multiplied(bottom), bottom.multiplied(bottom))

    def _explained(self, moments: Moments) -> Explained:
        line = linear(moments)
        return explained(line.value, line.variance, line.of_others, moments, 2)

    def _df(self, units: int) -> float:
        return units - 1.0

    def _shape(self, arm: Summary) -> Shape:
        moments = arm.moments(self._squares())
        return shape_of(residual(moments, moments.means[0] / moments.means[1]), 1 / moments.means[1])

    def _bent(self, arm: Summary) -> tuple[Caution, ...]:
        moments = arm.moments(self._group())
        doubt = np.sqrt(moments.scatter[1, 1] / (moments.n - 1) / moments.n) / abs(moments.means[1])
        if doubt <= _MOST_DOUBT:
            return ()
        said = f"the bottom of {self.name} is known to {100 * doubt:.0f} % only in {arm.arm}, so its interval leans: read it of more units"
        return (Caution(Reason.FEW_UNITS, said),)


_MOST_DOUBT = 0.1
"""How large the bottom's standard error may be as a part of it."""
