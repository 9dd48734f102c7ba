"""The feed of `decide-http` under three times the load it can bear, for some time.

Promised: answers per second of at least 90 % of the peak, a p99 of those answered of at most three times that of an unloaded server,
refusals at once, and memory that does not grow. Peak, unloaded and overloaded are measured by turns in several rounds, as a shared machine
is not equally quick for long; each round is held against itself, and the medians count. The ratio is the worse of the first two promises,
so 1 keeps both.
"""

from __future__ import annotations

import importlib
import os
import statistics
from pathlib import Path
from typing import Annotated

import typer

decide_http = importlib.import_module("decide-http")

WORST_GOODPUT, WORST_P99 = 0.9, 3.0


def resident_mb(process: int) -> float:
    """Return the memory of a process, MB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1e3


def main(
    seconds: Annotated[float, typer.Option(help="How long each overload lasts.")] = 10.0,
    rounds: Annotated[int, typer.Option(help="How often all of it is measured.", min=2)] = 3,
) -> None:
    """Measure; the last line is the ratio."""
    load, said = decide_http.load, decide_http.said
    goodput, slower, memory, answered = [], [], [], []
    with decide_http.served() as (port, process):
        for turn in range(rounds):
            peak = decide_http.peak_of(port, seconds / 3)
            calm = load(port, rate=peak["per_s"] / 10, connections=64, seconds=seconds, seed=turn)
            over = load(port, rate=3 * peak["per_s"], connections=256, seconds=seconds, seed=100 + turn)
            print(said("peak", peak), said("a tenth of it", calm), said("three times it", over), sep="\n", flush=True)
            goodput.append(over["per_s"] / peak["per_s"])
            slower.append(over["p99_ms"] / calm["p99_ms"])
            memory.append(resident_mb(process))
            answered.append(sum(one["answered"] for one in (peak, calm, over)))
            print(
                f"goodput {goodput[-1]:.2f}, p99 {slower[-1]:.1f} times, refused p99 {over['refused_p99_ms']:.0f} ms, {memory[-1]:.0f} MB"
            )
    per_answer = (memory[-1] - memory[0]) / max(1, sum(answered[1:])) * 1e3
    print(f"memory after the first round: {per_answer:.1f} KB per answer; load {os.getloadavg()[0]:.1f}, cores {os.cpu_count()}")
    print(f"overload ratio={min(statistics.median(goodput) / WORST_GOODPUT, WORST_P99 / statistics.median(slower)):.2f}")


if __name__ == "__main__":
    typer.run(main)
