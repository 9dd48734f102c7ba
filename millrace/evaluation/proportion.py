"""How sure a share is: intervals for the probability behind a proportion that was seen."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from millrace.types import Array


def effective(total: Array, squared: Array) -> Array:
    """Return how many rows of equal weight weighted rows are worth, (Σw)² / Σw².

    Args:
        total: The sum of the weights.
        squared: The sum of their squares.

    Source: Kish (1965), Survey Sampling.

    >>> effective(np.array([4.0, 4.0]), np.array([4.0, 10.0])).tolist()
    [4.0, 1.6]
    """
    return np.square(total) / squared


def wilson(share: Array, rows: Array, confidence: float = 0.95) -> tuple[Array, Array]:
    """Return a two-sided interval for the probability behind each share; [0, 1] when there are no rows.

    Args:
        share: In [0, 1].
        rows: Out of how many, not necessarily whole.
        confidence: How often the interval holds the truth, about.

    Source: Wilson (1927), Probable Inference, the Law of Succession, and Statistical Inference.
    """
    z2 = NormalDist().inv_cdf(0.5 + confidence / 2) ** 2
    middle = (share * rows + z2 / 2) / (rows + z2)
    half = np.sqrt(z2 * (share * (1 - share) * rows + z2 / 4)) / (rows + z2)
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def surely_at_least(least: float, share: Array, rows: Array, confidence: float) -> Array:
    """Return whether the probability behind each share is at least `least`, with one-sided confidence (Clopper–Pearson: exact or careful).

    With equal weights a wrong yes is said at most (1 - confidence) of the time. With an effective number of rows that is an approximation.

    Source: Clopper & Pearson (1934), The Use of Confidence or Fiducial Limits Illustrated in the Case of the Binomial.
    """
    from scipy.special import betainc

    hits = share * rows
    possible = share >= least  # the bound lies below the share itself, so only these are worth the special function
    sure = np.zeros(len(share), dtype=bool)
    sure[possible] = betainc(hits[possible], rows[possible] - hits[possible] + 1, least) <= 1 - confidence
    return sure


def lower_bound(share: Array, rows: Array, confidence: float) -> Array:
    """Return the one-sided lower bounds that `surely_at_least` compares with: 0 where nothing was positive.

    >>> lower_bound(np.array([1.0, 0.0]), np.array([59, 59]), 0.95).round(4).tolist()
    [0.9505, 0.0]
    """
    from scipy.special import betaincinv

    hits = share * rows
    bound, some = np.zeros(len(hits)), hits > 0
    bound[some] = betaincinv(hits[some], rows[some] - hits[some] + 1, 1 - confidence)
    return bound
