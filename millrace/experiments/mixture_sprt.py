"""The mixture sequential probability ratio test of a difference of means: p-values that hold whenever one looks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millrace.errors import BadInput
from millrace.experiments.comparison import AT_ANY_LOOK, Alternative
from millrace.experiments.normal_mixture import boundary, log_evidence, tuned_ratio
from millrace.types import Array


@dataclass(frozen=True)
class MixtureSprt:
    """A test of "the arms do not differ" against differences drawn from a normal law around 0.

    It may be looked at after every unit and stopped at any: its p-value at a stop is at most a with chance a at most, whenever one stops.
    The price is width: where one will look fourteen times at most, a group-sequential plan finds the same difference with fewer units.
    By the central limit theorem: hold it back until an arm has some hundred units, thousands where values are very skewed.

    Attributes:
        spread: The standard deviation of the differences one expects, in the metric's unit, above 0. It affects only the power: the
            level holds for any, but it must be chosen before the data.
        alternative: What is to be shown of treatment - control.

    Source: Robbins (1970), Statistical Methods Related to the Law of the Iterated Logarithm; Johari, Koomen, Pekelis & Walsh (2022),
    Always Valid Inference.

    >>> test = MixtureSprt(spread=1.0)
    >>> log_p = test.log_p_values(np.array([1.0, 2.0, 1.8]), np.array([1.0, 0.25, 0.16]))
    >>> np.round(np.exp(log_p), 4).tolist()
    [1.0, 0.0037, 0.0004]
    """

    spread: float
    alternative: Alternative = "two-sided"

    def __post_init__(self) -> None:
        if not (np.isfinite(self.spread) and self.spread > 0):
            raise BadInput(f"MixtureSprt(spread={self.spread}): the expected size of a difference must be above 0")

    @staticmethod
    def tuned(variance: float, alpha: float = 0.05, alternative: Alternative = "two-sided") -> MixtureSprt:
        """Return the test that needs the least difference at a look whose squared standard error will be `variance`."""
        return MixtureSprt(float(np.sqrt(variance * tuned_ratio(alpha, two_sided=alternative == "two-sided"))), alternative)

    @property
    def controls(self) -> str:
        """What its p-values keep to a level, in words."""
        return AT_ANY_LOOK

    def log_p_values(self, difference: Array, variance: Array) -> Array:
        """Return the logarithm of the always-valid p-value at each look: the least so far of 1 / evidence, 1 at most. Shape (looks,).

        Args:
            difference: treatment - control at each look, in the metric's unit. Shape (looks,).
            variance: Its squared standard error there, above 0. Shape (looks,).
        """
        evidence = log_evidence(self._towards(difference) / np.sqrt(variance), self.spread**2 / variance, two_sided=self._two_sided)
        return np.minimum.accumulate(np.minimum(-evidence, 0.0), axis=-1)

    def reach(self, variance: Array, alpha: float) -> Array:
        """Return how far from the difference the interval reaches that holds the truth at every look at once, in the metric's unit.

        For one-sided tests to the one side that is not open. Shape (looks,).
        """
        return np.sqrt(variance) * boundary(self.spread**2 / variance, alpha, two_sided=self._two_sided)

    @property
    def _two_sided(self) -> bool:
        return self.alternative == "two-sided"

    def _towards(self, difference: Array) -> Array:
        return -difference if self.alternative == "less" else difference
