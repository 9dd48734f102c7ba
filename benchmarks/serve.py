"""Requests per second of the same LightGBM model behind HTTP: ours by the Open Inference Protocol, a bare handler, and three servers.

Each server stands alone on one core; what asks it is a process on the other, 64 connections that each send one row of 30 numbers as soon
as the row before is answered. A side's figure is the requests per second at the most connections of 64, 32, 16, ... at which its p99 is
within the limit, the same for all. Sides take turns, several rounds, so that a busy machine slows all of them; what a
server worked for a request, all its processes together, is measured beside, since that is what one core is full of.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from lightgbm import Booster
from serve_sides import HERE, Side, sides, started, worked

from millrace.loading import load
from millrace.models.learner import Examples
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.stores.audit import Change
from millrace.stores.versions import Lineage
from millrace.types import DAY, Array
from millrace.walk import digest

FEATURES, ROWS, CONNECTIONS = 30, 512, 64
P99_MS = 250.0
LOAD_CORE = "1"


def trained(home: Path) -> None:
    """Train 300 trees on invented rows, and release them in a home of ours."""
    loaded = load(str(HERE / "serve_system.py"))
    model, g, n = loaded.models["risk"], np.random.default_rng(0), 20_000
    matrix = g.normal(size=(n, FEATURES))
    columns = {one.column: matrix[:, place] for place, one in enumerate(model.features)}
    label = (matrix[:, :5].sum(axis=1) + matrix[:, 5] * matrix[:, 6] + g.normal(size=n) > 0).astype(float)
    at = np.arange(n)
    version = model.learner.fit(Examples(columns, {model.heads[0]: label}, np.ones(n), at, at), 0)
    engine = Engine(loaded, Home(home, loaded))
    lineage = Lineage(
        log_position=0, known_from=0, known_until=DAY, declaration=digest(model), code="", seed=0, rows=n, labels={}, created=DAY
    )
    record, change = engine.home.registry.publish("risk", version.save, lineage, {}, {}), Change(DAY, "benchmark", "measured")
    release = engine.home.releases.create(loaded.name, {"risk": record.version}, loaded.hash, {}, change)
    engine.home.releases.promote(engine.home.releases.standing(loaded.name), release.id, change)
    engine.close()
    engine.home.close()
    (home / "model.txt").write_text(next(iter(version.texts.values())))


def bodies(folder: Path, matrix: Array) -> None:
    """Write what is sent, a line a row: by the protocol, and plain."""
    inputs = ({"name": "input-0", "shape": [1, FEATURES], "datatype": "FP64", "data": row} for row in matrix.tolist())
    (folder / "protocol").write_text("\n".join(json.dumps({"inputs": [one]}) for one in inputs))
    (folder / "plain").write_text("\n".join(json.dumps({"rows": [row]}) for row in matrix.tolist()))


def measure(side: Side, folder: Path, lines: dict[str, str], expected: float, seconds: float) -> None:
    """Measure one round of a side."""
    with started(side, lines[side.body], expected, folder / f"{side.name}.log") as (root, port):
        connections = CONNECTIONS
        asked(side, folder, port, connections, seconds / 3)
        while True:
            before = worked(root)
            found = asked(side, folder, port, connections, seconds)
            found |= {"rps": found["n"] / seconds, "cpu_us": (worked(root) - before) / found["n"] * 1e6, "connections": connections}
            if found["p99"] * 1e3 <= P99_MS or connections == 1:
                side.measured.append(found)
                return
            connections //= 2


def asked(side: Side, folder: Path, port: int, connections: int, seconds: float) -> dict[str, float]:
    """Ask a server for some seconds and return what the load says."""
    script = [sys.executable, str(HERE / "serve_load.py"), str(port), side.path, str(folder / side.body), str(connections), str(seconds)]
    done = subprocess.run(["taskset", "-c", LOAD_CORE, *script], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"asking {side.name} failed: {done.stderr[-1000:]}")
    return json.loads(done.stdout)


def main(
    seconds: Annotated[float, typer.Option(help="How long a side is asked in a round.")] = 6.0,
    rounds: Annotated[int, typer.Option(help="How many rounds.", min=1)] = 3,
    only: Annotated[
        str, typer.Option(help="Beside ours and the bare handler, those whose name holds one of these.")
    ] = "litserve,bentoml,mlserver",
) -> None:
    """Measure all sides in turns; the last line is ours over the bare handler."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        trained(folder)
        matrix = np.random.default_rng(1).normal(size=(ROWS, FEATURES))
        bodies(folder, matrix)
        lines = {name: (folder / name).read_text().splitlines()[0] for name in ("protocol", "plain")}
        expected = float(np.ravel(Booster(model_file=folder / "model.txt").predict(matrix[:1], num_threads=1))[0])
        all_sides = [one for one in sides(folder) if one.name in ("millrace", "bare") or any(part in one.name for part in only.split(","))]
        for _ in range(rounds):
            for side in all_sides:
                measure(side, folder, lines, expected, seconds)
    print(f"load {os.getloadavg()[0]:.1f}, cores {os.cpu_count()}, p99 limit {P99_MS:g} ms, {rounds} rounds of {seconds:g} s")
    tell(all_sides)


def tell(all_sides: list[Side]) -> None:
    """Print what was measured, and ours over each other at its best; the last line goes by work, which other processes disturb least."""
    for one in all_sides:
        times = f"p50 {one.figure('p50') * 1e3:7.2f} ms  p99 {one.figure('p99') * 1e3:7.2f} ms"
        work = f"{one.figure('cpu_us'):6.0f} µs of work"
        print(f"{one.name:17}{one.figure('rps'):7,.0f}/s  {times}  {work}  {one.figure('connections'):.0f} connections  ({one.settings})")
    ours = all_sides[0]
    ratios: dict[str, tuple[float, ...]] = {}
    for one in all_sides[1:]:
        found = (ours.figure("rps") / one.figure("rps"), one.figure("cpu_us") / ours.figure("cpu_us"))
        peer = one.name.split()[0]
        ratios[peer] = tuple(map(min, found, ratios.get(peer, found)))
    for peer, (rps, work) in reversed(ratios.items()):
        print(f"{peer}: {rps:.2f} times its requests per second; it works {work:.2f} times as long for one")
    print(f"serve ratio={ratios['bare'][1]:.2f}")


if __name__ == "__main__":
    typer.run(main)
