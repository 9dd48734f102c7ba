"""A server of the shelf under siege: started, killed, started again on the same folder, with two releases to change between."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

from millrace.cli.opening import reading
from millrace.loading import load
from millrace.serve.clock import wall
from millrace.stores.audit import Change
from tests.cli.test_serving import ENDS_WITHIN_S, HOUSE, STARTS_WITHIN_S
from tests.serve.callers import workers_of
from tests.serve.running import install, running
from tests.siege.shelf import SLOW

SHELF = "tests.siege.shelf"
GOODS = [{"type": "Good", "id": f"good-{n}", "kind": ("toy", "book")[n % 2], "added_at": f"2026-01-{1 + n:02}T00:00:00Z"} for n in range(9)]


class Besieged:
    """A server and its folder.

    Args:
        folder: Where all of it lies.
        home: The system's home.
        options: Of `millrace serve`.

    Attributes:
        releases: The champion and another release of another version.
        port: Where it listens, the same after each start.
    """

    def __init__(self, folder: Path, home: Path, *options: str) -> None:
        self.home = home
        self.slow = folder / "slow"
        self.port = 0
        self._said = (folder / "said").open("a+")
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        with running(home, now=wall, of=load(SHELF)) as engine:
            other, champion = install(engine, 1), install(engine, 2)
        self.releases = (champion, other)

    @property
    def process(self) -> "subprocess.Popen[str]":
        """The process that was started last."""
        assert self._process is not None
        return self._process

    @property
    def owner(self) -> int:
        """Its id."""
        return self.process.pid

    @property
    def workers(self) -> list[int]:
        """The processes that answer beside the owner."""
        return workers_of(self.process) if self.has_workers else []

    @property
    def has_workers(self) -> bool:
        """Whether other processes answer than the owner."""
        return "--workers" in self._options

    @property
    def said(self) -> str:
        """What all the processes logged."""
        self._said.seek(0)
        return self._said.read()

    def start(self) -> None:
        """Start it, and return once it has said its port; it may not answer yet."""
        command = [sys.executable, "-m", "millrace", "serve", SHELF, "--home", str(self.home), "--port", str(self.port), *self._options]
        if os.geteuid() == 0 and shutil.which("setpriv"):  # a user whom the permissions of files concern, as any other
            command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
        environment = {**os.environ, "PYTHONPATH": HOUSE, "COLUMNS": "160", SLOW: str(self.slow)}
        until = time.monotonic() + STARTS_WITHIN_S
        while True:
            self._process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=self._said, text=True)
            assert self._process.stdout is not None
            first = self._process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:(\d+)", first)
            if found:
                self.port = int(found[1])
                return
            self._process.communicate()
            assert time.monotonic() < until, self.said[-2000:]  # its workers may not have left the port yet

    def kill(self) -> None:
        """Kill the owner, as the kernel does that is out of memory."""
        self.process.kill()
        self.process.communicate()

    def end(self) -> int:
        """Let it end in good order, and return its status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.communicate(timeout=ENDS_WITHIN_S)
        finally:
            if self.process.poll() is None:
                self.kill()
        return self.process.returncode

    def close(self) -> None:
        """Leave no process behind."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self.kill()
        self._said.close()

    def connect(self, timeout_s: float = 30.0) -> HTTPConnection:
        """Return a connection of its own, not open yet."""
        return HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)

    def promote(self, release: str) -> None:
        """Make a release the champion, from another process, as `millrace promote` does."""
        with reading(SHELF, self.home) as desk:
            desk.home.releases.promote(desk.standing, release, Change(wall(), "siege", "to be reloaded"))

    @property
    def version(self) -> str:
        """The version of the ranker in the first champion."""
        return self.artefact(self.releases[0]).parent.name

    def artefact(self, release: str) -> Path:
        """Return the file that holds the version of a release."""
        with reading(SHELF, self.home) as desk:
            version = desk.home.releases.get(release).versions["ranker"]
            return next(path for path in desk.home.registry.folder(version).rglob("weighted.json"))
