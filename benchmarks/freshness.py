"""From event to feature: how long until an event that was sent is on disk, acknowledged, and counted by the next decision.

Batches of 50 events are sent by 8 threads at 10,000 events/s in all, open-loop: a latency counts from the intended instant. Each ends
with a decision that must have counted them all. The floor is durability alone: the same batches, on the same schedule, put as
plain rows into SQLite by one thread that commits whatever waits.

Then the same events go through an engine that publishes to Redis, and a latency counts until another process, which decides on what
is published there, has counted them.
"""

import json
import queue
import sqlite3
import subprocess
import sys
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
from private_redis import private_redis, without_redis

from millrace.adapters.redis.online import publish
from millrace.loading import load
from millrace.serve.clock import wall
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.types import Array, moment, objects

SYSTEM = str(Path(__file__).parent / "freshness_system.py")
BATCH, THREADS = 50, 8
LIMIT_MS = 5.0
"""What is promised of p99 in process."""
LIMIT_REDIS_MS = 20.0
"""What is promised of p99 with Redis in between."""
IN_PROCESS, BARE, BY_REDIS = "event to decision", "event to disk, bare SQLite", "event to replica, by Redis"
WARM = 10**6
"""From which number on batches are those before the measured ones."""


def events(swipe: Any, batch: int) -> list[Any]:
    """Return a batch of uses of one card of its own, so that its count tells whether they were seen."""
    at = moment(wall())
    return [swipe(id=f"s{batch}-{i}", at=at, card=card_of(batch), cents=100 * i) for i in range(BATCH)]


def card_of(batch: int) -> str:
    """Return the card that a batch is uses of."""
    return f"c{batch}"


def schedule(batches: int, rate: float) -> Array:
    """Return when batches are due, in seconds from the beginning: a Poisson process of a rate a second."""
    return np.cumsum(np.random.default_rng(0).exponential(1 / rate, batches))


def open_loop(send: Callable[[int], object], due: Array, began: float | None = None) -> Array:
    """Send batches when they are due, dealt out to threads; return seconds from intended instant to the end."""
    batches = len(due)
    latency = np.empty(batches)
    began = time.perf_counter() + 0.1 if began is None else began

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
        asked = {"id": objects([f"p{i}"]), "at": np.array([wall()]), "card": objects([card_of(i)])}
        seen = engine.answer(asked)[0].score[0]
        assert seen == BATCH, f"the next decision saw {seen} of {BATCH} acknowledged events"

    open_loop(lambda i: send(WARM + i), schedule(min(batches, 500), rate))
    found = open_loop(send, schedule(batches, rate))
    engine.close()
    home.close()
    return found


def through_redis(folder: Path, batches: int, rate: float) -> tuple[Array, Array]:
    """Return the latencies of events through an engine that publishes to Redis: until acknowledged, and until a replica counted them."""
    loaded = load(SYSTEM)
    home = Home(folder, loaded)
    engine = Engine(loaded, home)
    swipe = loaded.streams["Swipe"]

    def send(i: int) -> None:
        engine.ingest(events(swipe, i))

    acknowledged = np.empty(0)
    with private_redis(folder) as url:
        engine.lead(lambda view, lock, moved: publish(url, loaded, view, lock, moved))
        reader = [sys.executable, str(Path(__file__).parent / "freshness_reader.py"), str(folder), url, str(batches), str(rate)]
        with subprocess.Popen(reader, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            if child.stdout.readline() == "ready\n":
                open_loop(lambda i: send(WARM + i), schedule(min(batches, 500), rate))
                began = time.perf_counter() + 0.2
                child.stdin.write(f"{began}\n")
                child.stdin.flush()
                acknowledged = open_loop(send, schedule(batches, rate), began)
            found = child.stdout.readline()
        engine.close()
    home.close()
    if child.returncode:
        raise SystemExit(child.returncode)
    return acknowledged, np.array(json.loads(found))


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
    found = open_loop(send, schedule(batches, rate))
    waiting.put(None)
    thread.join()
    return found


def main(
    seconds: Annotated[int, typer.Option(help="How long to send on each side.", min=1)] = 15,
    rate: Annotated[int, typer.Option(help="Events a second.", min=BATCH)] = 10_000,
    folder: Annotated[str | None, typer.Option(help="Where to write; by default where temporary files go.")] = None,
) -> None:
    """Measure event to feature; the last line is the floor's p99 divided by ours, and what is promised with Redis by what it took."""
    batches = seconds * rate // BATCH
    with tempfile.TemporaryDirectory(dir=folder) as made:
        found = {IN_PROCESS: ours(Path(made, "ours"), batches, rate / BATCH)}
        found[BARE] = floor(Path(made), batches, rate / BATCH, load(SYSTEM).streams["Swipe"])
        if why := without_redis():
            print(f"with Redis: not measured, {why}")
        else:
            acknowledged, found[BY_REDIS] = through_redis(Path(made, "redis"), batches, rate / BATCH)
            found["  of it until acknowledged"] = acknowledged
    p99s = {}
    for name, latency in found.items():
        p50, p99s[name], p999 = np.percentile(latency * 1e3, [50, 99, 99.9])
        print(f"{name:26} {rate:,} events/s   p50 {p50:6.2f} ms  p99 {p99s[name]:6.2f} ms  p99.9 {p999:6.2f} ms")
    told("in process", p99s[IN_PROCESS], LIMIT_MS)
    last = f"freshness ratio={p99s[BARE] / p99s[IN_PROCESS]:.2f}"
    if BY_REDIS in p99s:
        told("with Redis", p99s[BY_REDIS], LIMIT_REDIS_MS)
        last += f" redis={LIMIT_REDIS_MS / p99s[BY_REDIS]:.2f}"
    print(last)


def told(where: str, p99: float, limit: float) -> None:
    """Print whether a promise held, in milliseconds."""
    print(f"{where}: p99 {p99:.2f} ms, promised {limit} ms: {'held' if p99 <= limit else 'NOT held'}")


if __name__ == "__main__":
    typer.run(main)
