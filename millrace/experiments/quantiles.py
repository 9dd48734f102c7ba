"""A quantile of something per unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from scipy import special

from millrace.errors import DeclarationError
from millrace.experiments.comparison import Arm, Asked, Comparison
from millrace.experiments.contrast import check_size, contrast
from millrace.experiments.metric import PLAIN, Declared, column_of, said
from millrace.experiments.needs import Needs, Ordered, Term
from millrace.experiments.quantile_difference import is_tied, is_too_few, woodruff
from millrace.experiments.reasons import Caution, Reason
from millrace.experiments.summary import Summary
from millrace.types import Columns


@final
@dataclass(frozen=True)
class Quantile(Declared):
    """A quantile of a value per unit, as the median or the slowest hundredth. Covariates cannot sharpen it.

    Attributes:
        value: A column of numbers per unit.
        q: Which quantile, in (0, 1): 0.5 is the median.

    >>> Quantile("latency_ms", 0.99, better="less").name
    'quantile of latency_ms at 0.99'
    """

    value: Any
    q: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.q < 1:
            raise DeclarationError(f"{self.name}: q={self.q!r} is no quantile: write a number between 0 and 1, such as 0.5 for the median")
        if self.covariates:
            raise DeclarationError(f"{self.name}: covariates cannot sharpen a quantile: leave them out, or declare a Mean with winsorise=")

    def _about(self) -> str:
        return f"{said(self.value)} at {self.q:g}"

    def needs(self) -> Needs:
        """Return what it must be told of every arm."""
        return Needs(ordered=frozenset({self._asked()}))

    def figure(self, arm: Summary) -> Arm:
        """Return an arm's figure by itself."""
        check_size(self.name, arm.arm, arm.units)
        value, variance = woodruff(arm.ordered(self._asked()), self._asked(), arm.units)
        return Arm(name=arm.arm, value=value, variance=variance, units=arm.units, df=float("inf"))

    def figures(self, control: Summary, treatment: Summary) -> tuple[Arm, Arm]:
        """Return both arms' figures."""
        return self.figure(control), self.figure(treatment)

    def compare(self, control: Summary, treatment: Summary, asked: Asked = PLAIN) -> Comparison:
        """Return how the treatment compares with the control."""
        figures = self.figures(control, treatment)
        cautions = tuple(caution for arm in (control, treatment) for caution in (*self._few(arm), *self._tied(arm)))
        return contrast(self.name, *figures, asked, method="Woodruff", cautions=cautions)

    def draw(self, rng: np.random.Generator, n: int, like: Summary, effect: float = 0.0) -> Columns:
        """Return n made-up units, normal, with the quantile that `like` has, and the density there that its error speaks of."""
        arm = self.figure(like)
        z = float(special.ndtri(self.q))
        density = np.sqrt(self.q * (1 - self.q) / (arm.variance * arm.units))
        spread = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) / density
        return {column_of(self.value): rng.normal(arm.value - z * spread + effect, spread, n)}

    def _asked(self) -> Ordered:
        return Ordered(Term(column_of(self.value)), self.q)

    def _few(self, arm: Summary) -> tuple[Caution, ...]:
        if not is_too_few(self.q, arm.units):
            return ()
        said = f"{self.name}: of the {arm.units} units of {arm.arm} fewer than ten lie beyond it, so its interval is rough"
        return (Caution(Reason.FEW_UNITS, f"{said}: read it of more units"),)

    def _tied(self, arm: Summary) -> tuple[Caution, ...]:
        if not is_tied(arm.ordered(self._asked()), self._asked(), arm.units):
            return ()
        said = (
            f"{self.name}: so many units of {arm.arm} share its value, or one near by, that it may jump by luck, and its interval is rough"
        )
        return (Caution(Reason.SKEWED, f"{said}: read a mean, or the share of units above a limit"),)
