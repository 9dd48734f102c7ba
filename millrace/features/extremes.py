"""Least, greatest and latest: aggregates that cannot be subtracted.

Each event counts for one run of rows (sorted by key and watermark), however late it came. So instead of asking each row for its events,
every event is laid over its rows: over two runs of the largest power of two that fits, which overlap, and the runs are halved level by
level. The memory is that of the events and the rows, the time n + rows · log(rows).
"""

from __future__ import annotations

import numpy as np

from millrace.types import Array


def covering(pick: np.ufunc, start: Array, stop: Array, values: Array, rows: int, empty: float) -> Array:
    """Return for each row the value that `pick` chooses among the runs that cover it.

    Args:
        pick: `np.minimum` or `np.maximum`.
        start: First row of each run. Shape (n,).
        stop: The row after its last; a run that does not stop after its start covers nothing. Shape (n,).
        values: The value of each run. Shape (n,).
        rows: How many rows there are.
        empty: What a row without runs gets: it must lose against every value.
    """
    best = np.full(rows, empty, dtype=values.dtype)
    level = np.frexp((stop - start).clip(0).astype(np.float64))[1].astype(np.uint8)  # 0 covers nothing, j covers 2**(j-1) rows or more
    by_level = np.argsort(level, kind="stable")
    bounds = np.searchsorted(level[by_level], np.arange(66))
    for j in range(int(level.max(initial=0)), 0, -1):
        here = by_level[bounds[j] : bounds[j + 1]]
        run = 1 << (j - 1)
        pick.at(best, start[here], values[here])
        pick.at(best, stop[here] - run, values[here])
        if half := run >> 1:
            pick(best[half:], best[:-half], out=best[half:])
    return best
