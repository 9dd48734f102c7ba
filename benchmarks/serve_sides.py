"""The servers that `serve` measures: what starts each, how it is asked, and what it has worked."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import peers

HERE = Path(__file__).resolve().parent
SERVER_CORE = "0"


@dataclass
class Side:
    """A server and how it is asked.

    Attributes:
        name: What it is called.
        command: What starts it; `{port}` stands for its port.
        path: Where a row is sent.
        body: What is sent of a row: ours, or the plain one.
        settings: What is said of it.
        environment: Its environment variables besides.
        measured: What was measured of it, round by round.
    """

    name: str
    command: list[str]
    path: str
    body: str
    settings: str
    environment: dict[str, str] = field(default_factory=dict)
    measured: list[dict[str, float]] = field(default_factory=list)

    def figure(self, name: str) -> float:
        """Return the median of what was measured."""
        return float(np.median([one[name] for one in self.measured]))


def sides(folder: Path) -> list[Side]:
    """Return all that is measured: ours, the floor, and each peer with and without batches."""
    python, model = sys.executable, str(folder / "model.txt")
    floor = "Starlette, granian, msgspec, one worker"
    command = [python, "-m", "millrace", "serve", str(HERE / "serve_system.py"), "--port", "{port}", "--home", str(folder), "--no-operate"]
    ours = Side("millrace", command, "/v2/models/risk/infer", "protocol", "millrace serve, its whole API")
    bare = Side("bare", [python, str(HERE / "serve_bare.py"), model, "{port}"], "/predict", "plain", floor)
    return [ours, bare, *_litserve(model), *_bentoml(model, folder), *_mlserver(model, folder)]


def _litserve(model: str) -> Iterator[Side]:
    python = str(peers.python("litserve"))
    for name, *settings in (("litserve", "1", "0", "fast"), ("litserve batched", "64", "0.002", "fast")):
        said = f"max_batch_size={settings[0]}, batch_timeout={settings[1]}, fast_queue, one worker"
        yield Side(name, [python, str(HERE / "serve_litserve.py"), model, "{port}", *settings], "/predict", "plain", said)


def _bentoml(model: str, folder: Path) -> Iterator[Side]:
    command = [str(peers.python("bentoml").parent / "bentoml"), "serve", "serve_bentoml:Risk", "--port", "{port}"]
    common = {"SERVE_MODEL": model, "BENTOML_HOME": str(folder / "bento"), "BENTOML_DO_NOT_TRACK": "True"}
    for name, batched in (("bentoml", "0"), ("bentoml batched", "1")):
        environment = common | {"SERVE_BATCHED": batched}
        said = f"workers=1, batchable={batched}, access log off"
        yield Side(name, [*command, "--working-dir", str(HERE)], "/predict", "plain", said, environment)


def _mlserver(model: str, folder: Path) -> Iterator[Side]:
    start = str(peers.python("mlserver").parent / "mlserver")
    for name, most in (("mlserver", 0), ("mlserver batched", 64)):
        said = f"parallel_workers=0, max_batch_size={most}, debug off"
        yield Side(name, [start, "start", str(mlserver(folder / name, model, most))], "/v2/models/risk/infer", "protocol", said)


def mlserver(folder: Path, model: str, batch: int) -> Path:
    """Write the folder that MLServer is started on, and return it."""
    folder.mkdir()
    settings = {"name": "risk", "implementation": "mlserver_lightgbm.LightGBMModel", "parameters": {"uri": model}}
    adaptive = {"max_batch_size": batch, "max_batch_time": 0.002} if batch else {}
    (folder / "model-settings.json").write_text(json.dumps(settings | adaptive))
    return folder


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def started(side: Side, body: str, expected: float, log: Path) -> Iterator[tuple[int, int]]:
    """Start a server on its core, wait until it answers a row as it should, and yield (process, port)."""
    port = free_port()
    command = ["taskset", "-c", SERVER_CORE, *(part.replace("{port}", str(port)) for part in side.command)]
    environment = os.environ | side.environment | {"OMP_NUM_THREADS": "1"}
    if side.name.startswith("mlserver"):
        ports = {"HTTP_PORT": port, "GRPC_PORT": free_port(), "METRICS_PORT": free_port(), "PARALLEL_WORKERS": 0, "DEBUG": "false"}
        environment |= {f"MLSERVER_{name}": str(value) for name, value in ports.items()}
    with log.open("w") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out, start_new_session=True)
    try:
        until = time.monotonic() + 90
        while (found := answer(port, side.path, body)) is None:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{side.name} does not answer: {log.read_text()[-2000:]}")
            time.sleep(0.2)
        assert abs(found - expected) < 1e-12, f"{side.name} says {found}, {expected} is right"
        yield process.pid, port
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)


def answer(port: int, path: str, body: str) -> float | None:
    """Return the score a server gives a row, None if it does not answer yet."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body.encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            said: Any = json.loads(response.read())
    except OSError:
        return None
    scores = said if isinstance(said, list) else said["outputs"][0]["data"] if "outputs" in said else said["scores"]
    return float(scores[0])


def worked(root: int) -> float:
    """Return the seconds that a process and all that it started, and these in turn, have worked so far."""
    parents, ticks = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            parents[int(stat.parent.name)], ticks[int(stat.parent.name)] = int(fields[1]), sum(map(int, fields[11:13]))
    family = {root}
    while grown := {one for one, parent in parents.items() if parent in family} - family:
        family |= grown
    return sum(ticks.get(one, 0) for one in family) / os.sysconf("SC_CLK_TCK")
