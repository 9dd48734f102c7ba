"""`millrace serve`: a system behind HTTP, and beside it, in a thread of its own, whoever operates it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from millrace.cli.opening import writing
from millrace.cli.printing import console
from millrace.errors import BadInput
from millrace.loaded import Loaded
from millrace.loading import load
from millrace.log.forget import pending
from millrace.operate.loop import Operator
from millrace.operate.retention import tidy
from millrace.serve.app import free_port, run
from millrace.serve.clock import wall
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.serve.http import create_app
from millrace.stores.api_keys import ApiKeys
from millrace.stores.database import open_database

log = logging.getLogger("millrace.operate")

OPERATE_EVERY_S = 2.0
"""How often the operator looks whether something is due, in seconds."""
TIDY_EVERY_S = 600.0
"""How often what was logged moves from the inbox to the lake, in seconds."""
_SLICE = 20_000
"""How many records move in one transaction: who writes waits for it."""
_PATIENCE_S = 10.0
"""How long a step under way may go on after the server was told to end, in seconds."""


def serve(system: str, folder: Path, host: str, port: int, *, operate: bool, online: str = "") -> None:
    """Serve a system until SIGTERM or SIGINT; what was accepted is finished, and a snapshot saved for the next start.

    Args:
        system: The module; it is checked before anything starts.
        folder: The system's home.
        host: The address to listen on.
        port: The port; 0 takes any free one.
        operate: Also watch, retrain and roll out; else only install the releases that others promote.
        online: The URL of a Redis where the online view is published for other processes; "" publishes nowhere.

    Raises:
        BadInput: `online` is no URL of a store that can hold it, or others can reach the address and nobody has a key.
        MissingExtra: The client library of that store is not installed.
        DeclarationError: The module is wrong.
        Conflict: Another process writes to the log.
        Unavailable: The port is taken.
    """
    loaded = load(system)
    store = store_of(online) if online else None
    beyond = not is_loopback(host)
    if beyond:
        refuse_keyless(folder, host)
    port = free_port(host, port)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with writing(loaded, folder) as home:
        if pending(home.log.store.folder) is not None:
            log.warning("forgetting somebody was interrupted: stop this, run `millrace forget %s`, and serve again", system)
        engine = Engine(loaded, home)
        if store is not None:
            engine.lead(partial(store.publish, online, loaded))
        step = Operator(engine).step if operate else _only_reload(engine)
        operated = repeating(OPERATE_EVERY_S, "operator", lambda: step(engine.clock.now()))
        with operated, repeating(TIDY_EVERY_S, "compaction", lambda: _tidy(home, engine)):
            _announce(loaded, folder, f"http://{host}:{port}", operate)
            run(create_app(engine, closed=beyond), host, port)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def refuse_keyless(folder: Path, host: str) -> None:
    """Refuse to listen where others can reach it as long as nobody could be told from anybody.

    Raises:
        BadInput: The folder has no key that is good.
    """
    with open_database(folder) as database:
        if not any(key.is_good(wall()) for key in ApiKeys(database).all()):
            raise BadInput(f"{host} can be reached from other machines and there is no key: make one with millrace keys add NAME", "host")


def store_of(url: str) -> Any:
    """Return the adapter of a URL: of an online view, chosen by the scheme."""
    scheme = url.partition("://")[0]
    if scheme not in _STORES:  # what was written may hold a password, so it is not repeated
        raise BadInput(f"--online takes a URL that begins with {', '.join(f'{one}://' for one in _STORES)}", "online")
    return import_module(f"millrace.adapters.{_STORES[scheme]}.online")


_STORES = {"redis": "redis", "rediss": "redis", "unix": "redis"}


def _only_reload(engine: Engine) -> Callable[[int], list[str]]:
    def step(_: int) -> list[str]:
        return [f"{engine.standing.champion} serves"] if engine.reload() else []

    return step


def _tidy(home: Home, engine: Engine) -> list[str]:
    """Compact the log, drop what it no longer keeps, and save a snapshot: a start after a crash replays minutes, not the whole log."""
    done, dropped = tidy(engine.loaded, home.log, engine.clock.now(), _SLICE)
    engine.snapshot()
    moved = [f"moved {done.moved:,} records to the lake"] if done.moved else []
    return moved + [f"dropped {rows:,} {stream}, no longer kept" for stream, rows in dropped.items()]


@contextmanager
def repeating(seconds: float, name: str, step: Callable[[], list[str]]) -> Iterator[None]:
    """Call a step every so many seconds, in a thread, while the block runs, and log what it says it did.

    What it raises is logged, and it is called again: an operator that fails once must not leave a system unwatched.
    """
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(seconds):
            try:
                for said in step():
                    log.info("%s", said)
            except Exception:
                if not ended.is_set():  # what it stood on is closed by now
                    log.exception("the %s failed; it is tried again in %g s", name, seconds)

    thread = threading.Thread(target=work, name=f"millrace-{name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=_PATIENCE_S)


def _announce(loaded: Loaded, folder: Path, url: str, operate: bool) -> None:
    out = console()
    request = loaded.system.request.__name__
    out.print(f"{loaded.name} on {url}, its log and models in {folder}" + (", operated" if operate else ""))
    for method, path, what in _ROUTES:
        out.print(f"  {method:<5}{url}{path:<28}{what.format(request=request)}")
    out.print("Ctrl-C ends it; what was accepted is finished first.")


_ROUTES = (
    ("POST", "/v1/decide", "decide one {request}, or a list"),
    ("POST", "/v1/events", "events and entities, each with its type"),
    ("POST", "/v1/decisions/<id>/outcome", "what came of a decision"),
    ("GET", "/v1/decisions/<id>/explain", "why it was decided so"),
    ("GET", "/openapi.json", "all of it, typed"),
    ("GET", "/metrics", "for Prometheus; /healthz and /readyz for probes"),
)
