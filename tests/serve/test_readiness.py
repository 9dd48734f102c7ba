"""When callers should be sent to a server, and when not."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from millrace.errors import Unavailable
from millrace.serve.readiness import Readiness
from tests.log.disks import small_disk
from tests.serve import tiny_gated
from tests.serve.tiny import RANK, SCORE, publish_ranker, served
from tests.serve.tiny_gated import PATIENCE, Gate

SERVER = """
import sys
from pathlib import Path
from millrace.loading import load
from millrace.serve.app import bound, on_socket, run
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.serve.http import create_app
from tests.serve import tiny_gated

gate = tiny_gated.Gate()
loaded = load("tests.serve.tiny_gated")
home = Home(Path(sys.argv[1]), loaded)
app = create_app(Engine(loaded, home))
taken = bound("127.0.0.1", 0)
taken.listen(16)
print(taken.getsockname()[1], flush=True)

def drain():
    print("told", flush=True)
    app.state.drain()
    gate.open.set()

def shut():
    sys.stdin.readline()
    tiny_gated.GATES.append(gate)
    print("shut", flush=True)
    gate.entered.acquire()
    print("entered", flush=True)

import threading
threading.Thread(target=shut, daemon=True).start()
run(app, on_socket(taken.fileno()), drain)
home.close()
print("ended", flush=True)
"""


@pytest.mark.parametrize("system", [RANK, SCORE])
def test_warming_up_logs_nothing_and_counts_nothing(system, tmp_path):
    with served(system, tmp_path) as (client, engine):
        assert client.get("/readyz").status_code == 200
        assert engine.home.log.last_known <= 0
        assert "millrace_decisions_total{" not in client.get("/metrics").text
        assert not engine.failures


def test_server_whose_disk_is_full_is_not_ready_and_is_again_without_being_asked_to_decide(tmp_path):
    with small_disk(tmp_path / "disk") as disk, served(RANK, disk.folder / "home") as (client, _):
        with disk.full():
            while client.post("/v1/decide", json={"visitor": "ada"}).status_code == 200:
                pass
            answer = client.get("/readyz")
            assert (answer.status_code, "inbox.sqlite" in answer.json()["error"]["message"]) == (503, True)
        assert client.get("/readyz").status_code == 200
        assert client.post("/v1/decide", json={"visitor": "ada"}).status_code == 200


def test_versions_installed_are_scored_once_while_warming_up(tmp_path):
    with served(RANK, tmp_path) as (client, engine):
        publish_ranker(engine)
        readiness = Readiness(engine)
        readiness.warm_up()
        assert readiness.why == ""
        assert client.get("/readyz").status_code == 200


def test_probe_says_503_until_it_is_warm(tmp_path):
    with served("tests.serve.tiny_gated", tmp_path) as (_, engine):
        readiness, gate = Readiness(engine), Gate()
        tiny_gated.GATES.append(gate)
        warming = threading.Thread(target=readiness.warm_up)
        warming.start()
        try:
            assert gate.entered.acquire(timeout=PATIENCE)
            with pytest.raises(Unavailable, match="warming up"):
                readiness.check()
        finally:
            tiny_gated.GATES.pop()
            gate.open.set()
            warming.join(PATIENCE)
        readiness.check()


@contextmanager
def process(folder: Path) -> Iterator[tuple[Any, str]]:
    """Serve the gated shelf in a process of its own, and yield it and its URL once it is ready."""
    with subprocess.Popen([sys.executable, "-c", SERVER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as made:
        assert made.stdout is not None
        try:
            url, until = f"http://127.0.0.1:{made.stdout.readline().strip()}", time.monotonic() + PATIENCE
            while httpx.get(f"{url}/readyz").status_code != 200:
                assert time.monotonic() < until
                time.sleep(0.01)
            yield made, url
        finally:
            made.kill()


def test_many_clients_over_sockets_are_each_answered_while_events_come_in(tmp_path):
    """Over real connections: every decision is that of its request, and each client's event is seen by its next decision."""

    def client(number: int) -> None:
        with httpx.Client(base_url=url, timeout=PATIENCE) as caller:
            for turn in range(8):
                good = f"g{number}-{turn}"
                told = caller.post("/v1/events", json=[{"type": "Buy", "visitor": f"v{number}", "good": good} for _ in range(3)])
                assert told.json()["accepted"] == 3
                name = f"r{number}-{turn}"
                while (answer := caller.post("/v1/decide", json={"id": name, "visitor": f"v{number}"})).status_code == 429:
                    time.sleep(0.01)
                assert answer.json()["id"] == name
                found = caller.get(f"/v1/decisions/{name}").json()["decision"]
                assert [item["candidate"] for item in answer.json()["items"]] == found["candidate"][: found["taken"]]
                assert found["watermark"] > max(told.json()["known"])

    with process(tmp_path) as (_, url), ThreadPoolExecutor(24) as threads:
        assert list(threads.map(client, range(24))) == [None] * 24


def test_server_told_to_end_says_so_and_still_answers_those_it_took_in(tmp_path):
    """A real process: SIGTERM while a decision is under way. The probe turns 503, the decision is answered, then it ends."""
    with process(tmp_path) as (server, url):
        print("shut", file=server.stdin, flush=True)
        assert server.stdout.readline() == "shut\n"
        got: list[httpx.Response] = []
        asking = threading.Thread(target=lambda: got.append(httpx.post(f"{url}/v1/decide", json={"visitor": "ada"}, timeout=PATIENCE)))
        asking.start()
        assert server.stdout.readline() == "entered\n"
        os.kill(server.pid, signal.SIGTERM)
        assert server.stdout.readline() == "told\n"
        while (probe := httpx.get(f"{url}/readyz")).status_code == 200:
            time.sleep(0.001)
        assert (probe.status_code, "shutting down" in probe.text) == (503, True)
        asking.join(PATIENCE)
        assert got[0].status_code == 200
        assert server.stdout.readline() == "ended\n"
        assert server.wait(PATIENCE) == 0
