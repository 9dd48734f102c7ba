"""Decisions of a feed over HTTP: 500 candidates, 30 features, 300 trees, each answered once it is on disk.

First the peak: callers that ask again as soon as they are answered. Then half of that rate as a Poisson process for some time, by a process
of its own, latencies counted from the intended instant; so in several rounds, as a shared machine is not equally quick for long. Promised:
a p99 of at most 25 ms; the ratio is 25 ms over the median of the rounds' p99. How long LightGBM alone takes for the 500 rows of one answer
is printed beside it, to tell a slow machine from a slow server.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

HERE = Path(__file__).resolve().parent
PROMISED_MS = 25.0


@contextmanager
def served() -> Iterator[tuple[int, int]]:
    """Build the world in a process, serve it in another, and yield (port, process)."""
    with tempfile.TemporaryDirectory() as folder:
        script = [sys.executable, str(HERE / "decide_http_server.py")]
        subprocess.run([*script, "build", folder], check=True)
        with subprocess.Popen([*script, "serve", folder], stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            try:
                port = int(server.stdout.readline())
                while True:
                    try:
                        urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5)
                        break
                    except OSError:
                        pass
                yield port, server.pid
            finally:
                server.send_signal(signal.SIGTERM)
                server.wait(30)


def load(port: int, *, rate: float, connections: int, seconds: float, seed: int = 0) -> dict[str, float]:
    """Ask for decisions at a rate, 0 for as fast as they are answered, and return what came of it."""
    script = [sys.executable, str(HERE / "decide_http_load.py"), str(port), str(rate), str(connections), str(seconds), str(seed)]
    found = json.loads(subprocess.run(script, check=True, capture_output=True, text=True).stdout)
    assert not found["other"], f"something else than answers and refusals: {found}"
    return found


def peak_of(port: int, seconds: float) -> dict[str, float]:
    """Return what came of callers that ask again and again, at the number of them that got most answers."""
    load(port, rate=0, connections=4, seconds=2)
    return max((load(port, rate=0, connections=n, seconds=seconds) for n in (4, 8, 16)), key=lambda found: found["per_s"])


def said(name: str, found: dict[str, float]) -> str:
    """Return a line of what was measured."""
    times = f"p50 {found['p50_ms']:7.2f} ms  p99 {found['p99_ms']:7.2f} ms"
    return f"{name:14} {found['per_s']:7.1f}/s answered  {found['refused']:6.0f} refused  {times}"


def bare_ms() -> float:
    """Return how long LightGBM alone takes for 500 rows of 30 features with 300 trees on one thread, in ms: the median of many."""
    return float(subprocess.run([sys.executable, str(HERE / "decide_http_bare.py")], check=True, capture_output=True, text=True).stdout)


def main(
    seconds: Annotated[float, typer.Option(help="How long each load lasts.")] = 12.0,
    rounds: Annotated[int, typer.Option(help="How often all of it is measured.", min=1)] = 3,
) -> None:
    """Measure; the last line is the ratio."""
    found = []
    with served() as (port, _):
        for turn in range(rounds):
            peak = peak_of(port, seconds / 4)
            half = load(port, rate=peak["per_s"] / 2, connections=256, seconds=seconds, seed=turn)
            print(said("peak", peak), said("half of it", half), f"LightGBM alone {bare_ms():.2f} ms", sep="\n", flush=True)
            found.append(half["p99_ms"])
    print(f"load {os.getloadavg()[0]:.1f}, cores {os.cpu_count()}")
    print(f"decide-http ratio={PROMISED_MS / statistics.median(found):.2f}")


if __name__ == "__main__":
    typer.run(main)
