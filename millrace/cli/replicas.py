"""`millrace serve --replica`: a process that decides on a published view, and hands what it decided to the owner of the log."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from starlette.types import ASGIApp

from millrace.cli.online import store_of
from millrace.cli.repeating import repeating
from millrace.cli.watching import Watching
from millrace.loaded import Loaded
from millrace.loading import load
from millrace.serve.app import Listen, Tls, bound, on_socket, run
from millrace.serve.deciding import Decider
from millrace.serve.handing import Owner
from millrace.serve.home import Home, Outpost
from millrace.serve.http import create_app
from millrace.serve.owning import beside, knows, records_app, token_of
from millrace.serve.reaching import by_url
from millrace.serve.replica import Replica

RELOAD_EVERY_S = 2.0
"""How often it is looked whether another release serves, in seconds."""


def replica(
    system: str,
    folder: Path,
    host: str,
    port: int,
    online: str,
    owner: str,
    token_file: Path,
    closed: bool,
    tls: Tls | None,
    watch: Watching,
    announce: Callable[[Loaded, str], object],
) -> None:
    """Serve a system on a view that is published elsewhere, until SIGTERM or SIGINT.

    Args:
        system: The module.
        folder: A copy of the system's home, as far as what was released goes.
        host: The address to listen on.
        port: The port; 0 takes any free one.
        online: The URL of the published view.
        owner: The URL of the server that owns the log.
        token_file: Holds what that server knows it by.
        closed: Whether callers need a key even if none was ever made.
        tls: What it shows its callers; None to speak in clear text.
        watch: How it is watched.
        announce: Told of the system and its URL.

    Raises:
        BadInput: A URL is none, or the token, or an option of `watch` is wrong.
        MissingExtra: The client library of the published view is not installed.
        DeclarationError: The module is wrong.
        Unavailable: The port is taken.
    """
    loaded, connect, store, token = load(system), by_url(owner), store_of(online), token_of(token_file)
    lines, tracer = watch.lines(loaded.name, [token]), watch.tracer(loaded.name)
    with bound(host, port) as taken, closing(store.read(online, loaded)) as view:
        taker = Owner(connect, token)
        with closing(Outpost.at(folder, taker)) as home:
            decider = Replica(loaded, home, view, taker)
            lines.release = lambda: decider.standing.champion or ""
            announce(loaded, f"{'https' if tls else 'http'}://{host}:{taken.getsockname()[1]}")
            app = create_app(decider, closed=closed, lasting=True, tracer=tracer)
            serve_replica(decider, app, on_socket(taken.fileno(), tls))


def serve_replica(decider: Replica, app: ASGIApp, listen: Listen) -> None:
    """Serve a replica, and install what others promote meanwhile."""
    reload = only_reload(decider)
    with repeating(RELOAD_EVERY_S, "reload", lambda: reload(0)):
        run(app, listen)


def only_reload(decider: Decider) -> Callable[[int], list[str]]:
    """Return a step of whoever only installs what others promoted."""

    def step(_: int) -> list[str]:
        if not decider.reload():
            return []
        halt = decider.halt
        return [f"halted to its {halt.to} by {halt.who}: {halt.why}" if halt is not None else f"{decider.standing.champion} serves"]

    return step


def taking(app: ASGIApp, decider: Decider, home: Home, token_file: Path | None) -> ASGIApp:
    """Return an application that also takes records from replicas that show a token, if there is one."""
    if token_file is None:
        return app
    return beside(app, records_app(decider, home.log.store.streams, knows(token_of(token_file))))
