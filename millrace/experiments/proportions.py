"""Two proportions: the score interval and test, which hold where events are rare, and the simpler ones they replace."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast

import numpy as np
from scipy import optimize

from millrace.evaluation.proportion import wilson
from millrace.experiments.comparison import Asked, chance, reach

_MOST = 1 - 1e-12
"""The largest difference that is considered: at 1 nothing would vary."""


class Share(NamedTuple):
    """How many of how many.

    Attributes:
        hits: Units it happened to.
        units: Of so many, at least 1; a plan has parts of one.
    """

    hits: float
    units: float

    @property
    def value(self) -> float:
        """The proportion."""
        return self.hits / self.units


def score(control: Share, treatment: Share, beyond: float = 0.0) -> float:
    """Return by how many standard errors treatment - control exceeds `beyond`, both as they would be if the difference were `beyond`.

    The error is that under the hypothesis, not that of the figures seen, so it is right where few events, or none, were seen. With
    `beyond` 0 it is Pearson's χ² for two rows, short of a factor of (units - 1) / units.

    Args:
        control: The control.
        treatment: The treatment.
        beyond: The difference the hypothesis states, in (-1, 1).

    Source: Miettinen & Nurminen (1985), Comparative Analysis of Two Rates.

    >>> round(score(Share(10, 100), Share(20, 100)), 4)
    1.9753
    """
    base = _most_likely(control, treatment, beyond)
    other = base + beyond
    units = control.units + treatment.units
    variance = (other * (1 - other) / treatment.units + base * (1 - base) / control.units) * units / max(units - 1, 1)
    away = treatment.value - control.value - beyond
    if variance <= 0:
        return 0.0 if away == 0 else float(np.copysign(np.inf, away))
    return float(away / np.sqrt(variance))


def score_interval(control: Share, treatment: Share, asked: Asked) -> tuple[float, float]:
    """Return the differences that `score` does not reject: an interval for treatment - control.

    It holds the truth about as often as it says down to a handful of events in both arms together.
    """
    below, above = reach(asked)
    seen = treatment.value - control.value
    low = -np.inf if np.isinf(below) else _edge(lambda d: score(control, treatment, d) - below, -_MOST, seen)
    high = np.inf if np.isinf(above) else _edge(lambda d: score(control, treatment, d) + above, seen, _MOST)
    return float(low), float(high)


def newcombe(control: Share, treatment: Share, asked: Asked) -> tuple[float, float]:
    """Return an interval for treatment - control made of both arms' Wilson intervals: without a search, and nearly as good as the score's.

    Source: Newcombe (1998), Interval Estimation for the Difference between Independent Proportions, method 10.

    >>> low, high = newcombe(Share(10, 100), Share(20, 100), Asked())
    >>> round(low, 4), round(high, 4)
    (0.0001, 0.1995)
    """
    two_sided = asked.confidence if asked.alternative == "two-sided" else 2 * asked.confidence - 1
    (low0, high0), (low1, high1) = (_wilson(share, two_sided) for share in (control, treatment))
    seen = treatment.value - control.value
    low = seen - np.hypot(treatment.value - low1, high0 - control.value)
    high = seen + np.hypot(high1 - treatment.value, control.value - low0)
    return float(low if asked.alternative != "less" else -np.inf), float(high if asked.alternative != "greater" else np.inf)


def pooled_z(control: Share, treatment: Share, asked: Asked) -> tuple[float, float, float]:
    """Return (z, p, ln p) of the textbook test that both proportions are equal: wrong where events are rare; see `score`."""
    both = (control.hits + treatment.hits) / (control.units + treatment.units)
    error = np.sqrt(both * (1 - both) * (1 / control.units + 1 / treatment.units))
    z = float((treatment.value - control.value) / error) if error > 0 else 0.0
    return (z, *chance(z, float("inf"), asked.alternative))


def _wilson(share: Share, confidence: float) -> tuple[float, float]:
    low, high = wilson(np.array(share.value), np.array(share.units), confidence)
    return float(low), float(high)


def _edge(over: Callable[[float], float], low: float, high: float) -> float:
    """Return where a falling function crosses 0, or the end it does not fall below 0 before."""
    if over(low) <= 0:
        return low
    return high if over(high) >= 0 else cast(float, optimize.brentq(over, low, high, xtol=1e-14))


def _most_likely(control: Share, treatment: Share, beyond: float) -> float:
    """Return the control's most likely proportion if the treatment's is `beyond` more: the one root of a cubic that is a proportion."""
    hits, units = control.hits + treatment.hits, control.units + treatment.units
    if beyond == 0:
        return hits / units
    square = ((units + control.units) * beyond - units - hits) / (3 * units)
    plain = (hits - (2 * control.hits + units) * beyond + control.units * beyond**2) / (3 * units)
    constant = control.hits * beyond * (1 - beyond) / units
    turn = square**3 - 1.5 * plain * square + constant / 2
    size = np.copysign(np.sqrt(max(square**2 - plain, 0.0)), turn)
    angle = np.arccos(np.clip(turn / size**3, -1, 1)) if size else 0.0
    return float(np.clip(2 * size * np.cos((np.pi + angle) / 3) - square, max(0.0, -beyond), min(1.0, 1 - beyond)))
