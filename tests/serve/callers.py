"""Those who call a server of several processes, and who look at the processes."""

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.cli.test_serving import ITEM

PATIENCE_S = 60.0


def until(holds: Callable[[], Any], what: str) -> Any:
    """Wait until something holds, and return it."""
    end = time.monotonic() + PATIENCE_S
    while not (found := holds()):
        assert time.monotonic() < end, what
        time.sleep(0.05)
    return found


def workers_of(process: Any) -> list[int]:
    """Return the workers whichever thread of the server started them."""
    found = []
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        try:
            found += [int(one) for one in (task / "children").read_text().split()]
        except FileNotFoundError:  # the thread has ended
            continue
    return [one for one in found if is_worker(one)]


def readiness(client: httpx.Client) -> tuple[int, str]:
    """Return how a server answers whether it is ready; 0 while it does not."""
    try:
        answered = client.get("/readyz")
    except httpx.TransportError:
        return 0, ""
    return answered.status_code, answered.text


def is_worker(pid: int) -> bool:
    try:
        return b"millrace.cli.workers" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False


@contextmanager
def alone(base: httpx.URL) -> Iterator[httpx.Client]:
    """Give a client with connections of its own: one connection is one worker's for as long as it lasts."""
    with httpx.Client(base_url=base, timeout=30) as client:
        yield client


def two_workers(client: httpx.Client, process: Any) -> tuple[httpx.Client, httpx.Client]:
    """Return two clients whose connections are kept by two different workers."""
    clients: dict[int, httpx.Client] = {}

    def found() -> bool:
        one = httpx.Client(base_url=client.base_url, timeout=30)
        before = {worker: _sockets(worker) for worker in workers_of(process)}
        assert one.get("/healthz").status_code == 200
        (worker,) = (worker for worker, sockets in before.items() if _sockets(worker) > sockets)
        if worker in clients:
            one.close()
        else:
            clients[worker] = one
        return len(clients) == 2

    until(found, "all connections are answered by one worker")
    first, second = clients.values()
    return first, second


def _sockets(worker: int) -> int:
    """Return how many connections of callers a process keeps."""
    kept = {os.readlink(one.path) for one in os.scandir(f"/proc/{worker}/fd") if os.path.islink(one.path)}
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(f"socket:[{line[9]}]" in kept and line[3] == "01" for line in lines)


def decide(client: httpx.Client, name: str, user: str = "ada", **more: Any) -> Any:
    answered = client.post("/v1/decide", json={"id": name, "user": user, **more})
    assert answered.status_code == 200, answered.text
    return answered.json()


def item(name: str) -> dict[str, str]:
    return {**ITEM, "id": name}


def click(name: str) -> dict[str, str]:
    return {"type": "Click", "id": name, "at": "2026-01-02T00:00:00Z", "user": "ada", "item": "mug"}


class Load:
    """Callers that tell and ask without a pause, and keep what was acknowledged."""

    def __init__(self, base: httpx.URL) -> None:
        self._base = base
        self._ended = threading.Event()
        self.events: list[str] = []
        self.decisions: dict[str, Any] = {}
        self.refused: list[int] = []
        self.errors: list[str] = []
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(4)]
        for one in self._threads:
            one.start()

    def _run(self, number: int) -> None:
        turn = 0
        while not self._ended.is_set():
            turn += 1
            try:
                with httpx.Client(base_url=self._base, timeout=30) as client:
                    self._ask(client, f"{number}-{turn}")
            except httpx.TransportError:
                pass  # the worker was killed with the connection: whether it counted is not known
            except Exception as error:
                self.errors.append(repr(error))
                return

    def _ask(self, client: httpx.Client, name: str) -> None:
        told = client.post("/v1/events", json=[click(f"click-{name}")])
        if told.status_code == 200:
            self.events.append(f"click-{name}")
        decided = client.post("/v1/decide", json={"id": f"visit-{name}", "user": f"user-{name}"})
        if decided.status_code == 200:
            self.decisions[f"visit-{name}"] = decided.json()
        self.refused += [one.status_code for one in (told, decided) if one.status_code != 200]

    def end(self) -> None:
        self._ended.set()
        for one in self._threads:
            one.join(PATIENCE_S)


def restarts(client: httpx.Client) -> int:
    found = re.search(r"millrace_worker_restarts_total\{.*\} (\d+)", client.get("/metrics").text)
    return int(found[1]) if found else 0
