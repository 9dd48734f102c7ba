"""`millrace serve`: a system behind HTTP, and beside it, in a thread of its own, whoever operates it."""

from __future__ import annotations

import logging
from functools import partial
from ipaddress import ip_address
from pathlib import Path

from millrace.cli.online import delete_owed, store_of
from millrace.cli.opening import writing
from millrace.cli.printing import console
from millrace.cli.repeating import repeating
from millrace.cli.replicas import RELOAD_EVERY_S, only_reload, replica, taking
from millrace.cli.watching import UNWATCHED, Watching
from millrace.cli.workers import Post, by_workers
from millrace.errors import BadInput
from millrace.loaded import Loaded
from millrace.loading import load
from millrace.log.forget import pending
from millrace.operate.loop import Operator
from millrace.operate.retention import tidy
from millrace.serve.app import Tls, bound, on_socket, run
from millrace.serve.clock import wall
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.serve.http import create_app
from millrace.serve.owning import token_of
from millrace.stores.api_keys import ApiKeys
from millrace.stores.database import open_database
from millrace.stores.publications import Publications

log = logging.getLogger("millrace.operate")

OPERATE_EVERY_S = 2.0
"""How often the operator looks whether something is due, in seconds."""
TIDY_EVERY_S = 600.0
"""How often what was logged moves from the inbox to the lake, in seconds."""
_SLICE = 20_000
"""How many records move in one transaction: who writes waits for it."""


def serve(
    system: str,
    folder: Path,
    host: str,
    port: int,
    *,
    operate: bool,
    online: str = "",
    workers: int = 1,
    token_file: Path | None = None,
    tls: Tls | None = None,
    watch: Watching = UNWATCHED,
) -> None:
    """Serve a system until SIGTERM or SIGINT; what was accepted is finished, and a snapshot saved for the next start.

    Args:
        system: The module; it is checked before anything starts.
        folder: The system's home.
        host: The address to listen on.
        port: The port; 0 takes any free one.
        operate: Also watch, retrain and roll out; else only install the releases that others promote.
        online: The URL of a Redis where the online view is published for other processes; "" publishes nowhere.
        workers: How many processes answer; for more than one, this one owns the log and looks after them.
        token_file: Holds what replicas on other machines show that hand in what they decided; without it none may.
        tls: What it shows its callers; None to speak in clear text.
        watch: How it is watched.

    Raises:
        BadInput: `online` is no URL of a store that can hold it, the token is none, an option of `watch` is wrong, or others can reach the
            address and nobody has a key.
        MissingExtra: The client library of that store, or of traces, is not installed.
        DeclarationError: The module is wrong.
        Conflict: Another process writes to the log.
        Unavailable: The port is taken.
    """
    loaded = load(system)
    store = store_of(online) if online else None
    beyond = not is_loopback(host)
    if beyond:
        refuse_keyless(folder, host)
    lines = watch.lines(loaded.name, [token_of(token_file)] if token_file is not None else [])
    tracer = watch.tracer(loaded.name)
    taken = bound(host, port)
    url = f"{'https' if tls else 'http'}://{host}:{taken.getsockname()[1]}"
    with taken, writing(loaded, folder) as home:
        if pending(home.log.store.folder) is not None:
            log.warning("forgetting somebody was interrupted: stop this, run `millrace forget %s`, and serve again", system)
        publications = Publications(folder)
        for left in delete_owed(publications, online):
            log.warning("%s", left)
        engine = Engine(loaded, home)
        lines.release = lambda: engine.standing.champion or ""
        if store is not None:
            publications.note(loaded.name, store.place(online))
            engine.lead(partial(store.publish, online, loaded))
        reload, step = only_reload(engine), Operator(engine).step if operate else lambda _: []
        operated = repeating(OPERATE_EVERY_S, "operator", lambda: step(engine.clock.now()))
        # On a thread of its own: who halts a system, or goes back, does not wait for a training to end.
        reloaded = repeating(RELOAD_EVERY_S, "reload", lambda: reload(0))
        with operated, reloaded, repeating(TIDY_EVERY_S, "compaction", lambda: _tidy(home, engine)):
            announce(loaded, f"{url}, its log and models in {folder}" + (", operated" if operate else ""), url)
            if workers > 1:
                if tracer is not None:
                    tracer.close()  # it was made to see whether it can be: each worker has its own
                by_workers(engine, home, taken, Post(system, str(folder), beyond, workers, str(token_file or ""), tls, watch))
            else:
                app = create_app(engine, closed=beyond, lasting=True, tracer=tracer)
                run(taking(app, engine, home, token_file), on_socket(taken.fileno(), tls), app.state.drain)


def serve_replica(
    system: str,
    folder: Path,
    host: str,
    port: int,
    *,
    online: str,
    owner: str,
    token_file: Path | None,
    workers: int,
    tls: Tls | None = None,
    watch: Watching = UNWATCHED,
) -> None:
    """Serve a system on a view that its owner publishes; see `replicas.replica`.

    Raises:
        BadInput: An option is missing or wrong, or others can reach the address and nobody has a key.
    """
    if not (online and owner and token_file is not None):
        raise BadInput("a replica needs --replica with --online, --owner and --token-file: where it reads, and who logs what it decides")
    if workers > 1:
        raise BadInput("a replica is one process: start another one beside it, on a port of its own", "workers")
    if beyond := not is_loopback(host):
        refuse_keyless(folder, host)
    replica(
        system,
        folder,
        host,
        port,
        online,
        owner,
        token_file,
        beyond,
        tls,
        watch,
        lambda loaded, url: announce(loaded, f"{url}, a replica", url),
    )


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


def _tidy(home: Home, engine: Engine) -> list[str]:
    """Compact the log, drop what it no longer keeps, and save a snapshot: a start after a crash replays minutes, not the whole log."""
    done, dropped = tidy(engine.loaded, home.log, engine.clock.now(), _SLICE)
    engine.snapshot()
    moved = [f"moved {done.moved:,} records to the lake"] if done.moved else []
    return moved + [f"dropped {rows:,} {stream}, no longer kept" for stream, rows in dropped.items()]


def announce(loaded: Loaded, where: str, url: str) -> None:
    """Print where a system is served, and what it answers."""
    out = console()
    request = loaded.system.request.__name__
    out.print(f"{loaded.name} on {where}")
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
