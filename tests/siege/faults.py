"""What is done to a server: each fault begins, is held for a moment drawn from the seed, and is mended."""

import os
import resource
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.adapters.private_redis import PrivateRedis
from tests.log.disks import Disk
from tests.siege.besieged import Besieged

LONGEST_S = 1.0
"""How long a fault is held at most, in seconds."""


@dataclass(frozen=True)
class Scene:
    """What a fault is done to.

    Attributes:
        of: The server.
        disk: The file system of its home, where that could be made small.
        redis: Where its view is published, if it is.
        chance: What is left open is drawn from it.
    """

    of: Besieged
    disk: Disk | None
    redis: PrivateRedis | None
    chance: np.random.Generator

    def hold(self) -> None:
        """Wait, for as long as is drawn."""
        time.sleep(self.chance.uniform(0.05, LONGEST_S))


@contextmanager
def stopped(process: int) -> Iterator[None]:
    """Let a process stand still."""
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


@contextmanager
def worker_killed(scene: Scene) -> Iterator[None]:
    """Kill one of the workers; its owner starts another."""
    if found := scene.of.workers:
        os.kill(int(scene.chance.choice(found)), signal.SIGKILL)
    yield


@contextmanager
def workers_killed(scene: Scene) -> Iterator[None]:
    """Kill all workers at once."""
    for one in scene.of.workers:
        os.kill(one, signal.SIGKILL)
    yield


@contextmanager
def owner_killed(scene: Scene) -> Iterator[None]:
    """Kill the owner of the log; somebody starts it again."""
    scene.of.kill()
    yield
    scene.of.start()


@contextmanager
def owner_frozen(scene: Scene) -> Iterator[None]:
    """Let the owner of the log stand still."""
    with stopped(scene.of.owner):
        yield


@contextmanager
def worker_frozen(scene: Scene) -> Iterator[None]:
    """Let a worker stand still; who is connected to it waits."""
    found = scene.of.workers
    with stopped(int(scene.chance.choice(found)) if found else scene.of.owner):
        yield


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a database, as a backup or a curious hand would."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as database:
        database.execute("begin immediate")
        yield
        database.execute("rollback")


@contextmanager
def model_slowed(scene: Scene) -> Iterator[None]:
    """Let each call of the model take at least a hundred times as long."""
    scene.of.slow.write_text(f"{scene.chance.uniform(0.05, 0.3):.3f}")
    yield
    scene.of.slow.unlink()


@contextmanager
def disk_full(scene: Scene) -> Iterator[None]:
    """Leave no room, or almost none, on the disk."""
    assert scene.disk is not None
    with scene.disk.full(int(scene.chance.choice([0, 5000, 50_000]))):
        yield


@contextmanager
def files_bounded(scene: Scene) -> Iterator[None]:
    """Let no file of the owner grow beyond what the log's is now."""
    owner, largest = scene.of.owner, (scene.of.home / "log" / "inbox.sqlite").stat().st_size
    _, hard = resource.prlimit(owner, resource.RLIMIT_FSIZE)
    resource.prlimit(owner, resource.RLIMIT_FSIZE, (largest, hard))
    try:
        yield
    finally:
        resource.prlimit(owner, resource.RLIMIT_FSIZE, (hard, hard))


@contextmanager
def artefact_corrupt(scene: Scene) -> Iterator[None]:
    """Damage a version on disk and promote it: who serves goes on with the one before, or without."""
    champion, other = scene.of.releases
    path = scene.of.artefact(other)
    whole, mode = path.read_bytes(), path.stat().st_mode
    path.chmod(0o600)
    place = int(scene.chance.integers(len(whole)))
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << int(scene.chance.integers(8))]) + whole[place + 1 :])
    scene.of.promote(other)
    time.sleep(scene.chance.uniform(0, 2))  # it is reloaded every second or so
    yield
    path.write_bytes(whole)
    path.chmod(mode)
    scene.of.promote(champion)


@contextmanager
def log_forbidden(scene: Scene) -> Iterator[None]:
    """Take from everybody the right to open the log's files."""
    log = scene.of.home / "log"
    modes = {path: path.stat().st_mode for path in (log, *log.glob("inbox.sqlite*"))}
    for path in reversed(modes):
        path.chmod(0)
    try:
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


@contextmanager
def redis_frozen(scene: Scene) -> Iterator[None]:
    """Let the Redis that the view is published to stand still: it refuses nothing and answers nothing."""
    assert scene.redis is not None
    scene.redis.pause()
    try:
        yield
    finally:
        scene.redis.resume()


@contextmanager
def redis_killed(scene: Scene) -> Iterator[None]:
    """Kill the Redis that the view is published to; it begins anew, empty."""
    assert scene.redis is not None
    scene.redis.kill()
    try:
        yield
    finally:
        scene.redis.start()


@dataclass(frozen=True)
class Fault:
    """A kind of fault.

    Attributes:
        begin: Begins it; it is mended when the block ends.
        breaks: Whether connections may break: a process is away.
        is_total: Whether nobody can answer as long as it is held, so that `/readyz` must not say so.
        needs: "workers", "disk" or "redis", where it needs such.
    """

    begin: Callable[[Scene], AbstractContextManager[None]]
    breaks: bool = False
    is_total: bool = False
    needs: str = ""


def _locked(name: str) -> Callable[[Scene], AbstractContextManager[None]]:
    return lambda scene: locked(scene.of.home / name)


FAULTS: Mapping[str, Fault] = {
    "worker killed": Fault(worker_killed, breaks=True, needs="workers"),
    "all workers killed": Fault(workers_killed, breaks=True, needs="workers"),
    "owner killed": Fault(owner_killed, breaks=True, is_total=True),
    "owner frozen": Fault(owner_frozen, is_total=True),
    "worker frozen": Fault(worker_frozen, needs="workers"),
    "log locked": Fault(_locked("log/inbox.sqlite")),
    "metadata locked": Fault(_locked("millrace.db")),
    "model slowed": Fault(model_slowed),
    "disk full": Fault(disk_full, needs="disk"),
    "files bounded": Fault(files_bounded),
    "artefact corrupt": Fault(artefact_corrupt),
    "log forbidden": Fault(log_forbidden),
    "redis frozen": Fault(redis_frozen, needs="redis"),
    "redis killed": Fault(redis_killed, needs="redis"),
}
