"""Metrics that covariates sharpen: those that are, near enough, the mean of something per unit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from millrace.experiments.comparison import Arm, chance
from millrace.experiments.contrast import check_size
from millrace.experiments.cuped import Explained, coefficients, without
from millrace.experiments.metric import Declared
from millrace.experiments.moments import Moments
from millrace.experiments.needs import Term
from millrace.experiments.reasons import Caution, Reason
from millrace.experiments.summary import Summary
from millrace.types import Columns

_NO_LUCK = 0.001
"""Below this p-value a covariate differs between arms for another reason than luck."""


@dataclass(frozen=True, kw_only=True)
class Adjusted(Declared, ABC):
    """A metric of terms whose moments say all: its value and how that varies with covariates."""

    @abstractmethod
    def _group(self) -> tuple[Term, ...]:
        """Return the terms it reads together, its covariates last."""

    @abstractmethod
    def _explained(self, moments: Moments) -> Explained:
        """Return its value, and how that varies with the covariates, over some units.

        Raises:
            Refused: It has no value.
        """

    def moved(self, rng: np.random.Generator, units: Columns, effect: float) -> Columns:
        """Return the column that an effect on units moves, as it would be with it. Shape (n,)."""
        value = self.terms()[0].column
        return {value: units[value] + effect}

    @abstractmethod
    def _df(self, units: int) -> float:
        """Return the degrees of freedom of its variance over so many units."""

    def terms(self) -> tuple[Term, ...]:
        """Return what it reads of each unit: the value, or the top and the bottom of a ratio, then its covariates."""
        return self._group()

    def figure(self, arm: Summary) -> Arm:
        """Return an arm's figure by itself, its variance as small as its covariates make it."""
        return self._figure(arm, arm.moments(self._group()))

    def figures(self, control: Summary, treatment: Summary) -> tuple[Arm, Arm]:
        """Return both arms' figures, made ready for one another: their covariates' coefficients are those of this pair."""
        pair = control.moments(self._group()).merged(treatment.moments(self._group()))
        return self._figure(control, pair), self._figure(treatment, pair)

    def touched(self, control: Summary, treatment: Summary) -> tuple[Caution, ...]:
        """Return a caution for covariates that differ between the arms by more than luck does: they were no longer as before."""
        if not self.covariates:
            return ()
        one, other = (arm.moments(self._group()) for arm in (control, treatment))
        found: list[Caution] = []
        for at in range(len(self._group()) - len(self.covariates), len(self._group())):
            variance = sum(arm.scatter[at, at] / max(arm.n - 1, 1) / arm.n for arm in (one, other))
            apart = other.means[at] - one.means[at]
            if variance > 0 and chance(float(apart / np.sqrt(variance)), float("inf"), "two-sided")[0] < _NO_LUCK / len(self.covariates):
                said = f"{one.names[at]} differs between {control.arm} and {treatment.arm}, though it should be of before the experiment"
                found.append(Caution(Reason.TOUCHED, f"{said}: {self.name} is adjusted for what the treatment did; leave it out"))
        return tuple(found)

    def _figure(self, arm: Summary, pair: Moments) -> Arm:
        check_size(self.name, arm.arm, arm.units)
        mine = self._explained(arm.moments(self._group()))
        if self.covariates:
            both = self._explained(pair)
            value, variance = without(mine, coefficients(both), both.means)
        else:
            value, variance = mine.value, mine.variance
        return Arm(name=arm.arm, value=float(value), variance=float(variance) / arm.units, units=arm.units, df=self._df(arm.units))
