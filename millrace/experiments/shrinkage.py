"""Several estimates of much the same thing: do they differ by more than chance, and what is each worth beside the others?"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from millrace.errors import BadInput
from millrace.experiments.reasons import Reason, Refused
from millrace.experiments.root import root
from millrace.experiments.srm import log_chi_square
from millrace.types import Array

By = Literal["Paule-Mandel", "DerSimonian-Laird"]


class Shrunk(NamedTuple):
    """Estimates drawn towards their mean.

    Attributes:
        q: Cochran's Q: the estimates' squared distances from their mean, in errors.
        log_p: The logarithm of the chance of a Q at least as large if the truths are all the same.
        between: τ², the variance of the truths, in the metric's unit squared.
        mean: The truths' mean.
        mean_error: Its standard error.
        value: Each truth's best guess. Shape (k,).
        error: How far off it may be, as a standard deviation. Shape (k,).
    """

    q: float
    log_p: float
    between: float
    mean: float
    mean_error: float
    value: Array
    error: Array


def shrunk(estimate: Array, error: Array, by: By = "Paule-Mandel") -> Shrunk:
    """Return estimates drawn towards their mean, by as much as their differences look like chance (empirical Bayes).

    The truths are taken for normal about their mean, with a variance told from the estimates themselves. With few estimates it is told
    badly, so the errors allow for all it may be (every τ alike beforehand), and for the mean's own; 1.96 of them hold about 94 % of twelve
    truths. Its weakness: a single truth that lies far off, unlike all others, is drawn in too.

    Args:
        estimate: In the metric's unit. Shape (k,), k at least 2.
        error: Standard errors, above 0. Shape (k,).
        by: How τ² is found: Paule and Mandel's sets Q to what it should be and is the better with unequal errors; DerSimonian and Laird's
            is in closed form.

    Raises:
        Refused: There are fewer than two, or one has no error.

    Source: DerSimonian & Laird (1986), Meta-Analysis in Clinical Trials; Paule & Mandel (1982); Gelman et al. (2013), Bayesian Data
    Analysis, 5.4, for the errors.

    >>> shrunk(np.array([0.0, 4.0]), np.array([1.0, 1.0])).value.round(3)  # τ² = 8 - 1, so each keeps 7/8
    array([0.25, 3.75])
    """
    estimate, error = np.asarray(estimate, dtype=np.float64), np.asarray(error, dtype=np.float64)
    if len(estimate) < 2:
        raise Refused(Reason.FEW_UNITS, f"{len(estimate)} estimates have nothing to be drawn towards: at least two are needed")
    if not (np.isfinite(estimate).all() and np.isfinite(error).all() and (error > 0).all()):
        raise Refused(Reason.NOT_A_NUMBER, "every estimate needs a number and a standard error above 0: leave the others out")
    if by not in ("Paule-Mandel", "DerSimonian-Laird"):
        raise BadInput(f'by={by!r}: write "Paule-Mandel" or "DerSimonian-Laird"', field="by")
    q, k = _q(estimate, error, 0.0), len(estimate)
    weight = 1 / error**2
    between = max((q - (k - 1)) / (weight.sum() - (weight**2).sum() / weight.sum()), 0.0)
    if by == "Paule-Mandel":
        between = _paule_mandel(estimate, error) if q > k - 1 else 0.0
    weight = 1 / (error**2 + between)
    mean = float(weight @ estimate / weight.sum())
    kept = between / (between + error**2)
    value = mean + kept * (estimate - mean)
    return Shrunk(q, log_chi_square(q, k - 1), float(between), mean, float(weight.sum() ** -0.5), value, _errors(estimate, error, value))


def _errors(estimate: Array, error: Array, value: Array) -> Array:
    """Return how far the truths may lie from `value`, over all τ as likely as the estimates make them."""
    between = np.linspace(0, 2 * (np.ptp(estimate) + error.max()), 400)[:, None] ** 2
    weight = 1 / (error**2 + between)
    doubt = 1 / weight.sum(axis=1, keepdims=True)
    mean = doubt * (weight @ estimate)[:, None]
    logs = (np.log(doubt[:, 0]) + np.log(weight).sum(axis=1) - (weight * (estimate - mean) ** 2).sum(axis=1)) / 2
    likely = np.exp(logs - logs.max())
    left = error**2 * weight
    spread = (1 - left) * error**2 + left**2 * doubt + (left * mean + (1 - left) * estimate - value) ** 2
    return np.sqrt(likely @ spread / likely.sum())


def _q(estimate: Array, error: Array, between: float) -> float:
    weight = 1 / (error**2 + between)
    return float(weight @ (estimate - weight @ estimate / weight.sum()) ** 2)


def _paule_mandel(estimate: Array, error: Array) -> float:
    """Return the τ² at which Q is what it should be; Q falls with it."""
    most = float(((estimate - estimate.mean()) ** 2).sum())
    while _q(estimate, error, most) > len(estimate) - 1:
        most *= 2
    return root(lambda between: _q(estimate, error, between) - (len(estimate) - 1), 0.0, most, near=1e-15 * most)
