"""Reading features as a decision does: 30 of them for 1, 100 and 500 candidates, open-loop, beside Feast's online store.

Requests arrive at random at half of what we can serve, whether or not the one before is done, and a latency counts from the intended
arrival, so that a stall is charged to all who waited (no coordinated omission). Feast reads 30 stored numbers per candidate from its
default online store (SQLite), one request after another: a kinder measure. Ours compute windows as of the request's watermark.
"""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import peers
import typer
from decide import VIDEOS, VIEWERS, world

from millrace.decision import Decisions
from millrace.loading import load
from millrace.operate.simulation import SimulatedTime
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.types import DAY, HOUR, Array, objects

START = 20_000 * DAY
SIZES = (1, 100, 500)
LIMIT_MS = 2.0
"""What is promised of p99 at 500 candidates."""


def questions(n: int, candidates: int, at: int, seed: int) -> list[Decisions]:
    """Return `n` requests of random viewers, each with random candidates, as a source would propose them."""
    g = np.random.default_rng(seed)
    made = []
    for i in range(n):
        request = {"id": objects([f"r{i}"]), "at": np.array([at]), "viewer": objects([f"v{g.integers(VIEWERS)}"]), "limit": np.array([20])}
        videos = objects(f"v{video}" for video in g.choice(VIDEOS, candidates, replace=False))
        made.append(Decisions(request, {"request": np.zeros(candidates, dtype=np.int64), "candidate": videos}))
    return made


def open_loop(serve: Callable[[int], object], n: int, rate: float, seed: int) -> Array:
    """Serve `n` requests that arrive as a Poisson process of `rate` a second; return seconds from intended arrival to answer."""
    arrivals = np.cumsum(np.random.default_rng(seed).exponential(1 / rate, n))
    latency = np.empty(n)
    began = time.perf_counter()
    for i, due in enumerate(arrivals.tolist()):
        while (early := due - (time.perf_counter() - began)) > 0:
            if early > 0.001:
                time.sleep(early - 0.001)  # the last millisecond is waited for awake: a sleep may oversleep by as much
        serve(i)
        latency[i] = time.perf_counter() - began - due
    return latency


def seconds_each(serve: Callable[[int], object], n: int) -> float:
    """Return the seconds a request takes when they come one after another."""
    began = time.perf_counter()
    for i in range(n):
        serve(i)
    return (time.perf_counter() - began) / n


def ours(requests: int) -> dict[int, Array]:
    """Return latencies in seconds by number of candidates."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        loaded, clock = load(str(Path(__file__).parent / "decide_system.py")), SimulatedTime(START)
        home = Home(Path(folder), loaded)
        engine = Engine(loaded, home, now=clock, patient=True)
        world(engine, clock)
        clock.now += HOUR
        features = loaded.models["ranker"].features
        for size in SIZES:
            asked = questions(requests, size, clock.now, seed=size)

            def read(i: int, asked: list[Decisions] = asked) -> None:
                engine.facts(engine.clock.watermark()).lookup(features, asked[i])

            rate = 0.5 / seconds_each(read, min(300, requests))
            found[size] = open_loop(read, requests, rate, seed=size)
            print(f"millrace, {size:3} candidates, {len(features)} features, {rate:5.0f} requests/s   {quantiles(found[size])}", flush=True)
        engine.close()
        home.close()
    return found


def quantiles(latency: Array) -> str:
    """Return the usual ones, in milliseconds."""
    p50, p99, p999 = np.percentile(latency * 1e3, [50, 99, 99.9])
    return f"p50 {p50:7.2f} ms  p99 {p99:7.2f} ms  p99.9 {p999:7.2f} ms"


def main(requests: Annotated[int, typer.Option(help="How many requests of each size.", min=100)] = 10_000) -> None:
    """Measure reads of 30 features; the last line is Feast's p99 at 500 candidates divided by ours."""
    found = ours(requests)
    theirs: dict[int, float] = {}
    for line in peers.run("feast", "features_feast.py", str(VIDEOS), *map(str, SIZES)).splitlines():
        told = json.loads(line)
        latency = np.array(told["seconds"])
        theirs[told["candidates"]] = float(np.percentile(latency, 99))
        print(f"Feast {told['version']}, {told['candidates']:3} candidates, 30 features, one at a time   {quantiles(latency)}")
    p99 = float(np.percentile(found[500], 99))
    print(f"p99 at 500 candidates {p99 * 1e3:.2f} ms, promised {LIMIT_MS} ms: {'held' if p99 * 1e3 <= LIMIT_MS else 'NOT held'}")
    print(f"features ratio={theirs[500] / p99:.1f}")


if __name__ == "__main__":
    typer.run(main)
