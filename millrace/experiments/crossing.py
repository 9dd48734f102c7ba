"""With what chance a test crosses its boundaries at each look: exact, by integrating over all that can have been seen before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from millrace.experiments.root import root
from millrace.types import Array

_FAR = 10.0
"""Beyond so many standard errors nothing is looked for."""

_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_PANEL, _MOST_PANELS = 4.0, 150
"""How many standard deviations of a step a panel of 16 nodes covers (to ten digits), unless looks are within a thousandth of each other."""


@dataclass(frozen=True)
class Path:
    """Where a test's score can be after some looks, none of which it stopped at.

    The score at information t is a Brownian motion: normal with mean drift * t and variance t, its steps independent; z is the score
    over the square root of t. What is kept is its law without drift, on the nodes of a Gauss-Legendre rule, panel by panel; any drift
    multiplies it by exp(drift * s - drift**2 * t / 2), so one pass serves all of them.

    Attributes:
        t: The information at the last look, 0 before the first.
        s: Nodes: scores at which the law is known. Shape (nodes,).
        mass: The law's density there, times the rule's weights. Shape (nodes,).

    Source: Armitage, McPherson & Rowe (1969); Jennison & Turnbull (2000), Group Sequential Methods, chapter 19.
    """

    t: float
    s: Array
    mass: Array

    @staticmethod
    def begun() -> Path:
        """Return the path before the first look."""
        return Path(0.0, np.zeros(1), np.ones(1))

    def above(self, t: float, z: float, drift: float = 0.0) -> float:
        """Return the chance to be here and then above z at information t."""
        return float(self._mass(drift) @ special.ndtr(self._steps(t, z, drift)))

    def below(self, t: float, z: float, drift: float = 0.0) -> float:
        """Return the chance to be here and then below z at information t."""
        return float(self._mass(drift) @ special.ndtr(-self._steps(t, z, drift)))

    def log_above(self, t: float, z: float, drift: float = 0.0) -> float:
        """Return the logarithm of that chance, which does not underflow."""
        logs = special.log_ndtr(self._steps(t, z, drift)) + drift * self.s - drift**2 * self.t / 2
        return float(special.logsumexp(logs, b=self.mass))

    def within(self, t: float, low: float, high: float, then: float) -> Path:
        """Return the path after a look at information t that goes on between z values `low` and `high`; either may be infinite.

        `then` is the information at the next look: the nearer it is, the more nodes it takes.
        """
        step = np.sqrt(t - self.t)
        ends = np.clip([low, high], -_FAR, _FAR) * np.sqrt(t)
        width = _PANEL * min(step, np.sqrt(then - t))
        panels = int(np.clip(np.ceil((ends[1] - ends[0]) / width), 1, _MOST_PANELS))
        edges = np.linspace(ends[0], ends[1], panels + 1)
        half = (edges[1] - edges[0]) / 2
        s = (edges[:-1, None] + half * (_POINTS + 1)).ravel()
        apart = (s[:, None] - self.s[None, :]) / step
        density = np.exp(-0.5 * apart**2) @ self.mass / (step * np.sqrt(2 * np.pi))
        return Path(t, s, density * np.tile(_WEIGHTS, panels) * half)

    def upper(self, t: float, chance: float) -> float:
        """Return the z above which a path without drift is at information t with a chance; infinite for none.

        That is how a boundary is found for what is left to spend.
        """
        return self.quantile(t, chance, 0.0)

    def quantile(self, t: float, chance: float, drift: float, *, below: bool = False) -> float:
        """Return the z above which (or below which) the path is at information t with a chance, under a drift; infinite for none."""
        sign = -1.0 if below else 1.0
        if chance <= 0:
            return sign * np.inf
        tail = self.below if below else self.above
        centre, reach = drift * np.sqrt(t), 40.0

        def missing(z: float) -> float:
            return np.log(max(tail(t, z, drift), 1e-320)) - np.log(chance)

        if missing(centre + sign * reach) > 0:
            return sign * np.inf
        if missing(centre - sign * reach) < 0:
            return -sign * np.inf  # less than this is left of the path: whatever it does, it crosses
        return root(missing, centre - reach, centre + reach)

    def _mass(self, drift: float) -> Array:
        return self.mass * np.exp(drift * self.s - drift**2 * self.t / 2) if drift else self.mass

    def _steps(self, t: float, z: float, drift: float) -> Array:
        step = np.sqrt(t - self.t)
        return (self.s + drift * (t - self.t) - z * np.sqrt(t)) / step


def crossings(times: Array, low: Array, high: Array, drift: float = 0.0) -> tuple[Array, Array]:
    """Return the chances to cross the lower and the upper boundary first at each look. Shape (looks,) each.

    Args:
        times: The information at each look, increasing, above 0; the drift is per unit of it. Shape (looks,).
        low: The lower boundary as z, minus infinite where there is none. Shape (looks,).
        high: The upper boundary. Shape (looks,).
        drift: The mean of z at information 1.

    >>> down, up = crossings(np.array([0.5, 1.0]), np.array([-2.178, -2.178]), np.array([2.178, 2.178]))
    >>> round(float(down.sum() + up.sum()), 3)
    0.05
    """
    path, down, up = Path.begun(), np.zeros(len(times)), np.zeros(len(times))
    for look, (t, a, b) in enumerate(zip(times, low, high, strict=True)):
        down[look], up[look] = path.below(t, a, drift), path.above(t, b, drift)
        if look + 1 < len(times):
            path = path.within(t, a, b, times[look + 1])
    return down, up
