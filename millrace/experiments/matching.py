"""Units alike put together in pairs: before an experiment, or to compare where nobody assigned."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

from millrace.errors import BadInput
from millrace.experiments.contrast import check_size
from millrace.experiments.reasons import Caution, Reason, Refused
from millrace.experiments.two_arms import finite
from millrace.types import Array, Columns


class Matching(NamedTuple):
    """Who is paired with whom.

    Attributes:
        pair: The number of each unit's pair, from 0; -1 for those without. Shape (n,).
        alone: How many have none; of observed arms, how many treated ones.
        cautions: What must be known of a comparison of these pairs.
    """

    pair: Array
    alone: int
    cautions: tuple[Caution, ...] = ()


def pairs(covariates: Columns) -> Matching:
    """Pair units that are alike in their covariates, for an experiment that then treats one of each pair by lot (`within_strata`).

    The nearest two are paired first, by Mahalanobis distance, then the nearest of the rest, and so on: near the best pairing and much
    quicker. It is done in rounds that pair all who are nearest to one another, which comes to the same. Of an odd number one is left alone.

    Args:
        covariates: Numbers known of units beforehand. Shape (n,) each.

    Source: Greevy, Lu, Silber & Rosenbaum (2004), Optimal Multivariate Matching Before Randomization, for why.

    >>> pairs({"age": np.array([20.0, 63.0, 60.0, 21.0])}).pair
    array([0, 1, 1, 0])
    """
    points = _apart(whitened(covariates))
    pair, free = np.full(len(points), -1), np.arange(len(points))
    while len(free) > 1:
        near, who = _nearest(points[free], points[free], k=2)
        nearest, here = who[:, 1], np.arange(len(free))
        one = np.flatnonzero((nearest[nearest] == here) & (here < nearest))
        one = one if len(one) else np.array([near[:, 1].argmin()])
        _number(pair, free[one], free[nearest[one]])
        free = free[pair[free] < 0]
    return Matching(pair, len(free))


def matched(covariates: Columns, treated: Array, within: float = np.inf) -> Matching:
    """Pair each treated unit with an untreated one alike, where nobody assigned who was treated. Untreated ones serve once.

    To match on propensities, pass their logits (see `propensity`) as the only covariate and a fifth of a standard deviation as `within`.
    Its weakness is that of all observing: what the covariates do not tell is not matched, so a difference may be that of the units.

    Args:
        covariates: Numbers known of units beforehand. Shape (n,) each.
        treated: Whose each unit is. Boolean, shape (n,).
        within: The farthest a pair may lie apart, in standard deviations (Mahalanobis).

    Raises:
        Refused: There are no treated or no untreated units, or most of the treated have nobody alike.

    Source: Rosenbaum & Rubin (1985), Constructing a Control Group Using Multivariate Matched Sampling Methods; Austin (2011) for a fifth.
    """
    if not within > 0:
        raise BadInput(f"within={within}: a distance above 0, in standard deviations", field="within")
    treated = np.asarray(treated, dtype=bool)
    for name, units in (("control", int((~treated).sum())), ("treatment", int(treated.sum()))):
        check_size("the matching", name, units)
    points, within = _apart(whitened(covariates)), within + 1e-6
    pair = np.full(len(points), -1)
    mine, others = np.flatnonzero(treated), np.flatnonzero(~treated)
    while len(mine) and len(others):
        near, who = _nearest(points[mine], points[others])
        mine, near, who = mine[near <= within], near[near <= within], who[near <= within]
        if not len(mine):
            break
        whose = _nearest(points[others], points[mine])[1]
        one = np.flatnonzero(whose[who] == np.arange(len(mine)))
        one = one if len(one) else np.array([near.argmin()])
        _number(pair, mine[one], others[who[one]])
        mine, others = mine[pair[mine] < 0], others[pair[others] < 0]
    alone, of = int((pair[treated] < 0).sum()), int(treated.sum())
    if alone > of / 2:
        said = f"{alone} of {of} treated units have no untreated one alike: a comparison of the rest speaks of few; match less closely"
        raise Refused(Reason.NO_SUPPORT, said)
    return Matching(pair, alone, _of_observed(alone, of))


def whitened(covariates: Columns) -> Array:
    """Return units as points whose distance is Mahalanobis's, without what repeats. Shape (n, kept)."""
    if not covariates:
        raise BadInput("there are no covariates to be alike in: name at least one", field="covariates")
    n = len(next(iter(covariates.values())))
    rows = np.column_stack([finite(name, column, n) for name, column in covariates.items()])
    spread = rows.std(axis=0, ddof=1) if n > 1 else np.zeros(rows.shape[1])
    if not (spread > 0).any():
        raise Refused(Reason.NO_VARIANCE, "no covariate varies, so all units are alike: draw arms by lot, or name others")
    rows = (rows - rows.mean(axis=0))[:, spread > 0] / spread[spread > 0]
    sizes, directions = np.linalg.eigh(rows.T @ rows / (n - 1))
    kept = sizes > 1e-10 * sizes[-1]
    return rows @ directions[:, kept] / np.sqrt(sizes[kept])


def _apart(points: Array) -> Array:
    """Return points moved by a hair, always the same, so that no two distances are alike and everybody has one nearest."""
    return points + 1e-7 * np.random.default_rng(0).random(points.shape)


def _nearest(points: Array, among: Array, k: int = 1) -> tuple[Array, Array]:
    """Return (how far, which) of the k nearest to each point."""
    far, which = KDTree(among).query(points, k=k)
    return np.asarray(far), np.asarray(which)


def _number(pair: Array, one: Array, other: Array) -> None:
    pair[one] = pair[other] = int(pair.max(initial=-1)) + 1 + np.arange(len(one))


def _of_observed(alone: int, of: int) -> tuple[Caution, ...]:
    said = "nobody drew who was treated: what the covariates do not tell is not matched, so this is no experiment's answer"
    found = [Caution(Reason.MODEL_ALONE, said)]
    if alone:
        said = f"{alone} of {of} treated units have no untreated one alike and are left out: the effect is that on the others"
        found.append(Caution(Reason.NO_SUPPORT, said))
    return tuple(found)
