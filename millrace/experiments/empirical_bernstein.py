"""Confidence sequences of means of bounded values, as narrow as their variance allows: no law and no sample size need be known."""

from __future__ import annotations

import numpy as np

from millrace.experiments.reasons import Reason, Refused
from millrace.types import Array

_MOST = 0.5


def bernstein_sequence(x: Array, confidence: float = 0.95, bounds: tuple[float, float] = (0.0, 1.0)) -> tuple[Array, Array]:
    """Return where the mean of bounded observations lies after each of them: intervals that all hold it at once. Shape (n,) each.

    Exact at every sample size, for any law within the bounds and even for a mean that only holds given the past. Each observation is
    weighted by a bet made before it is seen, from the variance so far. Its weakness: it needs all observations in their order, and where
    bounds are far wider than the values it stays wide for long.

    Args:
        x: Observations in their order, within the bounds. Shape (n,).
        confidence: In (0, 1).
        bounds: The least and the greatest value an observation can have.

    Raises:
        Refused: An observation is not a number, or beyond the bounds.

    Source: Waudby-Smith & Ramdas (2024), Estimating Means of Bounded Random Variables by Betting, theorem 2.

    >>> low, high = bernstein_sequence(np.tile([0.4, 0.6], 2000))
    >>> float(low[-1].round(3)), float(high[-1].round(3))
    (0.494, 0.506)
    """
    least, greatest = bounds
    x = np.asarray(x, dtype=np.float64)
    if not np.isfinite(x).all():
        raise Refused(Reason.NOT_A_NUMBER, "a value is not a number: leave it out or say what it is")
    if len(x) and not (least <= x.min() and x.max() <= greatest):
        raise Refused(Reason.OUT_OF_BOUNDS, f"values reach from {x.min():g} to {x.max():g}, beyond {least:g} to {greatest:g}: cap them")
    unit = (x - least) / (greatest - least)
    alpha = (1 - confidence) / 2
    low, high = _above(unit, alpha), 1 - _above(1 - unit, alpha)
    return least + low * (greatest - least), least + high * (greatest - least)


def bernstein_difference(
    control: Array, treatment: Array, confidence: float = 0.95, bounds: tuple[float, float] = (0.0, 1.0)
) -> tuple[float, float]:
    """Return where treatment - control lies: an interval that holds the difference of the means at every look at once.

    Each arm has half of the chance to be wrong, so that looks at the arms need not keep step with each other.

    Args:
        control: The control's observations so far, in their order. Shape (n,).
        treatment: The treatment's. Shape (m,).
        confidence: In (0, 1).
        bounds: The least and the greatest value an observation can have.

    Raises:
        Refused: An arm has no observations, or one that is not a number or beyond the bounds.
    """
    for name, arm in (("control", control), ("treatment", treatment)):
        if not len(arm):
            raise Refused(Reason.EMPTY_ARM, f"the {name} has no units: wait until some were exposed")
    each = (1 + confidence) / 2
    (low_c, high_c), (low_t, high_t) = (bernstein_sequence(arm, each, bounds) for arm in (control, treatment))
    return float(low_t.max() - high_c.min()), float(high_t.min() - low_c.max())


def _above(x: Array, alpha: float) -> Array:
    """Return what the mean of values in [0, 1] is above after each of them, with chance 1 - alpha at all of them at once."""
    n = np.arange(1, len(x) + 1)
    guess = (0.5 + np.cumsum(x)) / (n + 1)
    spread = (0.25 + np.cumsum((x - guess) ** 2)) / (n + 1)
    before = np.concatenate([[0.25], spread[:-1]])
    guess_before = np.concatenate([[0.5], guess[:-1]])
    bet = np.minimum(np.sqrt(2 * np.log(1 / alpha) / (before * n * np.log1p(n))), _MOST)
    cost = (x - guess_before) ** 2 * (-np.log1p(-bet) - bet)
    low = (np.cumsum(bet * x) - np.log(1 / alpha) - np.cumsum(cost)) / np.cumsum(bet)
    return np.maximum(low, 0.0)
