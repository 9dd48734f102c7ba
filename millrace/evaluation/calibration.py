"""Whether predicted probabilities come true: per bin, overall, and as one number.

Bins hold equal shares of the weight, and rows of one score are always in one bin, so the order of the rows changes nothing and a constant
score makes one bin.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from millrace.evaluation.inputs import shares, weights, whole
from millrace.evaluation.proportion import effective, wilson
from millrace.types import Array

BINS = 15


def calibration_error(score: Any, label: Any, weight: Any = None, *, bins: int = BINS) -> float:
    """Return how far predictions stray from what happens: the root of the mean squared gap of the bins, freed of chance.

    A perfect predictor's bins still miss by chance. The variance of each bin's gap is estimated from its rows and taken off its square, so
    the squared error is unbiased, and the error tends to 0 for a perfect predictor (it is 0 when chance explains more than all). Gaps
    within a bin that cancel stay hidden: the error is that of the binned predictions.

    Args:
        score: The probability of a positive. Shape (n,).
        label: In [0, 1]. Shape (n,).
        weight: How much each row counts. Shape (n,).
        bins: How many bins of equal weight; ties may leave fewer.

    Raises:
        BadInput: A score, label or weight is missing or out of range, or the shapes differ.

    Source: Kumar, Liang & Ma (2019), Verified Uncertainty Calibration.

    >>> round(calibration_error([0.9] * 10, [1] * 5 + [0] * 5), 4)
    0.3636
    """
    score, label, weight = _columns(score, label, weight)
    which, count = _bins(score, weight, bins)
    mass = np.bincount(which, weight, count)
    gap = np.bincount(which, weight * (label - score), count) / mass
    spread = np.bincount(which, np.square(weight * (label - score - gap[which])), count)
    room = mass**2 - np.bincount(which, weight**2, count)
    alone = room <= 1e-9 * mass**2  # one row cannot tell its gap from chance
    chance = np.where(alone, gap**2, spread / np.where(alone, 1.0, room))
    return float(np.sqrt(max(0.0, np.average(gap**2 - chance, weights=mass))))


def expected_calibration_error(score: Any, label: Any, weight: Any = None, *, bins: int = BINS) -> float:
    """Return the mean absolute gap of the bins (ECE), the figure most often published.

    Biased upwards: with m rows in a bin a perfect predictor still gets about 0.8 * sqrt(p (1 - p) / m). Compare it only at equal size;
    `calibration_error` is free of that. Arguments and errors as for `calibration_error`.

    >>> round(expected_calibration_error([0.9] * 10, [1] * 5 + [0] * 5), 4)
    0.4
    """
    score, label, weight = _columns(score, label, weight)
    which, count = _bins(score, weight, bins)
    return float(np.abs(np.bincount(which, weight * (label - score), count)).sum() / weight.sum())


def calibration_ratio(score: Any, label: Any, weight: Any = None) -> float:
    """Return how often it happened over how often it was predicted: 1 is calibrated in the large, 2 happens twice as often as said.

    Infinite when it happened although it was never predicted, NaN when it neither happened nor was predicted. Arguments and errors as for
    `calibration_error`.

    >>> calibration_ratio([0.5, 0.5], [1, 0])
    1.0
    """
    score, label, weight = _columns(score, label, weight)
    happened, said = float(weight @ label), float(weight @ score)
    if said > 0:
        return happened / said
    return float("inf") if happened > 0 else float("nan")


def calibration_table(score: Any, label: Any, weight: Any = None, *, bins: int = BINS, confidence: float = 0.95) -> dict[str, Array]:
    """Return a row per bin, lowest scores first: what a calibration plot shows.

    Args:
        score: The probability of a positive. Shape (n,).
        label: In [0, 1]. Shape (n,).
        weight: How much each row counts. Shape (n,).
        bins: How many bins of equal weight; ties may leave fewer.
        confidence: Of the interval.

    Returns:
        `from` and `to` (the least and greatest score), `predicted` and `observed` (means), `count` (rows), `low` and `high` (the Wilson
        interval for the probability behind `observed`, with the effective number of rows where weights differ).

    Raises:
        BadInput: A score, label or weight is missing or out of range, or the shapes differ.

    >>> calibration_table([0.1, 0.9], [0, 1], bins=2)["observed"].tolist()
    [0.0, 1.0]
    """
    score, label, weight = _columns(score, label, weight)
    which, count = _bins(score, weight, bins)
    mass = np.bincount(which, weight, count)
    observed = np.minimum(np.bincount(which, weight * label, count) / mass, 1.0)
    low, high = wilson(observed, effective(mass, np.bincount(which, weight**2, count)), confidence)
    least, most = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(least, which, score)
    np.maximum.at(most, which, score)
    predicted = np.bincount(which, weight * score, count) / mass
    rows = np.bincount(which, minlength=count)
    return {"from": least, "to": most, "predicted": predicted, "observed": observed, "count": rows, "low": low, "high": high}


def _columns(score: Any, label: Any, weight: Any) -> tuple[Array, Array, Array]:
    """Return the rows that count: a row of weight 0 would make empty bins."""
    score = shares("score", score)
    label, weight = shares("label", label, len(score)), weights(weight, len(score))
    counts = weight > 0
    return (score, label, weight) if counts.all() else (score[counts], label[counts], weight[counts])


def _bins(score: Array, weight: Array, bins: int) -> tuple[Array, int]:
    """Return the bin of each row, lowest scores first, and how many bins there are. A tie is in the bin its middle falls in."""
    distinct, which = np.unique(score, return_inverse=True)
    mass = np.bincount(which, weight, len(distinct))
    middle = np.cumsum(mass) - mass / 2
    slot = np.minimum((middle * (whole("bins", bins) / mass.sum())).astype(np.int64), bins - 1)
    used, number = np.unique(slot, return_inverse=True)
    return number[which], len(used)
