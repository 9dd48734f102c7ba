"""A number in [0, 1) for every id, the same on every machine: how data without time is split and ordered, leaking nothing."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np

from millrace.types import Array


def shares(ids: Iterable[str], purpose: str) -> Array:
    """Return a number in [0, 1) for each id: a digest of it and of the purpose, and of nothing else.

    >>> bool((shares(["a", "b"], "split") == shares(["a", "b"], "split")).all())
    True
    """
    salt = purpose.encode() + b"/"
    drawn = [int.from_bytes(blake2b(salt + one.encode(), digest_size=8).digest(), "big") >> 11 for one in ids]
    return np.array(drawn, dtype=np.float64) / 2.0**53


def places(group: Array, rank: Array) -> Array:
    """Return each row's place within its group, from 0, in the order of `rank` (and then of the rows). Shape (n,).

    >>> places(np.array([7, 8, 7]), np.array([0.9, 0.1, 0.2])).tolist()
    [1, 0, 0]
    """
    order = np.lexsort((rank, group))
    sorted_group = group[order]
    out = np.empty(len(group), dtype=np.int64)
    out[order] = np.arange(len(group)) - np.searchsorted(sorted_group, sorted_group)
    return out
