"""Wald's sequential probability ratio test: two simple hypotheses, the fewest observations on average for their error rates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from millrace.errors import BadInput
from millrace.experiments.root import root
from millrace.types import Array

Verdict = Literal["rejected", "accepted", "go on"]


@dataclass(frozen=True)
class Bernoulli:
    """Whether something happens, with chance `null` or with chance `other`, both in (0, 1)."""

    null: float
    other: float

    def __post_init__(self) -> None:
        if not (0 < self.null < 1 and 0 < self.other < 1) or self.null == self.other:
            raise BadInput(f"Bernoulli({self.null}, {self.other}): two different chances within (0, 1) are needed")

    def log_ratio(self, x: Array) -> Array:
        """Return the logarithm of each observation's likelihood ratio, other over null. Shape (n,)."""
        return np.where(x > 0, np.log(self.other / self.null), np.log1p(-self.other) - np.log1p(-self.null))

    def step(self, truth: float) -> float:
        """Return the mean of that logarithm where the chance is `truth`."""
        one, none = self.log_ratio(np.array([1.0, 0.0]))
        return float(truth * one + (1 - truth) * none)

    def spread(self, truth: float) -> float:
        """Return its variance where the chance is `truth`."""
        one, none = self.log_ratio(np.array([1.0, 0.0]))
        return float(truth * (1 - truth) * (one - none) ** 2)

    def growth(self, h: float, truth: float) -> float:
        """Return the logarithm of the mean of the likelihood ratio to the power h, where the chance is `truth`."""
        one, none = self.log_ratio(np.array([1.0, 0.0]))
        return float(np.logaddexp(np.log(truth) + h * one, np.log1p(-truth) + h * none))


@dataclass(frozen=True)
class Normal:
    """A normal observation whose mean is `null` or `other`, with a known standard deviation `sigma`."""

    null: float
    other: float
    sigma: float = 1.0

    def __post_init__(self) -> None:
        if not self.sigma > 0 or self.null == self.other:
            raise BadInput(f"Normal({self.null}, {self.other}, sigma={self.sigma}): two different means and a sigma above 0 are needed")

    def log_ratio(self, x: Array) -> Array:
        """Return the logarithm of each observation's likelihood ratio, other over null. Shape (n,)."""
        return (self.other - self.null) / self.sigma**2 * (x - (self.null + self.other) / 2)

    def step(self, truth: float) -> float:
        """Return the mean of that logarithm where the mean is `truth`."""
        return float(self.log_ratio(np.array([truth]))[0])

    def spread(self, truth: float) -> float:
        """Return its variance, which is the same at every `truth`."""
        return ((self.other - self.null) / self.sigma) ** 2

    def growth(self, h: float, truth: float) -> float:
        """Return the logarithm of the mean of the likelihood ratio to the power h, where the mean is `truth`."""
        return h * self.step(truth) + h * h * self.spread(truth) / 2


@dataclass(frozen=True)
class Sprt:
    """Wald's test of `null` against `other`: it stops as soon as the likelihood ratio leaves (B, A).

    With A = (1 - beta) / alpha and B = beta / (1 - alpha) the error rates sum to alpha + beta at most, and each is bounded by
    alpha / (1 - beta) and beta / (1 - alpha); the jump over the boundary makes it conservative. No other test with these error rates
    needs fewer observations on average at the two hypotheses. Its weakness: between them it may take very long, and it knows nothing
    of an effect it was not told of; where that is unknown, take a mixture.

    Args:
        law: What is observed: `Bernoulli(p0, p1)` or `Normal(mean0, mean1, sigma)`.
        alpha: The chance of rejecting `null` where it holds, in (0, 1).
        beta: The chance of accepting it where `other` holds, in (0, 1); alpha + beta < 1.

    Source: Wald (1945), Sequential Tests of Statistical Hypotheses; Wald & Wolfowitz (1948).

    >>> test = Sprt(Bernoulli(0.1, 0.3), alpha=0.02, beta=0.03)
    >>> test.read(np.array([1.0, 0.0, 1.0, 1.0, 1.0]))
    ('rejected', 5)
    """

    law: Bernoulli | Normal
    alpha: float = 0.05
    beta: float = 0.2

    def __post_init__(self) -> None:
        if not (0 < self.alpha < 1 and 0 < self.beta < 1 and self.alpha + self.beta < 1):
            raise BadInput(f"Sprt(alpha={self.alpha}, beta={self.beta}): both within (0, 1), and less than 1 together")

    @property
    def limits(self) -> tuple[float, float]:
        """The logarithms of the likelihood ratio below which `null` is accepted and above which it is rejected."""
        return float(np.log(self.beta) - np.log1p(-self.alpha)), float(np.log1p(-self.beta) - np.log(self.alpha))

    @property
    def controls(self) -> str:
        """What the test keeps to its levels, in words."""
        rejects, accepts = self.alpha / (1 - self.beta), self.beta / (1 - self.alpha)
        return (
            f"both errors, whenever it stops: the null is rejected where it holds with a chance of at most {rejects:.2g}, and accepted "
            f"where the other holds of at most {accepts:.2g}, {self.alpha + self.beta:.2g} together; of any other truth nothing"
        )

    def read(self, x: Array) -> tuple[Verdict, int]:
        """Return the verdict on observations in their order, and after how many it fell (all, if it did not). Shape (n,)."""
        low, high = self.limits
        path = np.cumsum(self.law.log_ratio(np.asarray(x, dtype=np.float64)))
        outside = np.flatnonzero((path <= low) | (path >= high))
        if not len(outside):
            return "go on", len(path)
        at = int(outside[0])
        return ("rejected" if path[at] >= high else "accepted"), at + 1

    def accepts(self, truth: float) -> float:
        """Return the chance that `null` is accepted where the chance or mean is `truth`: the operating characteristic.

        Wald's approximation, which neglects how far the last step jumps over the boundary.
        """
        low, high = self.limits
        h = self._conjugate(truth)
        if abs(h) < 1e-9:
            return high / (high - low)
        return float(np.expm1(h * high) / (np.exp(h * high) - np.exp(h * low)))

    def observations(self, truth: float) -> float:
        """Return how many observations it takes on average where the chance or mean is `truth`; some more, by the same approximation."""
        low, high = self.limits
        accepted, step = self.accepts(truth), self.law.step(truth)
        if abs(step) < 1e-9 * self.law.spread(truth) ** 0.5:
            return -low * high / self.law.spread(truth)
        return (accepted * low + (1 - accepted) * high) / step

    def _conjugate(self, truth: float) -> float:
        """Return the power other than 0 at which the likelihood ratio's mean is 1: 1 at `null`, -1 at `other`, 0 where nothing drifts."""
        step = self.law.step(truth)
        if abs(step) < 1e-9 * self.law.spread(truth) ** 0.5:
            return 0.0
        return _beyond(lambda h: self.law.growth(h, truth), -np.sign(step) * 2 * abs(step) / self.law.spread(truth))


def _beyond(growth: Callable[[float], float], guess: float) -> float:
    """Return the root other than 0 of a convex function that is 0 there, on the side of the guess."""
    far = guess
    while growth(far) <= 0:
        far *= 2
    near = far
    while growth(near) >= 0:
        near /= 2
    return root(growth, near, far, near=1e-14)
