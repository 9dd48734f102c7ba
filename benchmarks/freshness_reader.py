"""The Redis side of `freshness`: a process of its own that decides on the published view until it has counted every event.

It says that it is ready, is told when the first batch is due (seconds of the monotonic clock, which all processes share), and prints for
each batch the seconds from its intended instant until a decision here had counted all of its events.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from freshness import BATCH, SYSTEM, card_of, schedule

from millrace.adapters.redis.online import read
from millrace.loading import load
from millrace.serve.clock import wall
from millrace.serve.home import Home
from millrace.serve.replica import Replica
from millrace.types import Array, objects

PAUSE_S = 0.0005
"""Between two decisions, in seconds: a reader that asked without end would take from others what it needs itself."""
PATIENCE_S = 20.0
"""How long after the last batch was due it must have been seen."""


def watched(replica: Replica, began: float, due: Array) -> Array:
    """Return the seconds from each batch's intended instant until it was seen whole."""
    latency = np.full(len(due), np.nan)
    waiting: list[int] = []
    upcoming = 0
    while waiting or upcoming < len(due):
        now = time.perf_counter() - began
        if now > due[-1] + PATIENCE_S:
            raise SystemExit(f"{len(waiting)} batches were never seen: what is measured is not what is meant")
        while upcoming < len(due) and due[upcoming] <= now:
            waiting.append(upcoming)
            upcoming += 1
        if not waiting:
            time.sleep(max(0.0, due[upcoming] - now))
            continue
        counts = counted(replica, waiting)
        now = time.perf_counter() - began
        seen = {i for i, count in zip(waiting, counts, strict=True) if count == BATCH}
        latency[list(seen)] = now - due[list(seen)]
        waiting = [i for i in waiting if i not in seen]
        time.sleep(PAUSE_S)
    return latency


def counted(replica: Replica, batches: list[int]) -> list[float]:
    """Return what decisions see of the card of each batch."""
    n = len(batches)
    asked = {"id": objects(f"p{i}" for i in batches), "at": np.full(n, wall()), "card": objects(map(card_of, batches))}
    return [float(decision.score[0] or 0) for decision in replica.answer(asked)]


def main(folder: str, url: str, batches: int, rate: float) -> None:
    """Print one line of JSON: the seconds of each batch."""
    loaded = load(SYSTEM)
    home = Home(Path(folder), loaded, read_only=True)
    view = read(url, loaded)
    replica = Replica(loaded, home, view)
    while counted(replica, [-1]) and view.trouble:  # until something is published
        time.sleep(0.05)
    print("ready", flush=True)
    missed = view.missed
    found = watched(replica, float(sys.stdin.readline()), schedule(batches, rate))
    if view.missed > missed:
        raise SystemExit(f"{view.missed - missed} decisions were made without Redis: what is measured is not what is meant")
    print(json.dumps(found.tolist()))
    replica.close()
    home.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
