"""Exact confidence sequences of proportions, one arm's or the difference of two, from counts alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, special

from millrace.errors import BadInput
from millrace.experiments.reasons import Reason, Refused
from millrace.experiments.root import root

_EDGE = 1e-12


@dataclass(frozen=True)
class Counted:
    """How many of how many.

    Attributes:
        events: How often it happened, 0 at least.
        units: Among how many units, or in how much time, 0 at least.
    """

    events: float
    units: float

    def __post_init__(self) -> None:
        if not (0 <= self.events < np.inf and 0 <= self.units < np.inf):
            raise BadInput(f"Counted({self.events}, {self.units}): both must be 0 or more")

    @property
    def others(self) -> float:
        """The units without; refused where there are more events than units, as a proportion has at most one each."""
        if self.events > self.units:
            raise BadInput(f"Counted({self.events}, {self.units}): more events than units are no proportion; read them as counts")
        return self.units - self.events


@dataclass(frozen=True)
class BetaBinomial:
    """Bets on a proportion by a mixture over all proportions it may be, weighted by a beta law.

    Against any proportion p the likelihood ratio of the mixture is a martingale that begins at 1: exact for any number of units and
    however rare the events. Two arms' bets multiply: a pair of proportions is refuted when their product reaches 1 / alpha, and a
    difference when every pair that makes it is. So nothing is asked but that units are independent; the price is that the difference's
    interval is wider than the asymptotic one where events are plenty.

    Attributes:
        a: The law's weight of events, above 0. a / (a + b) is the proportion one expects, a + b says in how many units' worth.
        b: Its weight of units without.

    Source: Robbins (1970); Howard, Ramdas, McAuliffe & Sekhon (2021).

    >>> low, high = BetaBinomial().proportion(Counted(10, 100))
    >>> round(low, 4), round(high, 4)
    (0.0291, 0.2275)
    """

    a: float = 0.5
    b: float = 0.5

    def __post_init__(self) -> None:
        if not (self.a > 0 and self.b > 0):
            raise BadInput(f"BetaBinomial({self.a}, {self.b}): both must be above 0")

    def log_evidence(self, seen: Counted, p: float) -> float:
        """Return the logarithm of the evidence against the proportion p; infinite where it is impossible."""
        mixed = special.betaln(self.a + seen.events, self.b + seen.others) - special.betaln(self.a, self.b)
        return float(mixed - _log_likelihood(seen, p))

    def proportion(self, seen: Counted, confidence: float = 0.95) -> tuple[float, float]:
        """Return where the proportion lies: an interval that holds it at every look at once with chance `confidence`."""
        bar = -np.log1p(-confidence)
        centre = seen.events / seen.units if seen.units else 0.5
        return self._ends(lambda p: self.log_evidence(seen, p) - bar, centre, 0.0, 1.0)

    def difference(self, control: Counted, treatment: Counted, confidence: float = 0.95) -> tuple[float, float]:
        """Return where treatment - control lies: an interval that holds it at every look at once with chance `confidence`.

        Raises:
            Refused: An arm has no units.
        """
        for name, arm in (("control", control), ("treatment", treatment)):
            if not arm.units:
                raise Refused(Reason.EMPTY_ARM, f"the {name} has no units: wait until some were exposed")
        bar = -np.log1p(-confidence)
        centre = treatment.events / treatment.units - control.events / control.units
        return self._ends(lambda d: self.log_evidence_of_difference(control, treatment, d) - bar, centre, -1.0, 1.0)

    def log_evidence_of_difference(self, control: Counted, treatment: Counted, difference: float = 0.0) -> float:
        """Return the logarithm of the evidence against a difference: that against the pair of proportions that fits it best.

        Its negative is the logarithm of an always-valid p-value; see `MixtureSprt` for the least over looks.
        """
        least, most = max(0.0, -difference), min(1.0, 1.0 - difference)
        if most - least <= 2 * _EDGE:
            return self.log_evidence(control, (least + most) / 2) + self.log_evidence(treatment, (least + most) / 2 + difference)

        def against(p: float) -> float:
            return self.log_evidence(control, p) + self.log_evidence(treatment, p + difference)

        found: Any = optimize.minimize_scalar(against, bounds=(least, most), method="bounded", options={"xatol": 1e-12})
        return float(min(found.fun, against(least), against(most)))

    @staticmethod
    def _ends(beyond: Callable[[float], float], centre: float, least: float, most: float) -> tuple[float, float]:
        """Return where a function that is below 0 at the centre and grows away from it crosses 0, or the edges if it does not."""
        inside = min(max(centre, least + _EDGE), most - _EDGE)
        low = root(beyond, least + _EDGE, inside, near=1e-13) if beyond(least + _EDGE) > 0 > beyond(inside) else least
        high = root(beyond, inside, most - _EDGE, near=1e-13) if beyond(most - _EDGE) > 0 > beyond(inside) else most
        return low, high


def _log_likelihood(seen: Counted, p: float) -> float:
    return float(special.xlogy(seen.events, p) + special.xlog1py(seen.others, -p))
