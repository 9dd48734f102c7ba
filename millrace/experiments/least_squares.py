"""Least squares with errors that allow for what its residuals share: a cluster, or the time before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millrace.experiments.estimate import finite
from millrace.experiments.reasons import Reason, Refused
from millrace.types import Array


@dataclass(frozen=True)
class Fit:
    """A linear regression.

    Attributes:
        slopes: The coefficients. Shape (k,).
        inverse: (X'X)⁻¹. Shape (k, k).
        x: The regressors. Shape (n, k).
        residual: What they leave. Shape (n,).
        absorbed: How many more coefficients were taken out beforehand, such as units' own means.
    """

    slopes: Array
    inverse: Array
    x: Array
    residual: Array
    absorbed: int = 0

    @property
    def spare(self) -> int:
        """How many more rows there are than coefficients."""
        return len(self.x) - self.x.shape[1] - self.absorbed


def fitted(x: Array, y: Array, absorbed: int = 0) -> Fit:
    """Return the least-squares fit of y on x.

    Args:
        x: Regressors, a column of ones among them where a constant is wanted. Shape (n, k).
        y: Outcome. Shape (n,).
        absorbed: How many more coefficients both were rid of.

    Raises:
        Refused: There are no more rows than coefficients, a value is no number, or regressors repeat one another.
    """
    finite("the outcome", y)
    finite("a regressor", x)
    if len(x) <= x.shape[1] + absorbed:
        said = f"{len(x)} rows for {x.shape[1] + absorbed} coefficients: a regression needs more rows than coefficients; read a longer time"
        raise Refused(Reason.FEW_UNITS, said)
    q, r = np.linalg.qr(x)
    size = np.abs(np.diag(r))
    if size.min() <= 1e-10 * max(np.linalg.norm(x, axis=0).max(), 1e-300):
        raise Refused(Reason.NO_VARIANCE, "a regressor is made of the others: nothing tells their effects apart; leave it out")
    slopes = np.linalg.solve(r, q.T @ y)
    back = np.linalg.inv(r)
    return Fit(slopes, back @ back.T, x, y - x @ slopes, absorbed)


def clustered(fit: Fit, cluster: Array, within: bool = False) -> tuple[Array, int]:
    """Return (covariance of the slopes, clusters), where residuals of a cluster may go together in any way (CR1).

    With few clusters it is too small: read it with clusters - 1 degrees of freedom, and below ten hardly at all. Coefficients that were
    absorbed and lie within clusters, as units' own means do, do not count against the rows: their error is in the clusters' already, and
    counting them makes intervals of the 95 % kind hold in 96.5 %.

    Args:
        fit: The regression.
        cluster: Which cluster each row is of. Shape (n,).
        within: Whether what was absorbed lies within clusters.

    Raises:
        Refused: There are fewer than two clusters.

    Source: Liang & Zeger (1986); Cameron & Miller (2015), A Practitioner's Guide to Cluster-Robust Inference.
    """
    _, code = np.unique(cluster, return_inverse=True)
    many = int(code.max()) + 1
    if many < 2:
        raise Refused(Reason.FEW_CLUSTERS, "all rows are of one cluster: its error cannot be told; read more clusters")
    scores = np.zeros((many, fit.x.shape[1]))
    np.add.at(scores, code, fit.x * fit.residual[:, None])
    n, k = fit.x.shape
    spare = n - k - 1 if within else fit.spare
    small = many / (many - 1) * (n - 1) / spare
    return small * fit.inverse @ (scores.T @ scores) @ fit.inverse, many


def newey_west(fit: Fit, lags: int) -> Array:
    """Return the covariance of the slopes where the residuals of rows up to `lags` apart, in the order of time, may go together.

    It is too small in short series: see `interrupted_series`. Shape (k, k).

    Source: Newey & West (1987), with the small-sample factor n / (n - k).
    """
    scores = fit.x * fit.residual[:, None]
    meat = scores.T @ scores
    for lag in range(1, min(lags, len(scores) - 1) + 1):
        both = scores[lag:].T @ scores[:-lag]
        meat += (1 - lag / (lags + 1)) * (both + both.T)
    return len(scores) / fit.spare * fit.inverse @ meat @ fit.inverse
