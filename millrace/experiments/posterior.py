"""What is known of a rate once events were counted: its law, and how two of them compare, by quadrature rather than by drawing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import special

from millrace.experiments.root import root
from millrace.types import Array

_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_TAIL = 1e-16


class Law(Protocol):
    """The law of an unknown rate."""

    @property
    def mean(self) -> float:
        """Its mean."""
        ...

    @property
    def variance(self) -> float:
        """Its variance."""
        ...

    def below(self, x: Array) -> Array:
        """Return the chance that it is at most x. Shape (n,)."""
        ...

    def part(self, x: Array) -> Array:
        """Return its mean over where it is at most x, and 0 elsewhere. Shape (n,)."""
        ...

    def nodes(self, knot: float = -1.0) -> tuple[Array, Array]:
        """Return values and weights that make any mean a sum, also of what bends sharply at the knot. Shape (nodes,) each."""
        ...


@dataclass(frozen=True)
class Beta:
    """The law of a proportion, with weights a of events and b of units without, 0.5 each at least."""

    a: float
    b: float

    @property
    def mean(self) -> float:
        """Its mean."""
        return self.a / (self.a + self.b)

    @property
    def variance(self) -> float:
        """Its variance."""
        return self.mean * (1 - self.mean) / (self.a + self.b + 1)

    def below(self, x: Array) -> Array:
        """Return the chance that it is at most x. Shape (n,)."""
        return special.betainc(self.a, self.b, np.clip(x, 0.0, 1.0))

    def part(self, x: Array) -> Array:
        """Return its mean over where it is at most x, and 0 elsewhere. Shape (n,)."""
        return self.mean * special.betainc(self.a + 1, self.b, np.clip(x, 0.0, 1.0))

    def nodes(self, knot: float = -1.0) -> tuple[Array, Array]:
        """Return values and weights that make any mean a sum, evenly in the angle whose squared sine is the proportion."""
        ends = [special.betaincinv(self.a, self.b, _TAIL), 1 - special.betaincinv(self.b, self.a, _TAIL)]
        low, high, bend = np.arcsin(np.sqrt([*ends, min(max(knot, 0.0), 1.0)]))
        angle, weight = _panels(low, high, bend)
        logs = (2 * self.a - 1) * np.log(np.sin(angle)) + (2 * self.b - 1) * np.log(np.cos(angle)) - special.betaln(self.a, self.b)
        return np.sin(angle) ** 2, _one(2 * np.exp(logs) * weight)


@dataclass(frozen=True)
class Gamma:
    """The law of a count per unit: `a` events and their `rate`, the units they are worth, both above 0."""

    a: float
    rate: float

    @property
    def mean(self) -> float:
        """Its mean."""
        return self.a / self.rate

    @property
    def variance(self) -> float:
        """Its variance."""
        return self.a / self.rate**2

    def below(self, x: Array) -> Array:
        """Return the chance that it is at most x. Shape (n,)."""
        return special.gammainc(self.a, self.rate * np.maximum(x, 0.0))

    def part(self, x: Array) -> Array:
        """Return its mean over where it is at most x, and 0 elsewhere. Shape (n,)."""
        return self.mean * special.gammainc(self.a + 1, self.rate * np.maximum(x, 0.0))

    def nodes(self, knot: float = -1.0) -> tuple[Array, Array]:
        """Return values and weights that make any mean a sum, evenly in the logarithm."""
        low, high = np.log([special.gammaincinv(self.a, _TAIL), special.gammainccinv(self.a, _TAIL)])
        logs, weight = _panels(low, high, np.log(knot * self.rate) if knot > 0 else -np.inf)
        density = np.exp(self.a * logs - np.exp(logs) - special.gammaln(self.a))
        return np.exp(logs) / self.rate, _one(density * weight)


@dataclass(frozen=True)
class Pair:
    """Two independent rates, compared by integrating over the narrower of their laws."""

    control: Law
    treatment: Law

    def above(self, difference: float = 0.0) -> float:
        """Return the chance that treatment - control is above a difference."""
        if self._treatment_narrower:  # the other law may begin or end within, steeply where little was seen
            x, weight = self.treatment.nodes(difference if difference > 0 else 1 + difference)
            return float(weight @ self.control.below(x - difference))
        x, weight = self.control.nodes(-difference if difference < 0 else 1 - difference)
        return float(1 - weight @ self.treatment.below(x + difference))

    def shortfall(self) -> float:
        """Return by how much the treatment is below the control on average, counted as 0 where it is not: what choosing it costs."""
        if self._treatment_narrower:
            x, weight = self.treatment.nodes()
            return float(weight @ (self.control.mean - self.control.part(x) - x * (1 - self.control.below(x))))
        x, weight = self.control.nodes()
        return float(weight @ (x * self.treatment.below(x) - self.treatment.part(x)))

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return where treatment - control lies, with an equal chance to be below and above."""
        centre = self.treatment.mean - self.control.mean
        spread = float(np.sqrt(self.treatment.variance + self.control.variance))
        tail = (1 - confidence) / 2
        return _fall(self.above, 1 - tail, centre, spread), _fall(self.above, tail, centre, spread)

    @property
    def _treatment_narrower(self) -> bool:
        return self.treatment.variance <= self.control.variance


def _panels(low: float, high: float, knot: float, panels: int = 40) -> tuple[Array, Array]:
    """Return nodes and weights between low and high: even, or ever denser towards a knot between them."""
    half = 0.5 / panels
    even = (np.arange(panels)[:, None] / panels + half * (_POINTS + 1)).ravel()
    weight = np.tile(_WEIGHTS, panels) * half
    if not low < knot < high:
        return low + (high - low) * even, (high - low) * weight
    sides = [(knot + (end - knot) * even**2, abs(end - knot) * 2 * even * weight) for end in (low, high)]
    return np.concatenate([sides[0][0], sides[1][0]]), np.concatenate([sides[0][1], sides[1][1]])


def _one(weight: Array) -> Array:
    """Return weights that sum to 1: what the tails and rounding leave out is shared in proportion."""
    return weight / weight.sum()


def _fall(falling: Callable[[float], float], chance: float, centre: float, spread: float) -> float:
    low, high = centre - spread, centre + spread
    while falling(low) < chance:
        low -= high - low
    while falling(high) > chance:
        high += high - low
    return root(lambda d: falling(d) - chance, low, high, near=1e-14)
