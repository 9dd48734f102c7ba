"""The window aggregates of `windows.py` in Polars, by the best formulation we know of: running sums and as-of joins.

Polars' own rolling windows are of one length and end at an event: neither is what is asked, which is windows that end at the row's own
instant and whose tail snaps to the hop. What a window holds is what was known before the row's watermark less what happened before its
tail; each is the last running sum of the key before an instant, which an as-of join finds. Events that came so late that their window had
left them are filtered out first. This is the thought behind our kernel, spelt in data frames; sums are floats that run on, so they agree
to about 1e-9 of all that a key ever saw, not of the window.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from millrace.features.kernel import Events, Rows
from millrace.features.window import Window
from millrace.types import Array


def peer(events: Events, values: Array, rows: Rows, windows: Sequence[Window], threads: int) -> list[Array]:
    """Return count, total and mean over each window, window by window."""
    os.environ.setdefault("POLARS_MAX_THREADS", str(threads))  # read when it is imported
    import polars as pl

    log = pl.DataFrame({"key": events.key, "at": events.at, "known": events.known, "value": values})
    asked = pl.DataFrame({"key": rows.key, "w": rows.watermark, "row": np.arange(len(rows.key))})
    entered: dict[int, Any] = {}  # by how many events were kept: windows that no event came too late for share what has entered
    found: list[Array] = []
    for window in windows:
        kept = log.filter(pl.col("at") >= lo(pl.col("known") + 1, window))
        if len(kept) not in entered:
            entered[len(kept)] = before(asked, "w", running(kept, "known"), "known")
        left = before(asked.with_columns(lo=lo(pl.col("w"), window)), "lo", running(kept, "at"), "at")
        count = (entered[len(kept)]["count"] - left["count"]).to_numpy()
        total = np.where(count > 0, (entered[len(kept)]["total"] - left["total"]).to_numpy(), 0.0)
        found += [count, total, np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)]
    return found


def lo(instant: Any, window: Window) -> Any:
    """Return the first instant a window covers."""
    return (instant - window.length).floordiv(window.hop) * window.hop


def running(log: Any, clock: str) -> Any:
    """Return how many events and how much of the values each key had seen after each of its events, by a clock."""
    import polars as pl

    value = pl.col("value")
    sums = (value.cum_count().over("key").cast(pl.Int64).alias("count"), value.cum_sum().over("key").alias("total"))
    return log.sort(clock, maintain_order=True).select("key", clock, *sums)


def before(asked: Any, instant: str, sums: Any, clock: str) -> Any:
    """Return for each row the last sums of its key strictly before an instant, 0 where there are none."""
    joined = asked.sort(instant).join_asof(
        sums, left_on=instant, right_on=clock, by="key", strategy="backward", allow_exact_matches=False, check_sortedness=False
    )
    return joined.sort("row").select("count", "total").fill_null(0)
