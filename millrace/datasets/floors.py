"""The simple answers that a system must beat: what is popular, and what is taken together."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from millrace.types import Array, Columns


class Taken(NamedTuple):
    """Who took what, as numbers; a pair counts once.

    Attributes:
        query: By row of the events. int64, shape (n,).
        candidate: By row of the events. int64, shape (n,).
        asked: The number of each query that is asked about, -1 for one that took nothing. Shape (m,).
        ids: The candidates' ids by number, sorted.
    """

    query: Array
    candidate: Array
    asked: Array
    ids: Array

    @staticmethod
    def of(query: Array, candidate: Array, asked: Array) -> Taken:
        """Number ids. Object arrays: `query` and `candidate` of shape (n,), `asked` of shape (m,)."""
        queries, row = np.unique(query.astype(str), return_inverse=True)
        candidates, column = np.unique(candidate.astype(str), return_inverse=True)
        wanted = asked.astype(str)
        place = np.minimum(np.searchsorted(queries, wanted), len(queries) - 1)
        return Taken(row, column, np.where(queries[place] == wanted, place, -1), candidates.astype(object))


def popularity(taken: Taken, k: int) -> Columns:
    """Return, for each query asked about, the `k` candidates that most queries took, without those it took itself.

    Returns:
        `request` (position in `asked`, ascending) and `candidate`, best first; of equal ones the one whose id sorts first.
    """
    times = np.asarray(_matrix(taken).sum(axis=0)).ravel()
    return _best(np.tile(times, (len(taken.asked), 1)), taken, k)


def together(taken: Taken, k: int) -> Columns:
    """Return, for each query asked about, the `k` candidates nearest to those it took: item–item co-occurrence.

    Two candidates are as near as the cosine of who took them; a candidate's nearness to a query is the sum over what the query took.

    Returns:
        As for `popularity`.

    Source: Sarwar, Karypis, Konstan & Riedl (2001), Item-Based Collaborative Filtering Recommendation Algorithms.
    """
    from scipy.sparse import diags_array

    matrix = _matrix(taken)
    unit = matrix @ diags_array(np.asarray(matrix.sum(axis=0)).ravel() ** -0.5)
    near = (unit.T @ unit).toarray()
    np.fill_diagonal(near, 0.0)
    return _best(_rows(matrix, taken.asked) @ near, taken, k)


def _matrix(taken: Taken) -> Any:
    """Return which query took which candidate as a sparse matrix of ones."""
    from scipy.sparse import csr_array

    shape = (int(taken.query.max()) + 1, len(taken.ids))
    matrix = csr_array((np.ones(len(taken.query)), (taken.query, taken.candidate)), shape=shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def _rows(matrix: Any, asked: Array) -> Array:
    return np.where(asked[:, None] >= 0, matrix[np.maximum(asked, 0)].toarray(), 0.0)


def _best(score: Array, taken: Taken, k: int) -> Columns:
    score = np.where(_rows(_matrix(taken), taken.asked) > 0, -np.inf, score)
    order = np.argsort(-score, axis=1, kind="stable")[:, :k]
    request = np.repeat(np.arange(len(score)), order.shape[1])
    kept = np.isfinite(np.take_along_axis(score, order, axis=1)).ravel()
    return {"request": request[kept], "candidate": taken.ids[order.ravel()][kept]}


def recall(proposed: Columns, held: Columns, n: int, k: int) -> Array:
    """Return, for each of `n` requests, the share of what was kept back that is among its first `k` proposals.

    More than `k` cannot be found: the share is of at most `k`. With one candidate kept back it is whether it was hit.

    Args:
        proposed: `request` (ascending) and `candidate`, best first.
        held: `request` and `candidate`, in any order, at least one per request.
        n: How many requests there are.
        k: How many places count.

    >>> proposed = {"request": np.array([0, 0]), "candidate": np.array(["a", "b"], dtype=object)}
    >>> recall(proposed, {"request": np.array([0, 0]), "candidate": np.array(["b", "c"], dtype=object)}, 1, 2).tolist()
    [0.5]
    """
    place = np.arange(len(proposed["request"])) - np.searchsorted(proposed["request"], proposed["request"])
    first = place < k
    right = set(zip(held["request"].tolist(), held["candidate"].tolist(), strict=True))
    shown = zip(proposed["request"][first].tolist(), proposed["candidate"][first].tolist(), strict=True)
    found = np.bincount(np.array([request for request, one in shown if (request, one) in right], dtype=np.int64), minlength=n)
    return found / np.minimum(np.bincount(held["request"], minlength=n), k)
