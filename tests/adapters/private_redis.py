"""A Redis of the test's own: on a free port, in a folder of its own, and killed whenever the test wants."""

import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

PATIENCE = 20.0
"""Seconds after which a test gives up, rather than hang."""


class PrivateRedis:
    """A `redis-server` process. It keeps nothing on disk unless told to `save`."""

    def __init__(self, folder: Path, password: str = "") -> None:
        found = shutil.which("redis-server")
        if found is None:
            pytest.skip("no redis-server on this machine: install the system package `redis-server`")
        pytest.importorskip("redis", reason="no client of Redis: pip install 'millrace[redis]'")
        self._binary, self._folder, self._password = found, folder, password
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        """Where it listens, with its password."""
        secret = f":{self._password}@" if self._password else ""
        return f"redis://{secret}127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, with what was saved if anything was."""
        settings = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder), "--save", "", "--appendonly", "no"]
        settings += ["--requirepass", self._password] if self._password else []
        self._process = subprocess.Popen([self._binary, *settings], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1.0).close()
                return
            except OSError:
                time.sleep(0.02)
        raise AssertionError("redis-server did not start")

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(PATIENCE)

    def pause(self) -> None:
        """Let it answer nothing, and refuse nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
