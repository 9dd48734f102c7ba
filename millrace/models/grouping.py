"""Groups of rows and their split in time. A group, all rows of one decision, is never divided."""

from __future__ import annotations

import numpy as np

from millrace.types import Array


def group_starts(group: Array) -> Array:
    """Return the position of the first row of each run of equal groups. Shape (groups,).

    >>> group_starts(np.array([7, 7, 3])).tolist()
    [0, 2]
    """
    if len(group) == 0:
        return np.empty(0, dtype=np.int64)
    return np.concatenate([[0], np.flatnonzero(group[1:] != group[:-1]) + 1])


def group_sizes(group: Array) -> Array:
    """Return the length of each run of equal groups. Shape (groups,).

    >>> group_sizes(np.array([7, 7, 3])).tolist()
    [2, 1]
    """
    return np.diff(np.append(group_starts(group), len(group)))


def split_by_time(at: Array, group: Array, share: float) -> tuple[Array, Array]:
    """Return the positions of the earlier rows and of the later ones, which are about `share` of all.

    Groups go by the instant of their first row; groups of one instant go by their order, which is the order of the log. Either part
    may come out empty when there are few groups.

    Args:
        at: When each row happened, microseconds since 1970 UTC. Shape (n,).
        group: The decision of each row, its rows together. Shape (n,).
        share: The part of the rows to keep for later, in (0, 1).

    >>> earlier, later = split_by_time(np.array([5, 5, 1, 9]), np.array([0, 0, 1, 2]), 0.25)
    >>> earlier.tolist(), later.tolist()
    ([0, 1, 2], [3])
    """
    starts, sizes = group_starts(group), group_sizes(group)
    order = np.argsort(at[starts], kind="stable")
    rows_through = np.empty(len(order), dtype=np.int64)
    rows_through[order] = np.cumsum(sizes[order])
    is_later = np.repeat(rows_through > len(at) - round(share * len(at)), sizes)
    return np.flatnonzero(~is_later), np.flatnonzero(is_later)
