"""`millrace serve --workers`: one process owns the log and looks after those that answer."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from contextlib import closing
from pathlib import Path

import msgspec
from prometheus_client.multiprocess import mark_process_dead

from millrace.cli.replicas import serve_replica, taking
from millrace.cli.watching import UNWATCHED, Watching
from millrace.loading import load
from millrace.serve.app import BACKLOG, Tls, on_path, on_socket, run
from millrace.serve.engine import Engine
from millrace.serve.following import FollowedView, Pulse
from millrace.serve.handing import Owner
from millrace.serve.home import Home
from millrace.serve.http import create_app
from millrace.serve.metrics import SHARED
from millrace.serve.owning import records_app, token_of
from millrace.serve.reaching import by_socket
from millrace.serve.replica import Replica
from millrace.serve.workers import PULSE, SOCKET, Workers, memory_folder, private_folder


class Post(msgspec.Struct, frozen=True):
    """What a worker is told when it is started.

    Attributes:
        system: The module.
        folder: The system's home.
        closed: Whether callers need a key even if none was ever made.
        workers: How many there are.
        token_file: Holds what replicas show that hand in records; "" when none may.
        tls: What they show their callers.
        watch: How they are watched.
        private: The folder where its owner listens and says how the log stands.
        descriptor: The socket it listens on, which it inherits.
        is_again: Whether it takes the place of one that ended.
    """

    system: str
    folder: str
    closed: bool
    workers: int
    token_file: str
    tls: Tls | None = None
    watch: Watching = UNWATCHED
    private: str = ""
    descriptor: int = -1
    is_again: bool = False


def by_workers(engine: Engine, home: Home, taken: socket.socket, post: Post) -> None:
    """Serve by workers until SIGTERM or SIGINT: first they end, then whoever owns the log. The engine is closed.

    Args:
        engine: The engine; it takes in what the workers decide, and decides nothing itself.
        home: Its home.
        taken: The socket they listen on.
        post: What they are told.
    """
    with private_folder(home.folder) as private, memory_folder() as numbers:
        taken.listen(BACKLOG)
        engine.lead(lambda *_: Pulse(private / PULSE, engine.reached, lambda: home.log.last_known))
        post = msgspec.structs.replace(post, private=str(private), descriptor=taken.fileno())
        metrics = str(numbers)
        workers = Workers(
            lambda is_again: _command(msgspec.structs.replace(post, is_again=is_again)),
            post.workers,
            {**os.environ, SHARED: metrics},
            [taken.fileno()],
            lambda process: mark_process_dead(process, metrics),
        )
        try:
            run(records_app(engine, home.log.store.streams), on_path(private / SOCKET), first=workers.stop)
        finally:
            workers.stop()
            engine.close()


def _command(post: Post) -> list[str]:
    return [sys.executable, "-m", "millrace.cli.workers", msgspec.json.encode(post).decode()]


def work(post: Post) -> None:
    """Serve as a worker until SIGTERM, or until its owner is gone."""
    threading.Thread(target=_end_with_owner, name="millrace-orphan", daemon=True).start()
    loaded, private, token = load(post.system), Path(post.private), Path(post.token_file) if post.token_file else None
    lines = post.watch.lines(loaded.name, [token_of(token)] if token is not None else [], f"worker {os.getpid()}")
    with closing(Home(Path(post.folder), loaded, read_only=True)) as home:
        view = FollowedView(loaded, home, private / PULSE)
        replica = Replica(loaded, home, view, Owner(by_socket(str(private / SOCKET))), share=post.workers)
        lines.release = lambda: replica.standing.champion or ""
        tracer, share = post.watch.tracer(loaded.name), 1 / post.workers
        app = create_app(replica, closed=post.closed, share=share, is_again=post.is_again, lasting=True, tracer=tracer)
        serve_replica(replica, taking(app, replica, home, token), on_socket(post.descriptor, post.tls))


def _end_with_owner() -> None:
    while os.read(0, 1):  # nothing is ever written there: it ends with the process that holds the other end
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    work(msgspec.json.decode(sys.argv[1], type=Post))
