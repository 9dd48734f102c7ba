"""Workers: processes that are started, started again when they end without being told to, and ended together."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

log = logging.getLogger("millrace.serve")

SOCKET, PULSE = "owner.sock", "pulse"
"""What lies in the private folder: where the owner listens, and where it says how the log stands."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 10.0
_HEALTHY_S = 10.0
"""After how long a worker that ends is started again without a pause, in seconds."""
_DRAIN_S = 30.0
"""How long workers may take to answer what is under way, in seconds."""
_LOOK_EVERY_S = 0.05
_LONGEST_PATH = 100
"""How long the path of a socket may be, in bytes: systems differ between 104 and 108."""


@contextmanager
def private_folder(home: Path) -> Iterator[Path]:
    """Give a new folder that only this user can open, in a system's home, for as long as the block runs.

    Where the home's path is too long for a socket, it is a temporary one elsewhere.
    """
    folder = home.resolve() / "serving"
    if len(os.fsencode(folder / SOCKET)) > _LONGEST_PATH:
        folder = Path(tempfile.mkdtemp(prefix="millrace-"))
    shutil.rmtree(folder, ignore_errors=True)  # what a process left that was killed
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def memory_folder() -> Iterator[Path]:
    """Give a new folder that only this user can open, in memory where the system has such, for as long as the block runs.

    It is for files that processes map into their memory and that grow: on a disk that is full, the first byte of a new page would kill
    whoever writes it.
    """
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="millrace-", dir=memory if memory.is_dir() else None, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@dataclass
class _Place:
    """The place of one worker: the process in it now, and how it went with those before."""

    process: subprocess.Popen[bytes]
    started: float
    failures: int = 0
    due: float = field(default=float("inf"))


class Workers:
    """So many workers, kept alive.

    Each reads its standard input, which ends with this process: a worker whose owner is gone ends too.

    Args:
        command: Returns the command of a worker, told whether it takes the place of one that ended.
        count: How many.
        environment: Theirs.
        inherit: The file descriptors that they inherit.
        ended: Told of the id of every process that ended.
    """

    def __init__(
        self,
        command: Callable[[bool], Sequence[str]],
        count: int,
        environment: Mapping[str, str],
        inherit: Sequence[int],
        ended: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._command = command
        self._environment = dict(environment)
        self._inherit = tuple(inherit)
        self._ended = ended
        self._stopping = threading.Event()
        self._places = [_Place(self._start(), time.monotonic()) for _ in range(count)]
        self._thread = threading.Thread(target=self._watch, name="millrace-workers", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let all answer what is under way, and end; whoever does not in time is killed."""
        self._stopping.set()
        self._thread.join()
        running = [one.process for one in self._places if one.process.poll() is None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        until = time.monotonic() + _DRAIN_S
        for process in running:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("worker %d does not end: it is killed", process.pid)
                process.kill()
                process.wait()
        for one in self._places:
            _close(one.process)

    def _start(self, is_again: bool = False) -> subprocess.Popen[bytes]:
        # A group of its own: Ctrl-C reaches this process only, which ends the workers in its turn.
        return subprocess.Popen(
            list(self._command(is_again)),
            env=self._environment,
            stdin=subprocess.PIPE,
            pass_fds=self._inherit,
            process_group=0,
        )

    def _watch(self) -> None:
        while not self._stopping.wait(_LOOK_EVERY_S):
            for place, one in enumerate(self._places):
                try:
                    self._look_after(place, one)
                except Exception:
                    log.exception("worker %d could not be started again; it is tried again", place)

    def _look_after(self, place: int, one: _Place) -> None:
        now = time.monotonic()
        if one.process.poll() is None:
            return
        if one.due == float("inf"):
            one.failures = 0 if now - one.started > _HEALTHY_S else one.failures + 1
            pause = min(_FIRST_PAUSE_S * 2 ** (one.failures - 1), _LONGEST_PAUSE_S) if one.failures else 0.0
            one.due = now + pause
            _close(one.process)
            self._ended(one.process.pid)
            log.warning("worker %d ended (%s): it is started again in %.1f s", place, _how(one.process.returncode), pause)
        if now >= one.due:
            one.process = self._start(is_again=True)
            one.started, one.due = now, float("inf")


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()


def _how(status: int) -> str:
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"status {status}"
