"""Who is close to whom, in clusters: units that are assigned together so that few of them meet the other arm."""

from __future__ import annotations

import numpy as np

from millrace.errors import BadInput
from millrace.types import Array


def neighbours(n: int, edges: Array) -> Array:
    """Return every edge once in each direction, without loops and repeats, in order. Shape (2 · edges, 2).

    Args:
        n: How many units there are, numbered from 0.
        edges: Pairs of units that meet; the order within a pair does not matter. Shape (edges, 2).

    Raises:
        BadInput: An edge names a unit that does not exist.

    >>> neighbours(3, np.array([[0, 2], [2, 0], [1, 1]])).tolist()
    [[0, 2], [2, 0]]
    """
    pairs = np.asarray(edges, dtype=np.int64).reshape(-1, 2)
    if len(pairs) and (pairs.min() < 0 or pairs.max() >= n):
        raise BadInput(f"an edge names unit {int(pairs.max() if pairs.max() >= n else pairs.min())} of {n}: number units from 0", "edges")
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    codes = np.unique(np.concatenate([pairs[:, 0] * n + pairs[:, 1], pairs[:, 1] * n + pairs[:, 0]]))
    return np.column_stack([codes // n, codes % n])


def components(n: int, edges: Array) -> Array:
    """Return which connected part of the graph each unit is in: nothing of one reaches another. Shape (n,).

    >>> components(4, np.array([[0, 2]])).tolist()
    [0, 1, 0, 2]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    both = neighbours(n, edges)
    graph = coo_array((np.ones(len(both)), (both[:, 0], both[:, 1])), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def communities(n: int, edges: Array, rounds: int = 20) -> Array:
    """Return clusters by label propagation: each unit goes where most of its neighbours are, a half of the units at a time. Shape (n,).

    The answer is the same on every run and machine: ties go to the label a unit has already, else to the smallest. Its weakness: where a
    graph has no communities, one cluster may swallow most of it; look at the sizes, and at `cut`.

    Args:
        n: How many units there are, numbered from 0.
        edges: Pairs of units that meet. Shape (edges, 2).
        rounds: How often all units look round, at most; it ends when nobody moves.

    Source: Raghavan, Albert & Kumara (2007), Near Linear Time Algorithm to Detect Community Structures; in halves as in Cordasco &
    Gargano (2010), so that two sides of a graph do not swap labels for ever.

    >>> communities(6, np.array([[0, 1], [1, 2], [0, 2], [3, 4], [4, 5], [3, 5], [2, 3]])).tolist()
    [0, 0, 0, 1, 1, 1]
    """
    both = neighbours(n, edges)
    label = np.arange(n)
    half = (np.arange(n, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(63)
    for _ in range(rounds):
        before = label
        for turn in (0, 1):
            label = np.where(half == turn, _favourite(n, both, label), label)
        if (label == before).all():
            break
    return np.unique(label, return_inverse=True)[1].astype(np.int64)


def _favourite(n: int, both: Array, label: Array) -> Array:
    """Return the label that most of each unit's neighbours have, its own counting half a neighbour more. Shape (n,)."""
    codes, votes = np.unique(both[:, 0] * n + label[both[:, 1]], return_counts=True)
    unit, wish = codes // n, codes % n
    votes = votes + 0.5 * (wish == label[unit])
    order = np.lexsort((wish, -votes, unit))
    first = order[np.unique(unit[order], return_index=True)[1]]
    out = label.copy()
    out[unit[first]] = wish[first]
    return out


def cut(n: int, edges: Array, cluster: Array) -> float:
    """Return the part of the edges that lead from one cluster to another: what clusters leave of the interference. 0 without edges.

    >>> cut(3, np.array([[0, 1], [1, 2]]), np.array([0, 0, 1]))
    0.5
    """
    both = neighbours(n, edges)
    return float((cluster[both[:, 0]] != cluster[both[:, 1]]).mean()) if len(both) else 0.0


def ego_clusters(n: int, edges: Array, most: int | None = None) -> tuple[Array, Array]:
    """Return (egos, clusters): units with all their neighbours, none of whom is another ego or another ego's neighbour.

    Egos are taken one by one, those with fewest neighbours first, so that many find place. An ego is a cluster of its own and its
    neighbours are another: assigned each by a coin (`exposure.draws`), what is done to the ego can be told from what its neighbours do to
    it. The egos alone are then read. Its weakness: egos have few neighbours, so they speak of the graph's edge more than of its middle.

    Args:
        n: How many units there are, numbered from 0.
        edges: Pairs of units that meet. Shape (edges, 2).
        most: Egos at most; None: as many as there is room for.

    Returns:
        The egos' numbers, in the order they were taken. Shape (egos,). The cluster of each unit: 2k for the k-th ego, 2k + 1 for its
        neighbours, -1 for the rest. Shape (n,).

    Source: Saint-Jacques, Varshney, Simpson & Xu (2019), Using Ego-Clusters to Measure Network Effects at LinkedIn.

    >>> egos, cluster = ego_clusters(5, np.array([[0, 1], [1, 2], [3, 4]]))
    >>> egos.tolist(), cluster.tolist()
    ([0, 3], [0, 1, -1, 2, 3])
    """
    both = neighbours(n, edges)
    degree = np.bincount(both[:, 0], minlength=n)
    start = np.r_[0, np.cumsum(degree)]
    cluster = np.full(n, -1, dtype=np.int64)
    egos: list[int] = []
    for unit in np.argsort(degree, kind="stable").tolist():
        alters = both[start[unit] : start[unit + 1], 1]
        if len(alters) and cluster[unit] < 0 and (cluster[alters] < 0).all() and (most is None or len(egos) < most):
            cluster[unit], cluster[alters] = 2 * len(egos), 2 * len(egos) + 1
            egos.append(unit)
    return np.array(egos, dtype=np.int64), cluster
