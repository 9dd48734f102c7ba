"""The mean of something per unit."""

from __future__ import annotations

from abc import ABC
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
from millrace.experiments.shape import shape_of, skewed
from millrace.experiments.summary import Summary
from millrace.experiments.welch import pooled
from millrace.types import Columns


@dataclass(frozen=True)
class Averaged(Limited, ABC):
    """A mean of a value over units, compared by Welch's t-test.

    Attributes:
        value: A column of numbers per unit, or something of the log that has one.
        pooled: Whether both arms are taken to vary alike (Student's t-test) rather than each for itself.
    """

    value: Any
    pooled: bool = False

    def _about(self) -> str:
        return said(self.value)

    def needs(self) -> Needs:
        """Return what it must be told of every arm."""
        return Needs(frozenset({self._group(), self._squares()}))

    def compare(self, control: Summary, treatment: Summary, asked: Asked = PLAIN) -> Comparison:
        """Return how the treatment compares with the control."""
        one, other = self.figures(control, treatment)
        shapes = [shape_of(arm.moments(self._squares())) for arm in (control, treatment)]
        cautions = self.touched(control, treatment) + skewed(self.name, shapes, asked, min(one.units, other.units))
        error = pooled(one, other) if self.pooled else None
        method = ("CUPED, " if self.covariates else "") + ("Student" if self.pooled else "Welch")
        return contrast(self.name, one, other, asked, method=method, error=error, cautions=cautions)

    def draw(self, rng: np.random.Generator, n: int, like: Summary, effect: float = 0.0) -> Columns:
        """Return n made-up units, normal: values and covariates with the means, variances and covariances that `like` has."""
        group = self._group()
        moments = like.moments(group)
        rows = rng.multivariate_normal(moments.means, moments.scatter / max(moments.n - 1, 1), n, method="eigh")
        rows[:, 0] += effect
        return {term.column: rows[:, at] for at, term in enumerate(group)}

    def _value(self) -> Term:
        return self._term(self.value)

    def _group(self) -> tuple[Term, ...]:
        return (self._value(), *self._extra())

    def _explained(self, moments: Moments) -> Explained:
        scatter = moments.scatter[0] / max(moments.n - 1, 1)
        return explained(moments.means[0], scatter[0], scatter[1:], moments, 1)

    def _df(self, units: int) -> float:
        return units - 1.0

    def _squares(self) -> tuple[Term, ...]:
        value = self._value()
        return (value, value.multiplied(value))


@final
@dataclass(frozen=True)
class Mean(Averaged):
    """The mean of a value per unit: what was watched, or paid.

    >>> Mean("watched", winsorise=0.99).name
    'mean of watched'
    """


@final
@dataclass(frozen=True)
class Count(Averaged):
    """How many events a unit has on average; those without any count as 0.

    >>> Count("likes").name
    'count of likes'
    """
