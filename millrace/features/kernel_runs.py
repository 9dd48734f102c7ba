"""Which values a row has, given the run of rows that each event counts for: how many different ones, the most frequent, the n-th smallest.

Runs are of rows sorted by key and watermark, so those of different keys never meet: nothing here needs to know about keys.
"""

from __future__ import annotations

import numpy as np

from millrace.features.extremes import covering
from millrace.types import Array


def different(values: Array, start: Array, stop: Array, rows: int) -> Array:
    """Return how many different values the runs that cover each row have.

    The runs of one value are cut so that they do not overlap; then each row is covered once by each of its values.

    Args:
        values: Numbers, none missing. Shape (n,).
        start: The first row of each run. Shape (n,).
        stop: The row after its last. Shape (n,).
        rows: How many rows there are.

    Returns:
        int64, shape (rows,).
    """
    order = np.lexsort((start, values))
    values, start, stop = values[order], start[order], stop[order]
    is_new = np.append(True, values[1:] != values[:-1])[: len(values)]
    lift = np.cumsum(is_new) * (rows + 1)  # no value's runs reach those of the next one
    reach = np.maximum.accumulate(stop + lift)
    begin = np.maximum(start, np.append(0, reach[:-1])[: len(values)] - lift)
    there = begin < stop
    return _steps(begin[there], stop[there], rows)


def nth_smallest(ranks: Array, start: Array, stop: Array, nth: Array) -> Array:
    """Return the n-th smallest rank, counted from 0, among the runs that cover each row; anything where there are not so many.

    What a row has is what started by then less what stopped by then: two orders of the same numbers. Both are parted by their bits, the
    highest first, and each row goes where its n-th smallest lies (a wavelet matrix of each). The time is (n + rows) · log(largest rank).

    Args:
        ranks: From 0. Shape (n,), int64.
        start: The first row of each run. Shape (n,).
        stop: The row after its last. Shape (n,).
        nth: Shape (rows,), int64.

    Returns:
        int64, shape (rows,).
    """
    rows = len(nth)
    came, went = ranks[np.argsort(start, kind="stable")], ranks[np.argsort(stop, kind="stable")]
    entered = np.cumsum(np.bincount(start, minlength=rows)[:rows])
    left = np.cumsum(np.bincount(stop, minlength=rows)[:rows])
    found = np.zeros(rows, dtype=np.int64)
    for bit in reversed(range(int(ranks.max(initial=0)).bit_length())):
        came_bits, went_bits = (column >> bit & 1 for column in (came, went))
        came_zeros, went_zeros = (np.append(0, np.cumsum(1 - bits)) for bits in (came_bits, went_bits))
        zeros = came_zeros[entered] - went_zeros[left]
        up = nth >= zeros
        found |= up.astype(np.int64) << bit
        nth = np.where(up, nth - zeros, nth)
        entered = np.where(up, came_zeros[-1] + entered - came_zeros[entered], came_zeros[entered])
        left = np.where(up, went_zeros[-1] + left - went_zeros[left], went_zeros[left])
        came, went = came[np.argsort(came_bits, kind="stable")], went[np.argsort(went_bits, kind="stable")]
    return found


def most_frequent(ranks: Array, start: Array, stop: Array, rows: int, most: int) -> Array:
    """Return the ranks that occur most often among the runs that cover each row: the most frequent first, the lower of equals, then -1.

    For each rank the rows fall into stretches on which it occurs equally often. The best stretch of every row is found, and cut where it
    won before the next best are: the time is `most` · (n + rows) · log.

    Args:
        ranks: From 0. Shape (n,), int64.
        start: The first row of each run. Shape (n,).
        stop: The row after its last. Shape (n,).
        rows: How many rows there are.
        most: How many are wanted.

    Returns:
        int64, shape (rows, most).
    """
    rank, begin, end, count = _stretches(ranks, start, stop)
    size = int(ranks.max(initial=0)) + 1
    found = np.full((rows, most), -1, dtype=np.int64)
    for nth in range(most):
        best = covering(np.maximum, begin, end, count * size + (size - 1 - rank), rows, -1)
        there = np.flatnonzero(best >= 0)
        if len(there) == 0:
            break
        won = size - 1 - best[there] % size
        found[there, nth] = won
        stretch = np.searchsorted(rank * (rows + 1) + begin, won * (rows + 1) + there, side="right") - 1
        begin, end, which = _cut(begin, end, stretch, there)
        rank, count = rank[which], count[which]
    return found


def _stretches(ranks: Array, start: Array, stop: Array) -> tuple[Array, Array, Array, Array]:
    """Return stretches of rows on which a rank occurs equally often: ranks, first rows, rows after the last, how often. By rank and row."""
    rank, row = np.concatenate([ranks, ranks]), np.concatenate([start, stop])
    order = np.lexsort((row, rank))
    rank, row = rank[order], row[order]
    count = np.cumsum(np.where(order < len(ranks), 1, -1))
    there = np.flatnonzero((count[:-1] > 0) & (row[:-1] < row[1:]))
    return rank[there], row[there], row[there + 1], count[there]


def _cut(begin: Array, end: Array, stretch: Array, row: Array) -> tuple[Array, Array, Array]:
    """Cut rows out of stretches, given by which stretch each row is cut out of; return the pieces in order, and what each is a piece of."""
    which = np.concatenate([np.arange(len(begin)), stretch])
    begins, ends = np.concatenate([begin, row + 1]), np.concatenate([end, row])
    by_begin, by_end = np.lexsort((begins, which)), np.lexsort((ends, which))
    begins, ends, which = begins[by_begin], ends[by_end], which[by_begin]
    there = begins < ends
    return begins[there], ends[there], which[there]


def _steps(begin: Array, end: Array, rows: int) -> Array:
    """Return how many runs cover each row."""
    return np.cumsum(np.bincount(begin, minlength=rows + 1) - np.bincount(end, minlength=rows + 1))[:rows]
