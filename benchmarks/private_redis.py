"""A Redis of a benchmark's own: on a free port, in a folder of its own, ended with it; and why there is none where there cannot be."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def without_redis() -> str:
    """Return why nothing can be measured with Redis here; "" when it can."""
    if shutil.which("redis-server") is None:
        return "no redis-server on this machine: install the system package `redis-server`"
    if importlib.util.find_spec("redis") is None:
        return "no client of Redis: pip install 'millrace[redis]'"
    return ""


@contextmanager
def private_redis(folder: Path) -> Iterator[str]:
    """Yield the URL of a server that keeps nothing on disk."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.kill()
        server.wait()


def _wait_for(port: int) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
