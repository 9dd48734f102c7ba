"""Arms drawn again until they are alike: lots of which only the balanced ones count."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special

from millrace.errors import BadInput
from millrace.experiments.matching import whitened
from millrace.experiments.reasons import Reason, Refused
from millrace.types import Array, Columns


class Rerandomised(NamedTuple):
    """Allocations that were accepted.

    Attributes:
        treated: Whose each unit is. Boolean, shape (draws, n).
        distance: Of the arms' means, Mahalanobis's in standard errors, squared. Shape (draws,).
        threshold: The most that was accepted.
        accept: The chance of a lot to be accepted that this stands for, with many units.
        tried: How many lots were drawn in all.
        less: By which part the variance of a covariate's difference falls, against plain lots; what it explains of the metric falls too.
    """

    treated: Array
    distance: Array
    threshold: float
    accept: float
    tried: int
    less: float


def rerandomised(
    covariates: Columns, seed: int, *, accept: float = 0.01, share: float = 0.5, draws: int = 1, most: int = 1_000_000
) -> Rerandomised:
    """Draw arms by lot until their covariates' means lie near each other; the first draw is the experiment's.

    Every unit's chance stays what it was only with arms of one size; with others it is near it. Plain errors are then too large, never too
    small: for exact p-values take many `draws` and give the rest of them to `permutation` as allocations.

    Args:
        covariates: Numbers known of units beforehand. Shape (n,) each.
        seed: Of the lots.
        accept: Which part of lots is good enough, in (0, 1].
        share: The treatment's part of the units, in (0, 1).
        draws: How many accepted allocations are asked for.
        most: How many lots are drawn at most.

    Raises:
        Refused: Not enough lots were accepted among `most`.

    Source: Morgan & Rubin (2012), Rerandomization to Improve Covariate Balance in Experiments.

    >>> found = rerandomised({"age": np.arange(40.0)}, seed=1, accept=0.1)
    >>> bool(found.distance[0] <= found.threshold), round(found.threshold, 4), round(found.less, 3)
    (True, 0.0158, 0.995)
    """
    if not (0 < accept <= 1 and 0 < share < 1 and draws > 0):
        raise BadInput(f"accept={accept}, share={share}, draws={draws}: write parts between 0 and 1, and one draw or more")
    points = whitened(covariates)
    n, k = points.shape
    mine = round(n * share)
    if not 0 < mine < n:
        raise Refused(Reason.EMPTY_ARM, f"a share of {share} of {n} units leaves an arm empty: use more units, or another share")
    threshold = float(special.chdtri(k, 1 - accept)) if accept < 1 else np.inf
    rng, tried, kept = np.random.default_rng(seed), 0, list[Array]()
    at_once, missing = int(np.clip(2_000_000 // n, 1, np.ceil(2 * draws / accept))), draws
    while missing and tried < most:
        lots = np.zeros((min(at_once, most - tried), n), dtype=bool)
        lots[:, :mine] = True
        lots = rng.permuted(lots, axis=1)
        near = np.flatnonzero(distances(points, lots) <= threshold)[:missing]
        kept.append(lots[near])
        missing -= len(near)
        tried += len(lots) if missing else int(near[-1]) + 1
    treated = np.concatenate(kept)
    if len(treated) < draws:
        said = f"{len(treated)} of {tried} lots were near enough and {draws} were asked for: accept a larger part"
        raise Refused(Reason.BAD_FIT, said, "accept")
    less = 1 - float(special.chdtr(k + 2, threshold)) / accept if accept < 1 else 0.0
    return Rerandomised(treated, distances(points, treated), threshold, accept, tried, less)


def distances(points: Array, treated: Array) -> Array:
    """Return how far the arms' means lie apart under allocations: Mahalanobis's distance in standard errors, squared. Shape (draws,).

    Args:
        points: Of `whitened`. Shape (n, k).
        treated: Boolean, shape (draws, n).
    """
    mine = treated.sum(axis=1)[:, None]
    apart = (treated @ points) / mine - (~treated @ points) / (len(points) - mine)
    return (apart**2).sum(axis=1) * mine[:, 0] * (len(points) - mine[:, 0]) / len(points)
