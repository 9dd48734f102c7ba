"""`millrace serve --replica`: a process that decides on a published view, and hands what it decided to the owner of the log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from starlette.types import ASGIApp

from millrace.cli.announcing import announce
from millrace.cli.front import Front
from millrace.cli.online import store_of
from millrace.cli.repeating import repeating
from millrace.errors import BadInput, Unavailable
from millrace.loading import load
from millrace.serve.app import Listen, on_socket, run
from millrace.serve.deciding import Decider
from millrace.serve.handing import Owner
from millrace.serve.home import Home
from millrace.serve.http import create_app
from millrace.serve.outpost import Copy, Outpost
from millrace.serve.owning import beside, knows, records_app
from millrace.serve.reaching import by_url
from millrace.serve.replica import Replica

RELOAD_EVERY_S = 2.0
"""How often it is looked whether another release serves, in seconds."""

Step = Callable[[int], list[str]]

log = logging.getLogger("millrace.serve")


def replica(system: str, folder: Path, front: Front, *, online: str, owner: str, workers: int = 1) -> None:
    """Serve a system on a view that is published elsewhere, until SIGTERM or SIGINT.

    Args:
        system: The module.
        folder: Where a copy of what the owner released is kept.
        front: What callers meet.
        online: The URL of the published view.
        owner: The URL of the server that owns the log.
        workers: One.

    Raises:
        BadInput: An option is missing or wrong, or others can reach the address and nobody has a key.
        MissingExtra: The client library of the published view is not installed.
        DeclarationError: The module is wrong.
        Unavailable: The port is taken.
    """
    if not (online and owner and front.token_file):
        raise BadInput("a replica needs --replica with --online, --owner and --token-file: where it reads, and who logs what it decides")
    if workers > 1:
        raise BadInput("a replica is one process: start another one beside it, on a port and in a folder of its own", "workers")
    loaded, connect, store, token = load(system), by_url(owner), store_of(online), front.token
    lines, tracer = front.watch.lines(loaded.name, [token]), front.watch.tracer(loaded.name)
    follow = following(Copy(folder, connect, token))
    follow(0)
    front.refuse_keyless(folder)
    with front.taken() as (taken, url), closing(store.read(online, loaded)) as view:
        taker = Owner(connect, token)
        with closing(Outpost.at(folder, taker)) as home:
            decider = Replica(loaded, home, view, taker)
            lines.release = lambda: decider.standing.champion or ""
            announce(loaded, f"{url}, a replica", url)
            app = create_app(decider, closed=front.is_open, lasting=True, tracer=tracer, most_bytes=front.largest_body)
            serve_replica(decider, app, on_socket(taken.fileno(), front.tls), follow)


def following(copy: Copy) -> Step:
    """Return a step that brings a copy up to what the owner released; why it cannot is said once, and again when it can."""
    trouble = ""

    def step(_: int) -> list[str]:
        nonlocal trouble
        before = trouble
        try:
            copy.catch_up()
            trouble = ""
        except Unavailable as error:
            trouble = str(error)
        if trouble and trouble != before:
            log.warning("what is released elsewhere does not come here: %s", trouble)
        return ["what is released elsewhere comes here again"] if before and not trouble else []

    return step


def serve_replica(decider: Replica, app: ASGIApp, listen: Listen, first: Step = lambda _: []) -> None:
    """Serve a replica, and install what others promote meanwhile.

    Args:
        decider: The replica.
        app: What answers.
        listen: Where.
        first: What is done each time before it is looked what serves.
    """
    reload, sighted = only_reload(decider), seeing(decider)
    with repeating(RELOAD_EVERY_S, "reload", lambda: first(0) + reload(0) + sighted(0)):
        run(app, listen)


def seeing(decider: Decider) -> Step:
    """Return a step that says once when what is decided on could not be read of late, and once when it can again."""
    trouble: list[str] = []

    def step(_: int) -> list[str]:
        nonlocal trouble
        before, trouble = trouble, decider.troubles
        if trouble and trouble != before:
            log.warning("decisions go without the online view: %s", "; ".join(trouble))
        return ["the online view is read again"] if before and not trouble else []

    return step


def only_reload(decider: Decider) -> Step:
    """Return a step of whoever only installs what others promoted; it says what changed, whoever had it installed."""
    told = (decider.standing.revision, decider.halt)

    def step(_: int) -> list[str]:
        nonlocal told
        decider.reload()
        before, told = told, (decider.standing.revision, decider.halt)
        again = "no longer halted: " if before[1] is not None and told[1] is None else ""
        return [] if told == before else [again + _stands(decider)]

    return step


def _stands(decider: Decider) -> str:
    """Say where a system stands, and who brought it there and why."""
    halt, now = decider.halt, decider.standing
    if halt is not None:
        return f"halted to its {halt.to} by {halt.who}: {halt.why}"
    beside = f", {now.candidate} beside it" if now.candidate is not None else ""
    return f"{now.champion} serves{beside}: {now.action} by {now.who}, {now.why}"


def taking(app: ASGIApp, decider: Decider, home: Home, token: str) -> ASGIApp:
    """Return an application that also takes records from replicas that show a token, and gives them what was released, if there is one."""
    if not token:
        return app
    return beside(app, records_app(decider, home.log.store.streams, knows(token), home.folder))
