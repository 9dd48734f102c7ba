"""Window aggregates as known at a million rows: our kernel beside DuckDB's RANGE windows and Polars' as-of joins, in one run.

Equal results are asserted: of all three, and of some rows against a loop over all events that needs no proof.

Both compute, for every row, count, sum and mean of a float over three windows (1 h, 24 h, 7 d, their tails snapped to the default
hops) of the events of the row's key that were known before the row's watermark. A tenth of the events become known up to two hours late.

A RANGE frame can follow one clock only. Over `known`, from the snapped tail to just before the watermark, it finds all that counts and,
wrongly, late events that happened before the tail; joins take those out again. The joins are needed for equal results but are our own
addition, so they are timed apart and left out of the ratio. What Polars does is said in `windows_polars.py`.

No side is asked for windows that end at an event instead of the row's own instant, which is another feature, and none for what depends on
the order of events of one instant.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import duckdb
import numpy as np
import typer
from windows_polars import peer as polars_peer

from millrace.features.kernel import Ask, Events, Rows, aggregate
from millrace.features.window import Window
from millrace.types import DAY, HOUR, Array

EVENTS, ROWS, KEYS, SPAN = 5_000_000, 1_000_000, 100_000, 30 * DAY
WINDOWS = [Window.of("1h"), Window.of("24h"), Window.of("7d")]
RUNS = 3


def log(scale: float, skew: float, seed: int) -> tuple[Events, Array, Rows]:
    """Return events in the order they became known, their values, and rows; the k-th key has a share in proportion to k ** -skew."""
    chance = np.random.default_rng(seed)
    n, m = int(EVENTS * scale), int(ROWS * scale)
    share = np.arange(1, KEYS + 1) ** -skew
    codes = chance.permutation(KEYS)
    at = chance.integers(0, SPAN, n)
    known = at + np.where(chance.random(n) < 0.1, chance.integers(0, 2 * HOUR, n), 0)
    order = np.argsort(known, kind="stable")
    key, row_key = (codes[chance.choice(KEYS, size, p=share / share.sum())] for size in (n, m))
    watermark = np.sort(chance.integers(0, SPAN, m))
    return Events(key, at[order], known[order]), chance.gamma(2.0, 20.0, n).round(2), Rows(row_key, watermark)


def ours(events: Events, values: Array, rows: Rows, threads: int) -> list[Array]:
    """Return count, total and mean over each window, window by window."""
    asks = [Ask(op, window, values) for window in WINDOWS for op in ("count", "total", "mean")]
    return aggregate(events, rows, asks, threads)


def peer(events: Events, values: Array, rows: Rows, threads: int) -> tuple[list[Array], Took, Took]:
    """Return the same from DuckDB, with what its RANGE windows took and the joins that correct them for late events."""
    connection = duckdb.connect(config={"threads": threads})
    tables = {
        "events": {"key": events.key, "happened": events.at, "known": events.known, "value": values},
        "questions": {"key": rows.key, "w": rows.watermark, "row": np.arange(len(rows.key))},
    }
    for name, columns in tables.items():
        connection.register("given", columns)
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
    _, frames = timed(lambda: connection.execute(f"CREATE TABLE found AS {range_windows()}"))
    _, joins = timed(lambda: [connection.execute(f"CREATE TABLE late{i} AS {late_events(i)}") for i in range(len(WINDOWS))])
    corrected = ", ".join(
        f"c{i} - coalesce(late{i}.c, 0) AS c{i}, coalesce(s{i}, 0) - coalesce(late{i}.s, 0) AS s{i}" for i in range(len(WINDOWS))
    )
    joined = " ".join(f"LEFT JOIN late{i} USING (row)" for i in range(len(WINDOWS)))
    columns = connection.execute(f"SELECT {corrected} FROM found {joined} ORDER BY row").fetchnumpy()
    counts, sums = ([np.asarray(columns[f"{name}{i}"]) for i in range(len(WINDOWS))] for name in "cs")
    means = [np.divide(s, c, out=np.full(len(c), np.nan), where=c > 0) for c, s in zip(counts, sums, strict=True)]
    return [one for three in zip(counts, sums, means, strict=True) for one in three], frames, joins


def lo(window: Window) -> str:
    """Return the SQL of the first instant a window covers at `w`, for watermarks from 0 to SPAN.

    `//` rounds towards zero, so it is kept to positive numbers; SPAN is a whole number of every hop.
    """
    return f"((w - {window.length} + {SPAN}) // {window.hop} * {window.hop} - {SPAN})"


def range_windows() -> str:
    """Return the query of count, sum and mean over RANGE frames on `known`, all windows in one pass over one sort."""
    numbers = range(len(WINDOWS))
    frames = ", ".join(f"w - {lo(window)} AS back{i}" for i, window in enumerate(WINDOWS))
    answers = ", ".join(f"count(value) OVER w{i} AS c{i}, sum(value) OVER w{i} AS s{i}, avg(value) OVER w{i} AS m{i}" for i in numbers)
    windows = ", ".join(f"w{i} AS (PARTITION BY key ORDER BY clock RANGE BETWEEN back{i} PRECEDING AND 1 PRECEDING)" for i in numbers)
    return f"""
        SELECT * EXCLUDE (key, clock, value, {", ".join(f"back{i}" for i in numbers)})
        FROM (SELECT *, {answers} FROM (
            SELECT key, known AS clock, value, NULL::BIGINT AS row, {", ".join(f"0 AS back{i}" for i in numbers)} FROM events
            UNION ALL SELECT key, w, NULL, row, {frames} FROM questions
        ) WINDOW {windows}) WHERE row IS NOT NULL"""


def late_events(i: int) -> str:
    """Return the query of what a frame wrongly covers: events that happened before the tail and were known after it."""
    return f"""
        SELECT row, count(value) AS c, sum(value) AS s
        FROM (SELECT *, {lo(WINDOWS[i])} AS lo FROM questions) AS asked
        JOIN (SELECT * FROM events WHERE known > happened) AS late
          ON late.key = asked.key AND late.happened < asked.lo AND late.known >= asked.lo AND late.known < asked.w
        GROUP BY row"""


def check_equal(found: list[Array], expected: list[Array], atol: float = 1e-9) -> None:
    """Refuse results that differ: counts in any way, sums and means by more than 1e-9 of the value and `atol`."""
    for i, (one, other) in enumerate(zip(found, expected, strict=True)):
        rtol, by = (0, 0) if i % 3 == 0 else (1e-9, atol)
        np.testing.assert_allclose(one, other, rtol=rtol, atol=by, equal_nan=True)


def check_by_loop(events: Events, values: Array, rows: Rows, found: list[Array], seed: int, some: int = 100) -> None:
    """Refuse results that are not those of the definition, row by row, for some rows."""
    for row in np.random.default_rng(seed).choice(len(rows.key), some, replace=False).tolist():
        w = int(rows.watermark[row])
        for i, window in enumerate(WINDOWS):
            counted = (events.key == rows.key[row]) & (events.known < w) & (events.at >= (w - window.length) // window.hop * window.hop)
            total = math.fsum(values[counted])
            expected = [counted.sum(), total, total / counted.sum() if counted.any() else np.nan]
            np.testing.assert_allclose([one[row] for one in found[3 * i : 3 * i + 3]], expected, rtol=1e-12)


class Took(NamedTuple):
    """The seconds something took on the wall, and those that its threads worked."""

    wall: float
    worked: float


def timed(run: Callable[[], Any]) -> tuple[Any, Took]:
    """Return what `run` returns and what it took."""
    start, busy = time.perf_counter(), time.process_time()
    result = run()
    return result, Took(time.perf_counter() - start, time.process_time() - busy)


def summed_up(times: Sequence[Took]) -> Took:
    """Return the medians."""
    return Took(statistics.median(one.wall for one in times), statistics.median(one.worked for one in times))


def peak_mb(run: Callable[[], Any]) -> tuple[Any, float]:
    """Return what `run` returns and how far the process grew at most while it ran, in MB; NaN where the system cannot tell."""
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not reset.exists():
        return run(), float("nan")
    reset.write_text("5")  # makes the highest size so far the present one
    before = _status_mb(status, "VmRSS")
    result = run()
    return result, _status_mb(status, "VmHWM") - before


def _status_mb(status: Path, name: str) -> float:
    return next(int(line.split()[1]) / 1000 for line in status.read_text().splitlines() if line.startswith(name))


def told(side: str, took: Took, said: str) -> None:
    """Print what a side took."""
    print(f"{side:12} {took.wall:8.2f} s, threads worked {took.worked:8.2f} s  {said}", flush=True)


def main(
    scale: Annotated[float, typer.Option(help="The share of 5 M events and 1 M rows to run; the promise is about 1.")] = 1.0,
    skew: Annotated[
        float, typer.Option(help="How unequal keys are: the k-th has a share in proportion to k ** -skew; 0 is uniform.")
    ] = 1.0,
    threads: Annotated[int, typer.Option(help="Threads for each side.")] = 2,
    seed: Annotated[int, typer.Option(help="Of the generated log.")] = 0,
) -> None:
    """Measure the window kernel beside DuckDB and Polars; the last line is `windows ratio=<DuckDB's seconds / ours> polars=<Polars'>`."""
    events, values, rows = log(scale, skew, seed)
    print(
        f"{len(values):,} events, {len(rows.key):,} rows, {KEYS:,} keys of skew {skew:g}, 3 windows x count, sum, mean, {threads} threads"
    )
    found, our_mb = peak_mb(lambda: ours(events, values, rows, threads))
    framed, frames_mb = peak_mb(lambda: polars_peer(events, values, rows, WINDOWS, threads))
    sides = [lambda: ours(events, values, rows, threads), lambda: polars_peer(events, values, rows, WINDOWS, threads)]
    turns = [[timed(side)[1] for side in sides] for _ in range(RUNS)]  # in turns, so that what else the machine does hits both
    we, polars = (summed_up(times) for times in zip(*turns, strict=True))
    told("millrace", we, f"median of {RUNS}; grew by {our_mb:.0f} MB at most")
    told("polars joins", polars, f"median of {RUNS}; grew by {frames_mb:.0f} MB at most")
    (expected, frames, joins), peer_mb = peak_mb(lambda: peer(events, values, rows, threads))
    told("duckdb RANGE", frames, f"its memory with tables and joins grew by {peer_mb:.0f} MB at most")
    told("duckdb joins", joins, f"to take late events out, not in the ratio; with them it is {(frames.wall + joins.wall) / we.wall:.0f}")
    check_equal(found, expected)
    check_equal(found, framed, atol=1e-6)  # its sums run over all that a key ever saw
    check_by_loop(events, values, rows, found, seed)
    print("equal: counts exactly, sums and means to 1e-9 (of Polars to 1e-6 of a unit); some rows to a loop over all events")
    print(f"by the time that threads worked: {frames.worked / we.worked:.1f}, Polars {polars.worked / we.worked:.1f}")
    print(f"windows ratio={frames.wall / we.wall:.2f} polars={polars.wall / we.wall:.2f}")


if __name__ == "__main__":
    typer.run(main)
