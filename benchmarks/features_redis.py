"""The Redis side of `features`: a process of its own reads a published view as a replica does, beside bare reads of the same bytes.

Bare is what the client itself takes for the same keys, in one message though ours may need several, and without looking at what comes
back: once as the pipeline of a GET each that is promised against, once as a single MGET. All three take turns.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from decide import VIDEOS
from features import open_loop, questions, seconds_each

from millrace.adapters.redis.online import read
from millrace.loading import load
from millrace.types import objects

TURNS = 10
"""How often the sides take turns: a busy moment slows all of them."""


class Heard:
    """A client that remembers which keys were asked for."""

    def __init__(self, client: Any) -> None:
        self.keys: list[str] = []
        self._client = client

    def mget(self, keys: list[str]) -> list[bytes | None]:
        """Ask for keys, and remember them."""
        self.keys.extend(keys)
        return self._client.mget(keys)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def measured(url: str, requests: int, at: int, candidates: int) -> dict[str, Any]:
    """Return the latencies in seconds of each side, with how many keys and bytes a request reads."""
    loaded = load(str(Path(__file__).parent / "decide_system.py"))
    view, features = read(url, loaded), loaded.models["ranker"].features
    asked = questions(objects(f"v{video}" for video in range(VIDEOS)), requests, candidates, at, seed=candidates)
    client = view.client

    def ours(i: int) -> None:
        view.cut().lookup(features, asked[i])

    view.standing()  # where it stands is heard before the first question, as by any reader but a new one
    keys = []
    for i in range(requests):
        view.client = heard = Heard(client)
        ours(i)
        keys.append(list(dict.fromkeys(heard.keys)))
    view.client = client
    lengths = [len(row or b"") for row in client.mget(keys[0])]

    def pipelined(i: int) -> None:
        with client.pipeline(transaction=False) as pipe:
            for key in keys[i]:
                pipe.get(key)
            pipe.execute()

    def at_once(i: int) -> None:
        client.mget(keys[i])

    gc.collect()
    gc.freeze()  # the questions and keys of this benchmark would be walked through by every collection, on whichever side it falls
    sides: dict[str, Callable[[int], None]] = {"ours": ours, "pipelined": pipelined, "at once": at_once}
    rates = {name: 0.5 / seconds_each(serve, min(100, requests)) for name, serve in sides.items()}
    found: dict[str, list[float]] = {name: [] for name in sides}
    each = requests // TURNS
    for turn in range(TURNS):
        for name, serve in sides.items():
            first = turn * each
            found[name] += open_loop(lambda i, serve=serve, first=first: serve(first + i), each, rates[name], seed=turn).tolist()
    if view.missed:
        raise SystemExit(f"{view.missed} reads were answered without Redis ({view.trouble}): what is measured is not what is meant")
    there = int(np.count_nonzero(lengths))
    return {"candidates": candidates, "keys": len(keys[0]), "there": there, "bytes": sum(lengths), "rates": rates, "seconds": found}


def main(url: str, requests: int, at: int, sizes: list[int]) -> None:
    """Print one line of JSON for each number of candidates."""
    for size in sizes:
        print(json.dumps(measured(url, requests, at, size)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), [int(size) for size in sys.argv[4:]])
