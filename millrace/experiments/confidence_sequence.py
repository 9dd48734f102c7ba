"""Confidence sequences of means and of differences: intervals that hold the truth at every look at once, by the central limit theorem."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from millrace.experiments.comparison import Alternative
from millrace.experiments.moments import Moments
from millrace.experiments.normal_mixture import boundary, tuned_ratio
from millrace.experiments.reasons import Reason, Refused
from millrace.types import Array


def asymptotic_sequence(
    estimate: Array,
    variance: Array,
    n: Array,
    planned: int,
    confidence: float = 0.95,
    alternative: Alternative = "two-sided",
) -> tuple[Array, Array]:
    """Return where an estimate's true value lies at each look: intervals that all hold it at once with chance `confidence`.

    Whatever is estimated by a mean or by a smooth function of means will do: the boundary is that of a normal mixture, tuned to be
    narrowest at the planned number of units and valid before and after. It is wider than an interval for one look (3.0 against 1.96
    standard errors there), and the coverage is reached as units grow: with fewer than some hundred an arm it may be less.

    Args:
        estimate: The estimate at each look, in the metric's unit. Shape (looks,).
        variance: Its squared standard error there. Shape (looks,).
        n: How many units it rests on, of all arms, at least 1. Shape (looks,).
        planned: At how many units the interval is to be narrowest, at least 1.
        confidence: In (0, 1).
        alternative: One-sided intervals are open to the other side.

    Raises:
        Refused: A look has a variance that is not a number, or is not above 0.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2021), Time-uniform Central Limit Theory and Asymptotic Confidence Sequences.

    >>> low, high = asymptotic_sequence(np.array([0.0]), np.array([1.0]), np.array([100]), planned=100)
    >>> float(np.round(high[0], 3))
    3.035
    """
    estimate, variance = np.asarray(estimate, dtype=np.float64), np.asarray(variance, dtype=np.float64)
    checked(estimate, variance)
    alpha = 1 - confidence
    two_sided = alternative == "two-sided"
    ratio = tuned_ratio(alpha, two_sided=two_sided) * np.asarray(n, dtype=np.float64) / planned
    half = np.sqrt(variance) * boundary(ratio, alpha, two_sided=two_sided)
    low = estimate - half if alternative != "less" else np.full_like(estimate, -np.inf)
    high = estimate + half if alternative != "greater" else np.full_like(estimate, np.inf)
    return low, high


def mean_sequence(x: Array, planned: int, confidence: float = 0.95) -> tuple[Array, Array]:
    """Return where the mean of observations lies after each of them, all intervals holding it at once. Shape (n,) each.

    Until there are two that differ the interval is infinite.

    Args:
        x: Observations in their order, in the metric's unit. Shape (n,).
        planned: After how many the interval is to be narrowest.
        confidence: In (0, 1).

    Raises:
        Refused: An observation is not a number.
    """
    x = np.asarray(x, dtype=np.float64)
    if not np.isfinite(x).all():
        bad = int((~np.isfinite(x)).sum())
        raise Refused(Reason.NOT_A_NUMBER, f"{bad} of {len(x)} values are not numbers: leave them out or say what they are")
    n = np.arange(1, len(x) + 1)
    means, variances = running(x)
    seen = variances > 0
    low, high = np.full(len(x), -np.inf), np.full(len(x), np.inf)
    low[seen], high[seen] = asymptotic_sequence(means[seen], variances[seen] / n[seen], n[seen], planned, confidence)
    return low, high


def difference_sequence(
    looks: Sequence[tuple[Moments, Moments]],
    column: str,
    planned: int,
    confidence: float = 0.95,
    alternative: Alternative = "two-sided",
) -> tuple[Array, Array]:
    """Return where the difference of two arms' means lies at each look, all intervals holding it at once. Shape (looks,) each.

    Only the moments up to each look are needed, not the units' order.

    Args:
        looks: (control, treatment) at each look, each with all its units so far.
        column: Which of their columns.
        planned: At how many units of both arms together the interval is to be narrowest.
        confidence: In (0, 1).
        alternative: What is to be shown of treatment - control.

    Raises:
        Refused: An arm has fewer than two units at a look, or neither varies.
    """
    for control, treatment in looks:
        for name, arm in (("control", control), ("treatment", treatment)):
            if arm.n < 2:
                raise Refused(Reason.FEW_UNITS, f"the {name} has {arm.n} units at a look: leave out looks before it has two")
    difference = np.array([treatment.mean(column) - control.mean(column) for control, treatment in looks])
    variance = np.array([sum(arm.variance(column) / arm.n for arm in both) for both in looks])
    n = np.array([control.n + treatment.n for control, treatment in looks])
    return asymptotic_sequence(difference, variance, n, planned, confidence, alternative)


def running(x: Array) -> tuple[Array, Array]:
    """Return (mean, variance n - 1) of the first, the first two ... observations; the variance of one is 0. Shape (n,) each.

    >>> [part.tolist() for part in running(np.array([1.0, 3.0, 2.0]))]
    [[1.0, 2.0, 2.0], [0.0, 2.0, 1.0]]
    """
    n = np.arange(1, len(x) + 1)
    centre = x.mean() if len(x) else 0.0  # sums of squares about a value near the means: nothing cancels
    sums, squares = np.cumsum(x - centre), np.cumsum((x - centre) ** 2)
    variances = np.maximum(squares - sums**2 / n, 0.0) / np.maximum(n - 1, 1)
    variances[squares == 0] = 0.0
    return centre + sums / n, variances


def together(low: Array, high: Array) -> tuple[Array, Array]:
    """Return what all intervals up to each look agree on: valid for one truth that does not move, and never wider. Shape (looks,) each.

    Where they agree on nothing, low is above high: the truth moved, or the one case in 1 / (1 - confidence) has come.
    """
    return np.maximum.accumulate(low), np.minimum.accumulate(high)


def checked(estimate: Array, variance: Array) -> None:
    """Refuse estimates without a finite, positive variance."""
    if not (np.isfinite(estimate).all() and np.isfinite(variance).all()):
        raise Refused(Reason.NOT_A_NUMBER, "an estimate or its variance is not a number: leave that look out, or the units that make it so")
    if not (variance > 0).all():
        raise Refused(Reason.NO_VARIANCE, "an estimate has no variance at a look: all units are alike, wait for more of them")
