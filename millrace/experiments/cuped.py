"""CUPED: what was known of units before the experiment explains a part of how they differ, and need not count as chance."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from millrace.experiments.moments import Moments, above_rounding
from millrace.types import Array


class Explained(NamedTuple):
    """A value per unit and how it varies with covariates, in one arm or in several together.

    Attributes:
        value: Its mean.
        variance: Its variance per unit.
        covariance: With each covariate. Shape (k,).
        means: Of the covariates. Shape (k,).
        scatter: The covariates' covariances. Shape (k, k).
    """

    value: float
    variance: float
    covariance: Array
    means: Array
    scatter: Array


def explained(value: float, variance: float, covariance: Array, moments: Moments, after: int) -> Explained:
    """Return the parts of `Explained` where the covariates are the terms of `moments` from position `after` on."""
    scatter = moments.scatter[after:, after:] / max(moments.n - 1, 1)
    return Explained(value, variance, covariance, moments.means[after:], scatter)


def coefficients(pair: Explained) -> Array:
    """Return by how much the value grows with each covariate, the others held still. Shape (k,).

    It is taken over the control and one treatment together: one for all arms would let a third arm's units decide about this difference,
    and one per arm would add its own error. Where covariates repeat one another, or never vary, the smallest coefficients that do as well.

    Source: Deng, Xu, Kohavi & Walker (2013), Improving the Sensitivity of Online Controlled Experiments by Utilizing Pre-Experiment Data.
    """
    spread = np.sqrt(np.diag(pair.scatter))
    scale = np.where(spread > 0, spread, 1.0)
    alike = pair.scatter / np.outer(scale, scale)
    return np.linalg.lstsq(alike, pair.covariance / scale, rcond=1e-10)[0] / scale


def without(arm: Explained, slopes: Array, means: Array) -> tuple[float, float]:
    """Return the (mean, variance per unit) of an arm's value less what the covariates explain.

    Its weakness: a covariate that the treatment could move takes a part of the effect away with it.

    Args:
        arm: The arm's own.
        slopes: The coefficients of the pair. Shape (k,).
        means: The covariates' means over the pair. Shape (k,).
    """
    value = arm.value - slopes @ (arm.means - means)
    variance = above_rounding(np.array([arm.variance, -2 * slopes @ arm.covariance, slopes @ arm.scatter @ slopes]))
    return float(value), variance
