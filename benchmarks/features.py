"""Reading features as a decision does: 30 of them for 1, 100 and 500 candidates, open-loop, beside Feast's online store.

Requests arrive at random, whether or not the one before is done, and a latency counts from the intended arrival, so that a stall is charged
to all who waited (no coordinated omission). They come 1,000 a second, which is what a server asks that decides 500 times a second and looks
up twice for each; and in turns with that at half of what could be served just before, which is more, and asks more of what is quicker. The
next one is waited for awake: who reads features is deciding already, and what it costs to wake a core that went to sleep is `decide-http`'s
to show. Feast reads 30 stored numbers per candidate from its default online store (SQLite), one request after another: a kinder measure.
Ours compute windows as of the request's watermark.

Then the same features are read by another process from a Redis that the engine publishes to, beside bare reads of the same bytes.
"""

import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import peers
import typer
from decide import VIDEOS, VIEWERS, world
from private_redis import private_redis, without_redis

from millrace.adapters.redis.online import publish, read
from millrace.decision import Decisions
from millrace.loading import load
from millrace.operate.simulation import SimulatedTime
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.types import DAY, HOUR, Array, objects

START = 20_000 * DAY
SIZES = (1, 100, 500)
RATE = 1_000.0
"""How many requests come a second for what is promised."""
TURNS = 10
"""Into how many turns requests are cut: how many a second are half of what can be served changes with what else the machine does."""
LIMIT_MS = 2.0
"""What is promised of p99 at 500 candidates in process, at `RATE`."""
LIMIT_BARE = 2.0
"""What is promised of p99 at 500 candidates from Redis: so many times a bare pipelined read of the same bytes."""


def questions(names: Array, n: int, candidates: int, at: int, seed: int) -> list[Decisions]:
    """Return `n` requests of random viewers, each with random candidates out of some names."""
    g = np.random.default_rng(seed)
    made = []
    for i in range(n):
        request = {"id": objects([f"r{i}"]), "at": np.array([at]), "viewer": objects([f"v{g.integers(VIEWERS)}"]), "limit": np.array([20])}
        videos = {"request": np.zeros(candidates, dtype=np.int64), "candidate": names[g.choice(len(names), candidates, replace=False)]}
        made.append(Decisions(request, videos))
    return made


def open_loop(serve: Callable[[int], object], n: int, rate: float, seed: int) -> Array:
    """Serve `n` requests that arrive as a Poisson process of `rate` a second; return seconds from intended arrival to answer."""
    arrivals = np.cumsum(np.random.default_rng(seed).exponential(1 / rate, n))
    latency = np.empty(n)
    began = time.perf_counter()
    for i, due in enumerate(arrivals.tolist()):
        while time.perf_counter() - began < due:
            pass
        serve(i)
        latency[i] = time.perf_counter() - began - due
    return latency


def seconds_each(serve: Callable[[int], object], n: int) -> float:
    """Return the seconds a request takes when they come one after another."""
    began = time.perf_counter()
    for i in range(n):
        serve(i)
    return (time.perf_counter() - began) / n


def ours(engine: Engine, requests: int) -> dict[int, Array]:
    """Return latencies in seconds by number of candidates, in process, at `RATE`."""
    found = {}
    features = engine.loaded.models["ranker"].features
    names = engine.view.known_ids(engine.loaded.system.candidate)  # as a source proposes them: those that the view holds
    for size in SIZES:
        asked = questions(names, requests, size, engine.clock.now(), seed=size)
        gc.collect()
        gc.freeze()  # every collection would walk through the requests of this benchmark, which no server holds all at once

        def read(i: int, asked: list[Decisions] = asked) -> None:
            engine.facts(engine.clock.watermark()).lookup(features, asked[i])

        each, parts, halves, rates = requests // TURNS, [], [], []
        for turn in range(TURNS):

            def here(i: int, first: int = turn * each, read: Callable[[int], None] = read) -> None:
                read(first + i)

            rates.append(0.5 / seconds_each(here, min(300, each)))
            parts.append(open_loop(here, each, RATE, seed=size + turn))
            halves.append(open_loop(here, each, rates[-1], seed=size + turn))
        found[size] = np.concatenate(parts)
        for rate, latency in ((RATE, found[size]), (np.median(rates), np.concatenate(halves))):
            print(f"millrace, {size:3} candidates, {len(features)} features, {rate:5.0f} requests/s   {quantiles(latency)}", flush=True)
    return found


