"""Several processes that watch one rollout and act on it at the same instant; each prints what it did."""

import sys
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from millrace.errors import Conflict
from millrace.operate.guard_rollout import Rollouts
from millrace.serve.home import Home
from tests.operate.stall import stall


def watch(folder: Path, now: int, barrier: Any, told: Any) -> None:
    """Look at the standing, wait until all have, act, and tell what was done."""
    loaded = stall()
    home = Home(folder, loaded, read_only=True)
    seen = home.releases.standing(loaded.name)
    rollouts = Rollouts(loaded, home)
    barrier.wait(60)
    try:
        said = rollouts.step(now, seen)
    except Conflict as other:
        said = [f"left to another: {other}"]
    home.close()
    told.put(said)


if __name__ == "__main__":
    many = get_context("spawn")
    meet, heard = many.Barrier(int(sys.argv[3])), many.SimpleQueue()
    racers = [many.Process(target=watch, args=(Path(sys.argv[1]), int(sys.argv[2]), meet, heard)) for _ in range(int(sys.argv[3]))]
    for one in racers:
        one.start()
    for one in racers:
        one.join(120)
    while not heard.empty():
        print(f"said: {heard.get()}")
    sys.exit(max(abs(one.exitcode if one.exitcode is not None else 1) for one in racers))
