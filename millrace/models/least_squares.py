"""Alternating least squares for implicit feedback: the algorithm and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from millrace.types import Array

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_STEPS = 3
"""Conjugate-gradient steps per half-epoch. Each starts from the epoch before, so few are enough."""

_CHUNK = 8192
"""Pairs whose vectors are gathered at once: few enough to stay in the processor's cache."""


def factorize(extra: csr_array, size: int, epochs: int, reg: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return vectors for the rows and the columns of a matrix of observed pairs, whose products say how much a pair is preferred.

    Every pair, observed or not, has a preference (1 or 0) and a confidence (1 + extra, or 1). The vectors minimise the squared error
    of the preferences weighted by confidence, plus `reg` times the squared length of each vector times the confidences it is in. The
    last makes `reg` mean the same for large and small catalogues, rare and frequent rows.

    Args:
        extra: The confidence of each observed pair above that of the others, positive. Shape (n, m).
        size: The length of a vector.
        epochs: How many times both sides are solved.
        reg: The strength of the penalty, above 0.
        rng: Draws the vectors to start from.

    Returns:
        Arrays of shape (n, size) and (m, size).

    Source: Hu, Koren & Volinsky (2008), Collaborative Filtering for Implicit Feedback Datasets; solved by conjugate gradients as in
    Takács, Pilászy & Tikk (2011), Applications of the Conjugate Gradient Method for Implicit Feedback Collaborative Filtering;
    penalty by frequency as in Rendle et al. (2022), Revisiting the Performance of iALS on Item Recommendation Benchmarks.
    """
    flipped = extra.T.tocsr()
    n, m = len(extra.indptr) - 1, len(flipped.indptr) - 1
    left, right = np.zeros((n, size)), rng.normal(0, size**-0.5, (m, size))
    for _ in range(epochs):
        left = improve(left, extra, right, reg, _STEPS)
        right = improve(right, flipped, left, reg, _STEPS)
    return improve(left, extra, right, reg, _STEPS), right  # so that the rows answer to the final columns


def improve(vectors: Array, extra: csr_array, others: Array, reg: float, steps: int) -> Array:
    """Return the vectors of the rows nearer to their optimum for given vectors of the columns.

    All rows take their conjugate-gradient steps at once; as many steps as a vector is long would solve each exactly.

    Args:
        vectors: Where to start. Shape (n, size).
        extra: As for `factorize`. Shape (n, m).
        others: The vectors of the columns. Shape (m, size).
        reg: As for `factorize`.
        steps: How many conjugate-gradient steps to take.
    """
    from scipy.sparse import csr_array

    pairs = (extra.indices, extra.indptr)
    owners = np.repeat(np.arange(len(vectors)), np.diff(extra.indptr))
    gram = others.T @ others  # of all columns at confidence 1; only observed pairs remain to be added, row by row
    ridge = reg * (extra.sum(axis=1) + len(others))[:, None]

    def curvature(x: Array) -> Array:
        observed = csr_array((extra.data * _products(x, owners, others, extra.indices), *pairs), shape=extra.shape)
        return x @ gram + ridge * x + observed @ others

    target = csr_array((1 + extra.data, *pairs), shape=extra.shape) @ others
    x, residual = vectors.copy(), target - curvature(vectors)
    direction, error = residual, np.vecdot(residual, residual)
    for _ in range(steps):
        bent = curvature(direction)
        step = _ratio(error, np.vecdot(direction, bent))
        x += step[:, None] * direction
        residual = residual - step[:, None] * bent
        left_over = np.vecdot(residual, residual)
        direction = residual + _ratio(left_over, error)[:, None] * direction
        error = left_over
    return x


def _products(left: Array, rows: Array, right: Array, columns: Array) -> Array:
    out = np.empty(len(rows))
    for start in range(0, len(rows), _CHUNK):
        part = slice(start, start + _CHUNK)
        out[part] = np.vecdot(left[rows[part]], right[columns[part]])
    return out


def _ratio(over: Array, under: Array) -> Array:
    """Return the quotient, and 0 where a row has converged and both are 0."""
    return np.divide(over, under, out=np.zeros_like(over), where=under > 0)
