"""A point-in-time join of the latest value, which Feast can do too: same files in, same rows out.

1 M events of 50,000 cards and 200,000 rows, each in a Parquet file; asked is the latest amount of a row's card before the row's instant.
Both sides are timed from the files to the joined columns in memory, the best of three. No row shares an instant with an event and every
card has an event before the first row: of an event at the row's own instant Feast lets the row see it and we do not, and rows without an
event are left out by one of Feast's stores. Its default store (Dask) is the peer of the ratio; its DuckDB store is shown beside it.
"""

import json
import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import peers
import pyarrow as pa
import pyarrow.parquet as pq
import typer

from millrace import Entity, Event, Ref, Request, last
from millrace.features.offline import backfill
from millrace.features.plan import plan
from millrace.log.kinds import shared
from millrace.types import DAY, Array, Columns

EVENTS, ROWS, CARDS, SPAN = 1_000_000, 200_000, 50_000, 30 * DAY
START = 20_000 * DAY
RUNS = 3
INSTANT = pa.timestamp("us", tz="UTC")


class Card(Entity):
    """What is paid with."""


class Pay(Event):
    """It was paid with."""

    card: Ref[Card]
    amount: float


class Ask(Request):
    """It is to be paid with."""

    card: Ref[Card]


amount = last(Pay.amount, per=Card)


def files(folder: Path, seed: int) -> None:
    """Write the events and the rows; even instants are events', odd ones rows'."""
    chance = np.random.default_rng(seed)
    card = np.concatenate([np.arange(CARDS), chance.integers(0, CARDS, EVENTS - CARDS)])
    later = np.sort(chance.choice(SPAN // 1000, EVENTS - CARDS, replace=False)) * 1000
    at = START + np.concatenate([np.arange(CARDS), DAY + later])
    events = {"card": card.astype(str), "amount": chance.gamma(2.0, 20.0, EVENTS).round(2), "event_timestamp": pa.array(at, INSTANT)}
    asked = START + DAY + chance.choice(SPAN // 1000, ROWS, replace=False) * 1000 + 1
    rows = {"card": chance.integers(0, CARDS, ROWS).astype(str), "event_timestamp": pa.array(asked, INSTANT), "row": np.arange(ROWS)}
    pq.write_table(pa.table(events), folder / "events.parquet")
    pq.write_table(pa.table(rows), folder / "rows.parquet")


def read(path: Path) -> Columns:
    """Return a file's columns as the log reads its own: instants in microseconds, equal texts as one object."""
    table = pq.read_table(path, read_dictionary=["card"])
    columns = {name: table[name].to_numpy() for name in table.column_names if name in ("amount", "row")}
    return columns | {"card": shared(table["card"]), "at": table["event_timestamp"].cast(pa.int64()).to_numpy()}


def ours(folder: Path) -> tuple[Columns, Array]:
    """Return the rows and the latest amount of each."""

    def history(_: type, until: int) -> Columns:
        events = read(folder / "events.parquet")
        n = len(events["at"])
        return events | {"id": np.empty(n, dtype=object), "known": events["at"], "position": np.arange(n)}

    rows = read(folder / "rows.parquet")
    found = backfill(plan(Ask, None, [amount]), [amount], rows | {"watermark": rows["at"]}, history, threads=2)
    return rows, found[amount.column]


def check_equal(rows: Columns, values: Array, joined: Path) -> None:
    """Refuse a join that differs from ours in any row."""
    table = pq.read_table(joined, columns=["row", "amount"]).sort_by("row")
    np.testing.assert_array_equal(table["row"].to_numpy(), rows["row"])
    np.testing.assert_array_equal(table["amount"].to_numpy(), values)


def main(seed: Annotated[int, typer.Option(help="Of the generated files.")] = 0) -> None:
    """Measure the join on both sides; the last line is the time of Feast's default store divided by ours."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        files(folder, seed)
        took = []
        for _ in range(RUNS):
            start = time.perf_counter()
            rows, values = ours(folder)
            took.append(time.perf_counter() - start)
        told = [json.loads(line) for line in peers.run("feast", "pit_feast.py", made).splitlines()]
        for one in told:
            check_equal(rows, values, folder / f"{one['engine']}.parquet")
    print(f"{EVENTS:,} events, {ROWS:,} rows, all equal")
    print(f"millrace                    {min(took):6.2f} s")
    for one in told:
        print(f"Feast {one['version']}, {one['engine']:6} store   {one['seconds']:6.2f} s   ratio {one['seconds'] / min(took):.1f}")
    print(f"pit-peer ratio={told[0]['seconds'] / min(took):.1f}")


if __name__ == "__main__":
    typer.run(main)