def from_redis(engine: Engine, folder: Path, requests: int) -> float:
    """Print latencies of another process that reads from Redis; return the bare pipelined p99 at 500 candidates divided by ours.

    The engine is closed at the end, while what it publishes to is still there.
    """
    found = {}
    with private_redis(folder) as url:
        engine.lead(lambda view, lock, moved: publish(url, engine.loaded, view, lock, moved))
        at = engine.clock.now()
        agree(engine, url, questions(engine.view.known_ids(engine.loaded.system.candidate), 1, 500, at, seed=0)[0])
        command = [sys.executable, str(Path(__file__).parent / "features_redis.py"), url, str(requests), str(at), *map(str, SIZES)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            for line in child.stdout or ():
                told = json.loads(line)
                found[told["candidates"]] = compared(told)
        if child.returncode:
            raise SystemExit(child.returncode)
        engine.close()
    times = found[500]
    print(f"from Redis at 500 candidates {times:.2f} times bare, promised {LIMIT_BARE}: {'held' if times <= LIMIT_BARE else 'NOT held'}")
    return 1 / times


def agree(engine: Engine, url: str, asked: Decisions) -> None:
    """Wait until everything is published, and check that the same features are read there as in process."""
    view, until = read(url, engine.loaded), time.monotonic() + 60
    while (cut := view.cut()).missed:
        if time.monotonic() > until:
            raise SystemExit("nothing was published within a minute")
        time.sleep(0.05)
    features = engine.loaded.models["ranker"].features
    here, there = engine.facts(engine.clock.watermark()).lookup(features, asked), cut.lookup(features, asked, cut.watermark)
    for column, values in here.items():
        np.testing.assert_array_equal(values, there[column], err_msg=column)
    view.close()


def compared(told: dict[str, Any]) -> float:
    """Print what was measured for one number of candidates; return how many times our p99 is the bare pipelined one."""
    print(f"from Redis, {told['candidates']:3} candidates: {told['keys']} keys, {told['there']} there, {told['bytes']:,} bytes")
    seconds = {name: np.array(latency) for name, latency in told["seconds"].items()}
    for name, said in (("ours", "millrace, 30 features"), ("pipelined", "bare, GETs in a pipeline"), ("at once", "bare, one MGET")):
        print(f"  {said:24} {told['rates'][name]:5.0f} requests/s   {quantiles(seconds[name])}", flush=True)
    ours, *bare = (np.percentile(seconds[name], [50, 99]) for name in ("ours", "pipelined", "at once"))
    for said, one in zip(("the pipeline", "the MGET"), bare, strict=True):
        print(f"  ours / {said}: p50 {ours[0] / one[0]:.2f}, p99 {ours[1] / one[1]:.2f}", flush=True)
    return float(ours[1] / bare[0][1])


def quantiles(latency: Array) -> str:
    """Return the usual ones, in milliseconds."""
    p50, p99, p999 = np.percentile(latency * 1e3, [50, 99, 99.9])
    return f"p50 {p50:7.2f} ms  p99 {p99:7.2f} ms  p99.9 {p999:7.2f} ms"


def main(
    requests: Annotated[int, typer.Option(help="How many requests of each size.", min=100)] = 10_000,
    shared: Annotated[int, typer.Option(help="How many of each size from Redis, ours and bare alike.", min=100)] = 1_000,
) -> None:
    """Measure reads of 30 features; the last line is Feast's p99 at 500 candidates divided by ours, and bare Redis's by ours from there."""
    last = ""
    with tempfile.TemporaryDirectory() as folder:
        loaded, clock = load(str(Path(__file__).parent / "decide_system.py")), SimulatedTime(START)
        home = Home(Path(folder), loaded)
        engine = Engine(loaded, home, now=clock, patient=True)
        world(engine, clock)
        clock.now += HOUR
        found = ours(engine, requests)
        if why := without_redis():
            print(f"from Redis: not measured, {why}")
            engine.close()
        else:
            last = f" redis={from_redis(engine, Path(folder), shared):.2f}"
        home.close()
    theirs: dict[int, float] = {}
    for line in peers.run("feast", "features_feast.py", str(VIDEOS), *map(str, SIZES)).splitlines():
        told = json.loads(line)
        latency = np.array(told["seconds"])
        theirs[told["candidates"]] = float(np.percentile(latency, 99))
        print(f"Feast {told['version']}, {told['candidates']:3} candidates, 30 features, one at a time   {quantiles(latency)}")
    p99 = float(np.percentile(found[500], 99))
    said = f"p99 at 500 candidates and {RATE:.0f} requests/s {p99 * 1e3:.2f} ms, promised {LIMIT_MS} ms"
    print(f"{said}: {'held' if p99 * 1e3 <= LIMIT_MS else 'NOT held'}")
    print(f"features ratio={theirs[500] / p99:.1f}{last}")


if __name__ == "__main__":
    typer.run(main)
