"""The server of `decide-http` and `overload`: the feed of `decide.py` behind HTTP, a week into its world."""

from __future__ import annotations

import sys
from pathlib import Path

from decide import START, install, world

from millrace.loading import load
from millrace.operate.simulation import SimulatedTime
from millrace.serve.app import bound, on_socket, run
from millrace.serve.clock import wall
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.serve.http import create_app
from millrace.types import DAY, HOUR

NOW = START + 7 * DAY + HOUR


def build(folder: Path) -> None:
    """Fill a home with the world and a release."""
    loaded, clock = load(str(Path(__file__).parent / "decide_system.py")), SimulatedTime(START)
    home = Home(folder, loaded)
    engine = Engine(loaded, home, now=clock, patient=True)
    world(engine, clock)
    clock.now = NOW
    install(engine, NOW)
    engine.close()
    home.close()


def serve(folder: Path) -> None:
    """Serve it on a free port, which is printed."""
    loaded = load(str(Path(__file__).parent / "decide_system.py"))
    home, began = Home(folder, loaded), wall()
    engine = Engine(loaded, home, now=lambda: NOW + wall() - began)
    taken = bound("127.0.0.1", 0)
    taken.listen(1024)
    print(taken.getsockname()[1], flush=True)
    run(create_app(engine, lasting=True), on_socket(taken.fileno()))
    home.close()


if __name__ == "__main__":
    {"build": build, "serve": serve}[sys.argv[1]](Path(sys.argv[2]))
