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

from millrace.cli.front import Front
from millrace.cli.replicas import serve_replica, taking
from millrace.loading import load
from millrace.serve.app import BACKLOG, on_path, on_socket, run
from millrace.serve.engine import Engine
from millrace.serve.following import FollowedView, Pulse
from millrace.serve.handing import Owner
from millrace.serve.home import Home
from millrace.serve.http import create_app
from millrace.serve.metrics import SHARED
from millrace.serve.owning import records_app
from millrace.serve.reaching import by_socket
from millrace.serve.replica import Replica
from millrace.serve.workers import PULSE, SOCKET, Workers, memory_folder, private_folder


class Post(msgspec.Struct, frozen=True):
    """What a worker is told when it is started.

    Attributes:
        system: The module.
        folder: The system's home.
        front: What callers meet.
        workers: How many there are.
        private: The folder where its owner listens and says how the log stands.
        descriptor: The socket it listens on, which it inherits.
        is_again: Whether it takes the place of one that ended.
    """

    system: str
    folder: str
    front: Front
    workers: int
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
    loaded, private, front = load(post.system), Path(post.private), post.front
    lines = front.watch.lines(loaded.name, [front.token], f"worker {os.getpid()}")
    with closing(Home(Path(post.folder), loaded, read_only=True)) as home:
        view = FollowedView(loaded, home, private / PULSE)
        replica = Replica(loaded, home, view, Owner(by_socket(str(private / SOCKET))), share=post.workers)
        lines.release = lambda: replica.standing.champion or ""
        app = create_app(
            replica,
            closed=front.is_open,
            share=1 / post.workers,
            is_again=post.is_again,
            lasting=True,
            tracer=front.watch.tracer(loaded.name),
            most_bytes=front.largest_body,
        )
        serve_replica(replica, taking(app, replica, home, front.token), on_socket(post.descriptor, front.tls))


def _end_with_owner() -> None:
    while os.read(0, 1):  # nothing is ever written there: it ends with the process that holds the other end
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    work(msgspec.json.decode(sys.argv[1], type=Post))
