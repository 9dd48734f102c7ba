"""Errors of a regression whose rows come in clusters: the sandwich CR0 and CR2, with the degrees of freedom CR2 is worth."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from millrace.experiments.reasons import Reason, Refused
from millrace.experiments.welch import Error
from millrace.types import Array

By = Literal["CR2", "CR0"]


class Sandwich(NamedTuple):
    """A weighted regression, summed up by cluster: nothing below needs the rows again.

    Attributes:
        coefficients: Shape (p,).
        root: A square root of the inverse of the whole Gram matrix X'WX. Shape (p, kept).
        grams: Each cluster's X'WX. Shape (clusters, p, p).
        scores: Each cluster's X'We, e being the residuals. Shape (clusters, p).
    """

    coefficients: Array
    root: Array
    grams: Array
    scores: Array

    @staticmethod
    def fitted(design: Array, top: Array, weight: Array, cluster: Array) -> Sandwich:
        """Fit top / weight on a design with these weights, by least squares.

        Args:
            design: X. Shape (n, p).
            top: The weighted outcome. Shape (n,).
            weight: W's diagonal, 0 or more. Shape (n,).
            cluster: The number of each row's cluster, from 0. Shape (n,).
        """
        grams = np.stack([_sums(one * weight * other, cluster) for one in design.T for other in design.T], axis=-1)
        grams = grams.reshape(len(grams), design.shape[1], design.shape[1])
        crosses = np.stack([_sums(one * top, cluster) for one in design.T], axis=-1)
        root = _root(grams.sum(axis=0))
        coefficients = root @ (root.T @ crosses.sum(axis=0))
        residual = top - weight * (design @ coefficients)
        residual = np.where(np.abs(residual) > 1e-13 * np.abs(top).max(initial=0.0), residual, 0.0)  # what rounding leaves is none
        return Sandwich(coefficients, root, grams, np.stack([_sums(one * residual, cluster) for one in design.T], axis=-1))

    def error(self, of: Array, by: By = "CR2") -> Error:
        """Return the standard error of a combination of coefficients, and its degrees of freedom.

        CR0 is the plain sandwich, too small with few clusters, taken with clusters - 1 degrees of freedom. CR2 mends each cluster's
        residuals for having been fitted (exact if rows were independent and alike), with Satterthwaite's degrees of freedom, which tell
        when a few clusters decide.

        Args:
            of: The combination. Shape (p,).
            by: Which sandwich.

        Raises:
            Refused: The combination is not determined: covariates say who was treated.

        Source: Bell & McCaffrey (2002), Bias Reduction in Standard Errors for Linear Regression with Multi-Stage Samples; Pustejovsky &
        Tipton (2018), Small-Sample Methods for Cluster-Robust Variance Estimation.
        """
        seen = self.root.T @ of
        if not np.allclose(self.root @ (self.root.T @ self.grams.sum(axis=0) @ of), of, atol=1e-6):
            raise Refused(Reason.BAD_FIT, "the covariates and the strata say who was treated, so no effect is told apart: leave some out")
        if by != "CR2":
            variance = float(((self.scores @ (self.root @ seen)) ** 2).sum())
            return Error(float(np.sqrt(variance)), len(self.grams) - 1.0)
        shares, turned = np.linalg.eigh(self.root.T @ self.grams @ self.root)  # what part of each direction the cluster holds
        left = 1 - shares
        mended = np.where(left > 1e-10, 1 / np.sqrt(np.maximum(left, 1e-10)), 0.0)
        weights = (turned @ (mended * (seen @ turned))[..., None])[..., 0] @ self.root.T  # by cluster: root (I - shares)^(-1/2) root' of
        variance = float(((weights * self.scores).sum(axis=1) ** 2).sum())
        return Error(float(np.sqrt(variance)), self._df(weights))

    def _df(self, weights: Array) -> float:
        """Return Satterthwaite's degrees of freedom: of Σ (q_g'e_g)² with q_g = X_g weights_g, were rows independent and alike."""
        pulled = (self.grams @ weights[..., None])[..., 0]
        own = (weights * pulled).sum(axis=1)
        reduced = pulled @ self.root
        shared = (reduced**2).sum(axis=1)
        squares = (own**2).sum() - 2 * own @ shared + ((reduced.T @ reduced) ** 2).sum()
        return float((own - shared).sum() ** 2 / squares) if squares > 0 else 0.0


def _sums(values: Array, cluster: Array) -> Array:
    return np.bincount(cluster, weights=values)


def _root(gram: Array) -> Array:
    """Return a square root of a Gram matrix's inverse, without the directions in which its columns repeat one another."""
    scale = np.sqrt(np.diag(gram))
    scale = np.where(scale > 0, scale, 1.0)
    sizes, directions = np.linalg.eigh(gram / np.outer(scale, scale))
    kept = sizes > 1e-10 * sizes[-1]
    return directions[:, kept] / np.sqrt(sizes[kept]) / scale[:, None]
