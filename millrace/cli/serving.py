"""`millrace serve`: a system behind HTTP, and beside it, in a thread of its own, whoever operates it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from millrace.cli.announcing import announce
from millrace.cli.front import Front
from millrace.cli.online import delete_owed, store_of
from millrace.cli.opening import writing
from millrace.cli.repeating import repeating
from millrace.cli.replicas import RELOAD_EVERY_S, only_reload, taking
from millrace.cli.workers import Post, by_workers
from millrace.loading import load
from millrace.log.forget import pending
from millrace.operate.loop import Operator
from millrace.operate.retention import tidy
from millrace.serve.app import on_socket, run
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.serve.http import create_app
from millrace.stores.publications import Publications

log = logging.getLogger("millrace.operate")

OPERATE_EVERY_S = 2.0
"""How often the operator looks whether something is due, in seconds."""
TIDY_EVERY_S = 600.0
"""How often what was logged moves from the inbox to the lake, in seconds."""
_SLICE = 5_000
"""How many records move in one transaction: who writes waits for it."""
_POOL = "ARROW_DEFAULT_MEMORY_POOL"
"""Names, in the environment, where Arrow takes its memory from: `system`, `mimalloc`, `jemalloc`."""


def serve(system: str, folder: Path, front: Front, *, operate: bool, online: str = "", workers: int = 1) -> None:
    """Serve a system until SIGTERM or SIGINT; what was accepted is finished, and a snapshot saved for the next start.

    Args:
        system: The module; it is checked before anything starts.
        folder: The system's home.
        front: What callers meet.
        operate: Also watch, retrain and roll out; else only install the releases that others promote.
        online: The URL of a Redis where the online view is published for other processes; "" publishes nowhere.
        workers: How many processes answer; for more than one, this one owns the log and looks after them.

    Raises:
        BadInput: `online` is no URL of a store that can hold it, an option of `front` is wrong, or others can reach the address and nobody
            has a key.
        MissingExtra: The client library of that store, or of traces, is not installed.
        DeclarationError: The module is wrong.
        Conflict: Another process writes to the log.
        Unavailable: The port is taken.
    """
    return_memory()
    loaded = load(system)
    if online:
        store_of(online)
    front.refuse_keyless(folder)
    lines, tracer = front.watch.lines(loaded.name, [front.token]), front.watch.tracer(loaded.name)
    with front.taken() as (taken, url), writing(loaded, folder) as home:
        if pending(home.log.store.folder) is not None:
            log.warning("forgetting somebody was interrupted: stop this, run `millrace forget %s`, and serve again", system)
        engine = Engine(loaded, home)
        lines.release = lambda: engine.standing.champion or ""
        _publish(engine, home, online)
        with _upkeep(engine, home, operate):
            announce(loaded, f"{url}, its log and models in {folder}" + (", operated" if operate else ""), url)
            if workers > 1:
                if tracer is not None:
                    tracer.close()  # it was made to see whether it can be: each worker has its own
                by_workers(engine, home, taken, Post(system, str(folder), front, workers))
            else:
                app = create_app(engine, closed=front.is_open, lasting=True, tracer=tracer, most_bytes=front.largest_body)
                run(taking(app, engine, home, front.token), on_socket(taken.fileno(), front.tls), app.state.drain)


def return_memory() -> None:
    """Have Arrow take its memory from the system, unless the environment says otherwise; heard if it comes before Arrow's first use.

    What it takes for a compaction every ten minutes goes back then. Its own allocator keeps some of it for each thread that comes and
    goes: 6 MiB more after every compaction, without end.
    """
    os.environ.setdefault(_POOL, "system")


def _publish(engine: Engine, home: Home, online: str) -> None:
    """Delete what must not be published any more, and publish the view to a store if there is one."""
    publications = Publications(home.folder)
    for left in delete_owed(publications, online):
        log.warning("%s", left)
    if online:
        store = store_of(online)
        publications.note(engine.loaded.name, store.place(online))
        engine.lead(partial(store.publish, online, engine.loaded))


@contextmanager
def _upkeep(engine: Engine, home: Home, operate: bool) -> Iterator[None]:
    """While the block runs, operate if told to, install what others promoted, and keep the log tidy."""
    reload, step = only_reload(engine), Operator(engine).step if operate else lambda _: []
    operated = repeating(OPERATE_EVERY_S, "operator", lambda: step(engine.clock.now()))
    # On a thread of its own: who halts a system, or goes back, does not wait for a training to end.
    reloaded = repeating(RELOAD_EVERY_S, "reload", lambda: reload(0))
    with operated, reloaded, repeating(TIDY_EVERY_S, "compaction", lambda: _tidy(home, engine)):
        yield


def _tidy(home: Home, engine: Engine) -> list[str]:
    """Compact the log, drop what it no longer keeps, and save a snapshot: a start after a crash replays minutes, not the whole log."""
    done, dropped = tidy(engine.loaded, home.log, engine.clock.now(), _SLICE)
    engine.snapshot()
    moved = [f"moved {done.moved:,} records to the lake"] if done.moved else []
    return moved + [f"dropped {rows:,} {stream}, no longer kept" for stream, rows in dropped.items()]
