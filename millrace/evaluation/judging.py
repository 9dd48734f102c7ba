"""How another policy is judged on a log, and what comes of it: a value with its interval, its worth, and what must be known of it."""

from __future__ import annotations

from typing import Literal

import msgspec

from millrace.evaluation.reasons import Caution

IntervalBy = Literal["student", "normal", "bootstrap", "studentised", "bernstein"]


class Judging(msgspec.Struct, frozen=True, kw_only=True):
    """How a policy is judged.

    Attributes:
        confidence: How often the interval holds the truth, about (of "bernstein": at least), in (0, 1).
        interval: "student" (t, with the effective units less one for its degrees of freedom), "normal", "bootstrap" (percentiles of
            whole units drawn anew), "studentised" (the same in standard errors: for skewed rewards and few units) or "bernstein" (empirical
            Bernstein: right at any size, and wide; needs `rewards` and a bound on the weights).
        rewards: The least and the greatest reward there can be. Needed by "bernstein" and for the bounds on a bias.
        heaviest: The greatest weight there can be: 1 / the least propensity that the logging policy gives. For "bernstein" without a clip.
        least_effective: An effective sample size, or fewer effective units, below this is refused.
        most_untried: A greater share of the target's choices that was never tried is refused.
        most_weight: A mean weight surely above this is refused: it is 1 if both probabilities are true and of the same choices.
        resamples: How many draws a bootstrap takes.
        seed: Of the draws.
    """

    confidence: float = 0.95
    interval: IntervalBy = "student"
    rewards: tuple[float, float] | None = None
    heaviest: float | None = None
    least_effective: float = 10.0
    most_untried: float = 0.05
    most_weight: float = 1.25
    resamples: int = 1000
    seed: int = 0


class Overlap(msgspec.Struct, frozen=True, kw_only=True):
    """How much of what a target policy would do was tried, told by the weights: how much more often it makes each logged choice.

    Attributes:
        effective_sample_size: How many choices of the target itself the logged ones are worth, about: (Σw)² / Σw².
        effective_units: The same of the units' weights: how many units of equal weight they are worth, about.
        mean_weight: Near 1 if the propensities are true and everything the target does was tried; 1 less the share never tried otherwise.
        mean_weight_error: Its standard error.
        heaviest: The greatest weight.
        quantiles: By share, the weight that this share of the choices does not exceed.
        unmatched: The share of the choices that the target never makes: of no use.
        untried: The share of the target's choices that could not have been logged; None when nobody knows.
    """

    effective_sample_size: float
    effective_units: float
    mean_weight: float
    mean_weight_error: float
    heaviest: float
    quantiles: dict[str, float]
    unmatched: float
    untried: float | None


class PolicyValue(msgspec.Struct, frozen=True, kw_only=True):
    """An estimate of a target policy's mean reward per choice.

    Attributes:
        estimator: By which it was estimated.
        value: The estimate, in the reward's unit.
        standard_error: How far chance moves it.
        low: The lower end of its interval.
        high: The upper end.
        confidence: Of the interval.
        interval: How the interval was made; see `Judging`.
        n: How many logged choices it rests on.
        units: Of how many units, who are independent of each other.
        overlap: How much of what the target would do was tried; None for the direct method, which does not look.
        bias: Between which numbers (truth - value) lies on average because weights were cut; None where none were, or `rewards` is unknown.
        cautions: What must be known of it.
    """

    estimator: str
    value: float
    standard_error: float
    low: float
    high: float
    confidence: float
    interval: str
    n: int
    units: int
    overlap: Overlap | None = None
    bias: tuple[float, float] | None = None
    cautions: tuple[Caution, ...] = ()

    @property
    def effective_sample_size(self) -> float:
        """How many choices of the target policy itself the logged ones are worth, about; n where nothing was weighted."""
        return self.overlap.effective_sample_size if self.overlap is not None else float(self.n)

    def words(self) -> str:
        """Return it in a sentence, and what must be known of it in one each."""
        of = f" of {self.units:,} units" if self.units != self.n else ""
        worth = f", worth about {self.effective_sample_size:,.0f} of its own" if self.overlap is not None else ""
        said = f"{self.value:.4g} per choice ({self.confidence:.0%}: {self.low:.4g} to {self.high:.4g}) from {self.n:,} choices{of}{worth}."
        if self.bias is not None:
            said += f" Cutting weights hides between {self.bias[0]:.4g} and {self.bias[1]:.4g} of it."
        return " ".join([said, *(one.said for one in self.cautions)])
