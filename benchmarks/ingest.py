"""Durable ingest through the log's writer, beside bare SQLite inserts of the same events with the same commit size.

Both write to one file system, with a synchronised commit per batch, in turns, so that a busy machine slows both. The peer does the least
that keeps an event: it encodes it as JSON and inserts a row, with no index. The log also checks every value, finds and remembers every
id, numbers the records and hands each batch on as columns.

Ids that begin with their time, as UUIDv7 and those of the log itself do, fall beside each other in the index of ids; random ones each
touch a page of their own, and what that costs is printed too.
"""

import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import typer

from millrace.log.log import Log
from millrace.log.writer import Writer
from millrace.schema import Entity, Event, Ref
from millrace.types import SECOND, instant, moment

BATCH = 500
TURNS = 20
START = instant(datetime(2026, 1, 1, tzinfo=UTC))


class Viewer(Entity):
    country: str


class Video(Entity):
    topic: str


class Watch(Event):
    viewer: Ref[Viewer]
    video: Ref[Video]
    seconds: float
    completed: bool


Batches = Sequence[Sequence[Watch]]


def batches(n: int, seed: int, in_order: bool) -> Batches:
    """Return n watches, a millisecond apart, whose ids begin with their time or with chance."""
    chance = np.random.default_rng(seed)
    at = START + np.arange(n) * (SECOND // 1000)
    digits = [chance.bytes(16).hex() for _ in range(n)]
    made = zip(at.tolist(), digits, chance.integers(0, 50_000, n), chance.integers(0, 20_000, n), chance.random(n).tolist(), strict=True)
    events = [
        Watch(
            id=f"{when:014x}{some[14:]}" if in_order else some,
            at=moment(when),
            viewer=f"viewer-{viewer}",
            video=f"video-{video}",
            seconds=60 * share,
            completed=share > 0.6,
        )
        for when, some, viewer, video, share in made
    ]
    return [events[first : first + BATCH] for first in range(0, n, BATCH)]


def bare(path: Path) -> Callable[[Sequence[Watch]], object]:
    """Return the peer: a commit of plain rows."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE events (position INTEGER PRIMARY KEY, known INTEGER, stream TEXT, id TEXT, at INTEGER, body BLOB)")

    def insert(batch: Sequence[Watch]) -> None:
        rows = [(START, "Watch", event.id, instant(event.at), msgspec.json.encode(event)) for event in batch]
        db.execute("BEGIN")
        db.executemany("INSERT INTO events (known, stream, id, at, body) VALUES (?, ?, ?, ?, ?)", rows)
        db.execute("COMMIT")

    return insert


def seconds(write: Callable[[Sequence[Watch]], object], some: Batches) -> float:
    """Return how long it takes to write batches one after the other."""
    start = time.perf_counter()
    for batch in some:
        write(batch)
    return time.perf_counter() - start


def main(
    events: Annotated[int, typer.Option(help="How many events each side writes.")] = 200_000,
    folder: Annotated[str | None, typer.Option(help="Where to write; by default where temporary files go.")] = None,
    seed: Annotated[int, typer.Option(help="Of the generated events.")] = 0,
) -> None:
    """Measure durable ingest beside bare inserts; the last line is `ingest ratio=<our events a second / theirs>`."""
    ordered, random = batches(events, seed, in_order=True), batches(events, seed, in_order=False)
    print(f"{events:,} events, {BATCH} a commit, in {TURNS} turns")
    spent = {"bare inserts": 0.0, "log, ids in order": 0.0, "log, random ids": 0.0}
    with tempfile.TemporaryDirectory(dir=folder) as made, Log.open(Path(made, "a"), [Watch]) as a, Log.open(Path(made, "b"), [Watch]) as b:
        insert = bare(Path(made, "bare.sqlite"))
        with Writer(a, lambda: START + 10**12) as first, Writer(b, lambda: START + 10**12) as second:
            for turn in range(TURNS):
                spent["bare inserts"] += seconds(insert, ordered[turn::TURNS])
                spent["log, ids in order"] += seconds(lambda batch: first.submit(batch).result(), ordered[turn::TURNS])
                spent["log, random ids"] += seconds(lambda batch: second.submit(batch).result(), random[turn::TURNS])
        assert a.counts() == b.counts() == {"Watch": events}, "every event is there once"
    for name, took in spent.items():
        print(f"{name:18} {events / took:9,.0f} events/s  {took / events * 1e6:6.2f} µs each")
    print(f"ingest ratio={spent['bare inserts'] / spent['log, ids in order']:.2f}")


if __name__ == "__main__":
    typer.run(main)
