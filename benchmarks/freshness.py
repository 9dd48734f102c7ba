"""From event to feature: how long until an event that was sent is on disk, acknowledged, and counted by the next decision.

Batches of 50 events are sent by 8 threads at 10,000 events/s in all, open-loop: a latency counts from the intended instant. Each ends
with a decision that must have counted them all. The floor is durability alone: the same batches, on the same schedule, put as
plain rows into SQLite by one thread that commits whatever waits.
"""

import queue
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import typer

from millrace.loading import load
from millrace.serve.clock import wall
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.types import Array, moment, objects

SYSTEM = str(Path(__file__).parent / "freshness_system.py")
BATCH, THREADS = 50, 8
LIMIT_MS = 5.0
"""What is promised of p99 in process."""


def events(swipe: Any, batch: int) -> list[Any]:
    """Return a batch of uses of one card of its own, so that its count tells whether they were seen."""
    at = moment(wall())
    return [swipe(id=f"s{batch}-{i}", at=at, card=f"c{batch}", cents=100 * i) for i in range(BATCH)]


def open_loop(send: Callable[[int], object], batches: int, rate: float) -> Array:
    """Send `batches` at a rate a second, as a Poisson process dealt out to threads; return seconds from intended instant to the end."""
    due = np.cumsum(np.random.default_rng(0).exponential(1 / rate, batches))
    latency = np.empty(batches)
    began = time.perf_counter() + 0.1

    def work(first: int) -> None:
        for i in range(first, batches, THREADS):
            time.sleep(max(0.0, began + due[i] - time.perf_counter()))
            send(i)
            latency[i] = time.perf_counter() - began - due[i]

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))
    return latency


def ours(folder: Path, batches: int, rate: float) -> Array:
    """Return the latencies of events through an engine, until a decision has counted them."""
    loaded = load(SYSTEM)
    home = Home(folder, loaded)
    engine = Engine(loaded, home)
    swipe = loaded.streams["Swipe"]

    def send(i: int) -> None:
        engine.ingest(events(swipe, i))
        asked = {"id": objects([f"p{i}"]), "at": np.array([wall()]), "card": objects([f"c{i}"])}
        seen = engine.answer(asked)[0].score[0]
        assert seen == BATCH, f"the next decision saw {seen} of {BATCH} acknowledged events"

    open_loop(send, min(batches, 500), rate)  # warm
    found = open_loop(lambda i: send(i + 10**6), batches, rate)
    engine.close()
    home.close()
    return found


def floor(folder: Path, batches: int, rate: float, swipe: Any) -> Array:
    """Return the latencies of the same batches put into SQLite as plain rows, by one thread that commits whatever waits."""
    waiting: queue.SimpleQueue[tuple[list[Any], Future[None]] | None] = queue.SimpleQueue()

    def write() -> None:
        db = sqlite3.connect(folder / "floor.sqlite", isolation_level=None)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("CREATE TABLE events (position INTEGER PRIMARY KEY, id TEXT, body BLOB)")
        while (first := waiting.get()) is not None:
            group = [first]
            while not waiting.empty():
                more = waiting.get()
                if more is None:
                    return
                group.append(more)
            rows = [(event.id, msgspec.json.encode(event)) for some, _ in group for event in some]
            db.execute("BEGIN")
            db.executemany("INSERT INTO events (id, body) VALUES (?, ?)", rows)
            db.execute("COMMIT")
            for _, done in group:
                done.set_result(None)

    def send(i: int) -> None:
        done: Future[None] = Future()
        waiting.put((events(swipe, i), done))
        done.result()

    thread = threading.Thread(target=write)
    thread.start()
    found = open_loop(send, batches, rate)
    waiting.put(None)
    thread.join()
    return found


def main(
    seconds: Annotated[int, typer.Option(help="How long to send on each side.", min=1)] = 15,
    rate: Annotated[int, typer.Option(help="Events a second.", min=BATCH)] = 10_000,
    folder: Annotated[str | None, typer.Option(help="Where to write; by default where temporary files go.")] = None,
) -> None:
    """Measure event to feature; the last line is the floor's p99 divided by ours."""
    batches = seconds * rate // BATCH
    with tempfile.TemporaryDirectory(dir=folder) as made:
        found = {"event to decision": ours(Path(made, "ours"), batches, rate / BATCH)}
        found["event to disk, bare SQLite"] = floor(Path(made), batches, rate / BATCH, load(SYSTEM).streams["Swipe"])
    for name, latency in found.items():
        p50, p99, p999 = np.percentile(latency * 1e3, [50, 99, 99.9])
        print(f"{name:26} {rate:,} events/s   p50 {p50:6.2f} ms  p99 {p99:6.2f} ms  p99.9 {p999:6.2f} ms")
    ours_p99, floor_p99 = (float(np.percentile(latency, 99)) for latency in found.values())
    print(f"p99 {ours_p99 * 1e3:.2f} ms, promised {LIMIT_MS} ms: {'held' if ours_p99 * 1e3 <= LIMIT_MS else 'NOT held'}")
    print(f"freshness ratio={floor_p99 / ours_p99:.2f}")


if __name__ == "__main__":
    typer.run(main)
