"""The mixture of columns that comes nearest to a target: weights of 0 or more that make 1, found exactly."""

from __future__ import annotations

import numpy as np

from millrace.types import Array


def mixture(columns: Array, target: Array) -> Array:
    """Return the weights, each 0 or more and 1 together, whose mixture of the columns has the least squared distance to a target.

    The problem is convex. It is turned into one without the sum: with A = columns - target, non-negative u that make ‖Au‖² + (Σu - 1)²
    least are the answer times a number, because for every such number the best direction is the same. That is solved by active sets, which
    end, and end at the minimum; so there is nothing to tune.

    Args:
        columns: What is mixed. Shape (rows, n).
        target: What is to be met. Shape (rows,).

    Returns:
        The weights. Shape (n,).

    Source: Wolfe (1976), Finding the Nearest Point in a Polytope; Lawson & Hanson (1974), Solving Least Squares Problems, chapter 23.

    >>> mixture(np.array([[0.0, 2.0, 9.0]]), np.array([1.5])).round(12).tolist()[0] >= 0
    True
    """
    from scipy.optimize import nnls

    apart = columns - target[:, None]
    size = np.linalg.norm(apart, axis=0).min()
    apart = apart / size if size > 0 else apart
    problem = np.vstack([apart, np.ones(columns.shape[1])])
    answer, _ = nnls(problem, np.append(np.zeros(len(target)), 1.0), maxiter=30 * columns.shape[1])
    return answer / answer.sum()
