"""What an assignment does to a unit through its neighbours, and how likely that is under the design."""

from __future__ import annotations

import numpy as np

from millrace.errors import BadInput
from millrace.experiments.graph_clusters import neighbours
from millrace.experiments.reasons import Reason, Refused
from millrace.types import Array

CONDITIONS = ("neither", "neighbours", "self", "both")
"""What may have happened to a unit: nothing; its neighbours were treated, not it; it was, not they; both."""

_MOST_PLANS = 2**14


def shares(n: int, edges: Array, treated: Array) -> Array:
    """Return the share of each unit's neighbours that is treated; NaN for units without neighbours. Shape as `treated`.

    Args:
        n: How many units there are, numbered from 0.
        edges: Pairs of units that meet. Shape (edges, 2).
        treated: One assignment, shape (n,), or several, shape (plans, n).

    >>> shares(3, np.array([[0, 1], [0, 2]]), np.array([True, True, False])).tolist()
    [0.5, 1.0, 1.0]
    """
    from scipy.sparse import csr_array

    both = neighbours(n, edges)
    graph = csr_array((np.ones(len(both)), (both[:, 0], both[:, 1])), shape=(n, n))
    degree = np.bincount(both[:, 0], minlength=n).astype(np.float64)
    met = (graph @ np.atleast_2d(treated).astype(np.float64).T).T
    out = np.divide(met, degree, out=np.full(met.shape, np.nan), where=degree > 0)
    return out.reshape(np.shape(treated))


def exposed(n: int, edges: Array, treated: Array, enough: float = 0.5) -> Array:
    """Return what happened to each unit, as a place in `CONDITIONS`; -1 for units without neighbours. Shape as `treated`.

    It supposes that a unit is moved by nobody but its neighbours, and that only by whether at least `enough` of them are treated. Where
    that is not so, the figures are averages over what it lumps together.

    Args:
        n: How many units there are, numbered from 0.
        edges: Pairs of units that meet. Shape (edges, 2).
        treated: One assignment, shape (n,), or several, shape (plans, n).
        enough: The share of treated neighbours that counts as being exposed, in (0, 1].
    """
    if not 0 < enough <= 1:
        raise BadInput(f"enough={enough}: a share of the neighbours above 0 and at most 1", field="enough")
    share = shares(n, edges, treated)
    met = np.where(np.isnan(share), 0.0, share) >= enough - 1e-12
    return np.where(np.isnan(share), -1, 2 * np.asarray(treated, dtype=np.int64) + met)


def draws(cluster: Array, plans: int, seed: int, share: float = 0.5) -> Array:
    """Return assignments of whole clusters, each treated by itself with a chance. Boolean, shape (plans, n).

    Args:
        cluster: Which cluster each unit is of, numbered from 0; every unit its own for a plain A/B test. -1 is never treated. Shape (n,).
        plans: How many.
        seed: Of the draws.
        share: The chance of the treatment, in (0, 1).
    """
    drawn = np.random.default_rng(seed).random((plans, int(cluster.max()) + 1)) < share
    return np.where(cluster >= 0, drawn[:, cluster], False)


def every_plan(cluster: Array) -> Array:
    """Return all assignments of whole clusters to two arms, equally likely if each is treated with chance ½. Boolean, shape (plans, n).

    Raises:
        Refused: There are more than fourteen clusters: their plans are too many to go through; take `draws`.
    """
    many = int(cluster.max()) + 1
    if 2**many > _MOST_PLANS:
        raise Refused(Reason.OUT_OF_BOUNDS, f"{many} clusters have 2^{many} plans: take some thousand draws of them", "cluster")
    drawn = (np.arange(2**many)[:, None] >> np.arange(many)) & 1 == 1
    return np.where(cluster >= 0, drawn[:, cluster], False)
