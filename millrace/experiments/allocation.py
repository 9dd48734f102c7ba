"""Arms drawn for units that are all known beforehand: by lot, within strata, or within pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from millrace.errors import BadInput
from millrace.types import Array


def by_lot(n: int, seed: int, shares: Sequence[float] = (0.5, 0.5)) -> Array:
    """Return an arm for each of n units, as many of each as its share says; what is left over goes by lot. Shape (n,).

    >>> np.bincount(by_lot(10, seed=1, shares=(0.5, 0.3, 0.2)))
    array([5, 3, 2])
    """
    return within_strata(np.zeros(n, dtype=np.int64), seed, shares)


def within_strata(stratum: Array, seed: int, shares: Sequence[float] = (0.5, 0.5)) -> Array:
    """Return an arm for each unit so that every stratum is shared out as the whole is. Shape (n,).

    A stratum's units are put in an order drawn by lot, and a comb with a random start is laid over it: every unit has exactly its share's
    chance of every arm, and every arm gets its share of every stratum but for less than one unit. Pairs are strata of two. Strata of one
    unit are plain lots, so many of them gain nothing: take coarser ones.

    Args:
        stratum: Of each unit. Shape (n,).
        seed: Of the lots.
        shares: Of the units, by arm; above 0, they make 1.

    >>> arm = within_strata(np.array(["old"] * 4 + ["new"] * 6), seed=0)
    >>> int(arm[:4].sum()), int(arm[4:].sum())
    (2, 3)
    """
    if not len(shares) or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:
        raise BadInput(f"shares={tuple(shares)}: one or more, above 0, that make 1", field="shares")
    rng = np.random.default_rng(seed)
    _, code = np.unique(stratum, return_inverse=True)
    sizes = np.bincount(code)
    in_order = np.lexsort((rng.random(len(code)), code))
    place = np.arange(len(code)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    on_comb = (place + np.repeat(rng.random(len(sizes)), sizes)) / np.repeat(sizes, sizes)
    arm = np.empty(len(code), dtype=np.int64)
    arm[in_order] = np.searchsorted(np.cumsum(shares)[:-1], on_comb, side="right")
    return arm
