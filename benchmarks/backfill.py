"""Backfill of a log too large for memory: the curve of time and memory from 1 M events on, beside DuckDB's RANGE windows on a file.

For every row, a tenth as many as events, count, total and mean of a float over three windows (1 h, 24 h, 7 d, their tails snapped to the
default hops) of the events of the row's key known before its watermark. Ids are text; keys follow Zipf's law, one for fifty events.
Ours reads a log that the events were loaded into; DuckDB reads them from one Parquet file, and so does ours once more, to tell what the log
costs beside bare columns. Each may use two threads and 6 GB, and writes its answers to Parquet. Every size runs in a process of its own, so
that its highest memory is its own; "worked" is the time its threads were busy, which other work on the machine does not lengthen as it
does the wall's. Loading the log is not measured with it: it is said apart.

Events are known when they happen, as one RANGE frame follows one clock only: `windows.py` has late ones. DuckDB runs at the smallest sizes
alone: its frames cost more the more events a key has. The ratio is that of the largest size both ran, with equal answers asserted.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, cast

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import typer

from millrace.features.declare import count, flatten, mean, total
from millrace.features.plan import plan
from millrace.features.streamed import Chunk, needed
from millrace.log.log import Log
from millrace.operate.backfilling import Backfill, parts_for
from millrace.schema import Entity, Event, Ref, Request
from millrace.types import DAY, Array, Coded, Columns, objects

MILLION, SPAN, CHUNK, PER_KEY, PER_ROW = 1_000_000, 30 * DAY, 1_000_000, 50, 10
OVER = ["1h", "24h", "7d"]
MEMORY_GB = 6


class Card(Entity):
    country: str


class Payment(Event):
    card: Ref[Card]
    amount: float


class Ask(Request):
    card: Ref[Card]


FEATURES = list(
    flatten([count(Payment, per=Card, over=OVER), total(Payment.amount, per=Card, over=OVER), mean(Payment.amount, per=Card, over=OVER)])
)


class Measured(msgspec.Struct):
    """What a run took: seconds, those that its threads worked, and the highest memory of its process in MB."""

    seconds: float
    worked: float
    peak_mb: float


def write_events(path: Path, n: int, seed: int) -> None:
    """Write events in the order they became known, a million at a time."""
    chance = np.random.default_rng(seed)
    ids, cumulated = keys(n)
    writer = None
    for start in range(0, n, CHUNK):
        m = min(CHUNK, n - start)
        known = np.sort(chance.integers(SPAN * start // n, SPAN * (start + m) // n, m))
        card = pa.DictionaryArray.from_arrays(np.searchsorted(cumulated, chance.random(m)).astype(np.int32), ids).cast(pa.string())
        table = pa.table({"card": card, "at": known, "amount": chance.gamma(2.0, 20.0, m).round(2)})
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def keys(n: int) -> tuple[pa.Array, Array]:
    """Return the ids of the keys, and the shares of Zipf's law summed up."""
    share = 1 / np.arange(1, n // PER_KEY + 1)
    return pc.binary_join_element_wise("card-", pa.array(np.arange(len(share))).cast(pa.string()), ""), np.cumsum(share / share.sum())


def write_log(folder: Path, events: Path) -> None:
    """Load the events into a log, a million at a time, with ids that ascend."""
    with Log.open(folder, [Card, Payment]) as log:
        for chunk in chunks(events):
            rows = chunk[Payment.__name__]
            ids = objects(f"payment-{i:09d}" for i in rows["position"].tolist())
            log.load(Payment, {"id": ids, **{name: np.asarray(rows[name]) for name in ("at", "card", "amount")}})


def write_rows(path: Path, n: int, seed: int) -> None:
    """Write rows in any order."""
    chance = np.random.default_rng(seed + 1)
    ids, cumulated = keys(n)
    m = n // PER_ROW
    card = pa.DictionaryArray.from_arrays(np.searchsorted(cumulated, chance.random(m)).astype(np.int32), ids).cast(pa.string())
    pq.write_table(pa.table({"card": card, "watermark": chance.integers(0, SPAN, m), "row": np.arange(m)}), path)


def chunks(path: Path) -> Iterator[Chunk]:
    """Yield the events of a Parquet file as the log gives them."""
    position = 0
    with pq.ParquetFile(path, read_dictionary=["card"]) as file:
        for batch in file.iter_batches(CHUNK):
            n = batch.num_rows
            at = batch["at"].to_numpy()
            yield {
                Payment.__name__: {
                    "at": at,
                    "known": at,
                    "position": np.arange(position, position + n),
                    "card": coded(batch["card"]),
                    "amount": batch["amount"].to_numpy(),
                }
            }
            position += n


def coded(column: pa.DictionaryArray) -> Array:
    """Return a column of text as codes into its values, as the log gives it."""
    return cast("Array", Coded(column.dictionary.to_numpy(zero_copy_only=False), column.indices.to_numpy()))


def read_rows(path: Path) -> Columns:
    """Return the rows as a backfill takes them."""
    table = pq.read_table(path, read_dictionary=["card"]).combine_chunks()
    watermark = table["watermark"].to_numpy()
    return {"card": np.asarray(coded(table["card"].chunk(0))), "watermark": watermark, "at": watermark}


def ours(folder: Path, n: int) -> None:
    """Compute the features of a log in bounded memory and write them."""
    with Log.open(folder / "log", [Card, Payment], read_only=True) as log:
        wanted = plan(Ask, None, FEATURES)
        backfilled(folder, n, lambda: log.replay(chunk=CHUNK, streams=wanted.streams, fields=needed(wanted), coding=True))


def bare(folder: Path, n: int) -> None:
    """Do the same with events that lie as bare columns in a file."""
    backfilled(folder, n, lambda: chunks(folder / "events.parquet"))


def backfilled(folder: Path, n: int, events: Callable[[], Iterable[Chunk]]) -> None:
    """Compute the features in bounded memory and write them."""
    rows = read_rows(folder / "rows.parquet")
    writer = None
    with TemporaryDirectory(dir=folder) as made:
        work = Backfill.of(Path(made), plan(Ask, None, FEATURES), FEATURES, rows, parts_for(n, n // PER_ROW), threads=2)
        for found in work.run(events):
            table = pa.table(found)
            writer = writer or pq.ParquetWriter(folder / "ours.parquet", table.schema)
            writer.write_table(table)
    if writer is not None:
        writer.close()


def peer(folder: Path, n: int) -> None:
    """Compute the same by DuckDB, which may spill beside the files, and write it in the order of the rows."""
    windows = [one.window for one in FEATURES[:3]]
    frames = ", ".join(f"w - ((w - {one.length} + {SPAN}) // {one.hop} * {one.hop} - {SPAN}) AS back{i}" for i, one in enumerate(windows))
    answers = ", ".join(f"{call} OVER w{i} AS {name}{i}" for name, call in CALLS.items() for i in range(3))
    named = ", ".join(f"w{i} AS (PARTITION BY card ORDER BY clock RANGE BETWEEN back{i} PRECEDING AND 1 PRECEDING)" for i in range(3))
    columns = ", ".join(f"{name}{i}" for name in CALLS for i in range(3))
    connection = duckdb.connect(
        config={"threads": 2, "memory_limit": f"{MEMORY_GB}GB", "temp_directory": str(folder / "duckdb"), "preserve_insertion_order": False}
    )
    connection.execute(f"""
        COPY (SELECT {columns} FROM (SELECT *, {answers} FROM (
            SELECT card, "at" AS clock, amount, NULL::BIGINT AS row, 0 AS back0, 0 AS back1, 0 AS back2
            FROM '{folder}/events.parquet'
            UNION ALL SELECT card, w, NULL, row, {frames} FROM (SELECT *, watermark AS w FROM '{folder}/rows.parquet')
        ) WINDOW {named}) WHERE row IS NOT NULL ORDER BY row) TO '{folder}/peer.parquet'""")


CALLS = {"c": "count(amount)", "s": "sum(amount)", "m": "avg(amount)"}


def load(folder: Path, n: int) -> None:
    """Load the log: not what is measured here, and worth knowing."""
    write_log(folder / "log", folder / "events.parquet")


def check_equal(folder: Path) -> None:
    """Refuse answers that differ: counts in any way, totals and means by more than 1e-9 of the value."""
    found, expected = (pq.read_table(folder / f"{side}.parquet") for side in ("ours", "peer"))
    for i in range(9):
        one, other = found.column(i).to_numpy(), expected.column(i).to_numpy().astype(float)
        if 3 <= i < 6:
            other = np.nan_to_num(other)
        np.testing.assert_allclose(one, other, rtol=0 if i < 3 else 1e-9, atol=0 if i < 3 else 1e-9, equal_nan=True)


def alone(side: str, folder: Path, n: int) -> Measured:
    """Return what a side took in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--side", side, "--folder", str(folder), "--events", str(n)], check=True, capture_output=True
    )
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Measured)


def measure(side: str, folder: Path, n: int) -> None:
    """Run a side here and print what it took."""
    start = time.perf_counter()
    {"load": load, "ours": ours, "bare": bare, "peer": peer}[side](folder, n)
    used = resource.getrusage(resource.RUSAGE_SELF)
    taken = Measured(time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000)
    print(msgspec.json.encode(taken).decode())


def main(
    huge: Annotated[bool, typer.Option("--huge", help="Measure 30 M and 100 M events too: half an hour, and 15 GB of disk.")] = False,
    peer_until: Annotated[int, typer.Option(help="The most events, in millions, that DuckDB is asked about.")] = 3,
    sizes: Annotated[str, typer.Option(help="Millions of events.")] = "1,3,10",
    within: Annotated[Path | None, typer.Option(help="Where the files are made; the system's temporary folder by default.")] = None,
    side: Annotated[str, typer.Option(hidden=True)] = "",
    folder: Annotated[Path, typer.Option(hidden=True)] = Path(),
    events: Annotated[int, typer.Option(hidden=True)] = 0,
) -> None:
    """Measure backfill in bounded memory; the last line is `backfill ratio=<DuckDB's seconds / ours>` at the largest size both ran."""
    if side:
        return measure(side, folder, events)
    ratio, per_event = float("nan"), []
    print("      events        rows  loading  backfill    worked per event    memory | bare columns worked per event | duckdb    memory")
    for millions in [*map(float, sizes.split(",")), *([30.0, 100.0] if huge else [])]:
        n = int(millions * MILLION)
        with TemporaryDirectory(dir=within) as made:
            here = Path(made)
            write_events(here / "events.parquet", n, 0)
            write_rows(here / "rows.parquet", n, 0)
            loaded, plain, mine = (alone(side, here, n) for side in ("load", "bare", "ours"))
            per_event.append(mine.worked / n * 1e6)
            said = f"{n:12,} {n // PER_ROW:11,} {loaded.seconds:7.1f}s {mine.seconds:8.1f}s {mine.worked:8.1f}s"
            said += f" {per_event[-1]:7.2f}µs {mine.peak_mb:7.0f}MB | {plain.worked:18.1f}s {plain.worked / n * 1e6:7.2f}µs |"
            if millions <= peer_until:
                theirs = alone("peer", here, n)
                check_equal(here)
                ratio = theirs.seconds / mine.seconds
                said += f" {theirs.seconds:6.1f}s {theirs.peak_mb:7.0f}MB  equal, ratio {ratio:.1f}"
        print(said, flush=True)
    print(f"work per event, largest over smallest: {per_event[-1] / per_event[0]:.2f} (1 is linear)")
    print(f"backfill ratio={ratio:.2f}")
    return None


if __name__ == "__main__":
    typer.run(main)
