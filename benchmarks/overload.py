"""The feed of `decide-http` under three times the load it can bear, for some time.

Promised: answers per second of at least 90 % of the peak, a p99 of those answered of at most three times that of an unloaded server,
refusals at once, and memory that does not grow. The ratio is the worse of the first two promises, so 1 keeps both.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Annotated

import typer

decide_http = importlib.import_module("decide-http")

WORST_GOODPUT, WORST_P99 = 0.9, 3.0


def resident_mb(process: int) -> float:
    """Return the memory of a process, MB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1e3


def main(seconds: Annotated[float, typer.Option(help="How long the overload lasts.")] = 30.0) -> None:
    """Measure; the last line is the ratio."""
    load, said = decide_http.load, decide_http.said
    with decide_http.served() as (port, process):
        peak = decide_http.peak_of(port, seconds / 6)
        print(said("peak", peak))
        calm = load(port, rate=peak["per_s"] / 10, connections=64, seconds=seconds / 3, seed=1)
        print(said("a tenth of it", calm))
        memory = [resident_mb(process)]
        found = []
        for turn in range(3):
            found.append(load(port, rate=3 * peak["per_s"], connections=256, seconds=seconds / 3, seed=2 + turn))
            memory.append(resident_mb(process))
            print(said("three times", found[-1]), f"refused p99 {found[-1]['refused_p99_ms']:.2f} ms")
        again = load(port, rate=peak["per_s"] / 10, connections=64, seconds=seconds / 3, seed=9)
        print(said("a tenth again", again))
    goodput = sum(one["per_s"] for one in found) / len(found) / peak["per_s"]
    slower = max(one["p99_ms"] for one in found) / calm["p99_ms"]
    print(f"goodput {goodput:.2f} of the peak, p99 {slower:.1f} times the unloaded, memory {', '.join(f'{mb:.0f}' for mb in memory)} MB")
    per_answer = (memory[-1] - memory[1]) / max(1, sum(one["answered"] for one in found[1:])) * 1e3
    print(f"memory in the last two thirds: {per_answer:.1f} KB per answer; load {os.getloadavg()[0]:.1f}, cores {os.cpu_count()}")
    print(f"overload ratio={min(goodput / WORST_GOODPUT, WORST_P99 / slower):.2f}")


if __name__ == "__main__":
    typer.run(main)
