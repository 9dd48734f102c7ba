"""Many comparisons, one level: adjusted p-values, each of which may be held against the level itself."""

from __future__ import annotations

from typing import cast

import numpy as np
from scipy import optimize, special

from millrace.types import Array


def bonferroni(log_p: Array) -> Array:
    """Return the logarithms of p-values that keep the chance of any false alarm, whatever the tests have to do with each other.

    >>> np.exp(bonferroni(np.log([0.01, 0.04]))).round(3).tolist()
    [0.02, 0.08]
    """
    return np.minimum(log_p + np.log(max(len(log_p), 1)), 0.0)


def holm(log_p: Array) -> Array:
    """Return what `bonferroni` does, never larger: the second smallest has one test less to share with, and so on.

    Source: Holm (1979), A Simple Sequentially Rejective Multiple Test Procedure.

    >>> np.exp(holm(np.log([0.01, 0.04]))).round(3).tolist()
    [0.02, 0.04]
    """
    order = np.argsort(log_p, kind="stable")
    left = np.arange(len(log_p), 0, -1)
    raised = np.minimum(np.maximum.accumulate(log_p[order] + np.log(left)), 0.0)
    return _back(raised, order)


def benjamini_hochberg(log_p: Array) -> Array:
    """Return the logarithms of p-values that keep the share of false alarms among all alarms, on average.

    It holds for tests that are independent or go together; metrics of one experiment do, nearly always.

    Args:
        log_p: The logarithms of p-values. Shape (n,).

    Source: Benjamini & Hochberg (1995), Controlling the False Discovery Rate; Benjamini & Yekutieli (2001) for those that go together.

    >>> np.exp(benjamini_hochberg(np.log([0.01, 0.04, 0.03]))).round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    order = np.argsort(log_p, kind="stable")[::-1]
    rank = np.arange(len(log_p), 0, -1)
    raised = np.minimum.accumulate(log_p[order] + np.log(len(log_p) / rank)) if len(log_p) else log_p
    return _back(np.minimum(raised, 0.0), order)


def dunnett(log_p: Array, shared: Array, *, two_sided: bool = True) -> Array:
    """Return the logarithms of p-values that keep the chance of any false alarm among several arms against one control.

    All differences rest on the same control, so they go together, and less is lost than by `bonferroni`. The p-values are taken as those of
    normal differences; where so small that the sum over the control's luck would lose them, Bonferroni's are returned, which then differ by
    less than a thousandth.

    Args:
        log_p: Of each arm against the control. Shape (arms,).
        shared: What part of each difference's variance is the control's, in [0, 1]. Shape (arms,).
        two_sided: Whether the p-values are of both sides.

    Source: Dunnett (1955), A Multiple Comparison Procedure for Comparing Several Treatments with a Control.

    >>> np.exp(dunnett(np.log([0.02, 0.5]), np.array([0.5, 0.5]))).round(3).tolist()
    [0.037, 0.723]
    """
    plain = bonferroni(log_p)
    found = np.array([_any_beyond(_distance(one, two_sided), shared, two_sided) for one in log_p])
    with np.errstate(divide="ignore"):
        return np.where(plain < np.log(1e-8), plain, np.minimum(np.log(found), plain))


def confidence_each(confidence: float, shared: Array, *, two_sided: bool = True) -> float:
    """Return the confidence of each interval if all arms' intervals are to hold the truth at once with `confidence` (Dunnett).

    >>> round(confidence_each(0.95, np.array([0.5, 0.5])), 4)
    0.973
    """
    if len(shared) < 2:
        return confidence
    most = _distance(np.log((1 - confidence) / len(shared)), two_sided)
    least = _distance(np.log1p(-confidence), two_sided)
    far = cast(float, optimize.brentq(lambda z: _any_beyond(z, shared, two_sided) - (1 - confidence), least, most + 1e-9, xtol=1e-12))
    return float(1 - (2 if two_sided else 1) * special.ndtr(-far))


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(200)


def _any_beyond(z: float, shared: Array, two_sided: bool) -> float:
    """Return the chance that any of normal differences, each the square root of `shared` the control's, is beyond z."""
    luck = _NODES * 9.0
    weight = _WEIGHTS * 9.0 * np.exp(-(luck**2) / 2) / np.sqrt(2 * np.pi)
    apart = np.sqrt(np.maximum(1 - shared, 1e-12))
    mine = np.sqrt(shared) * luck[:, None]
    within = special.ndtr((z - mine) / apart) - (special.ndtr((-z - mine) / apart) if two_sided else 0.0)
    return float(np.clip(weight @ (1 - within.prod(axis=1)), 0.0, 1.0))


def _distance(log_p: float, two_sided: bool) -> float:
    return -float(special.ndtri_exp(min(log_p - (np.log(2) if two_sided else 0.0), 0.0)))


def _back(values: Array, order: Array) -> Array:
    found = np.empty(len(order))
    found[order] = values
    return found
