"""`millrace serve`, for real: a process on a port, ended and started again."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from millrace.cli.repeating import repeating
from millrace.cli.scaffold import scaffold

pytestmark = pytest.mark.server

STARTS_WITHIN_S = 60.0
ENDS_WITHIN_S = 60.0
HOUSE = str(Path(__file__).parents[2])


@contextmanager
def server(folder: Path, *options: str, verify: Any = True) -> Iterator[tuple[httpx.Client, "subprocess.Popen[str]"]]:
    """Run `millrace serve` on a free port; ended by SIGTERM."""
    process = millrace(folder, "serve", "shop.py", "--port", "0", *options)
    try:
        first = process.stdout.readline()
        found = re.search(r"https?://[\d.:]+", first)
        assert found, first + process.stderr.read()
        with httpx.Client(base_url=found[0], timeout=30, verify=verify) as client:
            wait_for(client)
            yield client, process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=ENDS_WITHIN_S)


def millrace(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """Begin a command in a folder."""
    environment = {**os.environ, "PYTHONPATH": HOUSE, "COLUMNS": "160"}
    command = [sys.executable, "-m", "millrace", *arguments]
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def answer(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Run a command in a folder to its end; return its status, its output and its complaints."""
    process = millrace(folder, *arguments)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def wait_for(client: httpx.Client) -> None:
    """Wait until a server answers."""
    until = time.monotonic() + STARTS_WITHIN_S
    while True:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            assert time.monotonic() < until, "the server does not answer"
        time.sleep(0.05)


ITEM = {"type": "Item", "id": "mug", "category": "mugs", "added_at": "2026-01-01T00:00:00Z"}


def test_served_decision_outlives_the_server(tmp_path):
    scaffold("shop", "rank", tmp_path)
    with server(tmp_path) as (client, process):
        assert client.post("/v1/events", json=[ITEM, {"type": "User", "id": "ada", "country": "nl"}]).json()["accepted"] == 2
        first = client.post("/v1/decide", json={"id": "visit-1", "user": "ada"}).json()
        assert [item["candidate"] for item in first["items"]] == ["mug"]

        status, out, _ = answer(tmp_path, "explain", "shop.py", "visit-1")
        assert (status, "visit-1: shown by popular" in out) == (0, True), "looking works beside a running server"
        status, _, err = answer(tmp_path, "serve", "shop.py", "--port", "0")
        assert (status, "another process, such as millrace serve, writes to .millrace" in err) == (1, True)

        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=ENDS_WITHIN_S) == 0
        assert "Traceback" not in process.stderr.read()
    with server(tmp_path, "--no-operate") as (client, _):
        assert client.get("/v1/decisions/visit-1").json()["decision"]["candidate"] == ["mug"]
        assert client.post("/v1/decide", json={"id": "visit-1", "user": "ada"}).json() == first
        text = client.get("/metrics").text
        assert "millrace_decisions_total" in text
    assert answer(tmp_path, "verify", "shop.py")[0] == 0


@pytest.mark.parametrize("option", ["--operate", "--no-operate"])
def test_release_promoted_beside_a_running_server_is_installed(stocked, option):
    with server(stocked.folder, option) as (client, _):
        assert client.get("/readyz").json()["release"] is None
        said = stocked.millrace("train", "shop.py")
        assert said.status == 0, said.err
        until = time.monotonic() + 30
        while client.get("/readyz").json()["release"] is None:
            assert time.monotonic() < until, "the server goes on without the release"
            time.sleep(0.2)
        decided = client.post("/v1/decide", json={"user": "user-1"}).json()
        assert (decided["policy"], decided["missed"]) == ("ranked", [])


def test_operator_that_fails_is_logged_and_called_again(caplog):
    calls, called_again = [], threading.Event()

    def step() -> list[str]:
        calls.append(len(calls))
        if len(calls) == 1:
            raise RuntimeError("the disk is full")
        called_again.set()
        return ["trained"]

    with caplog.at_level("INFO"), repeating(0.01, "operator", step):
        assert called_again.wait(10)
    assert "the operator failed" in caplog.text
    assert "the disk is full" in caplog.text
    assert "trained" in caplog.text
    ended = len(calls)
    time.sleep(0.05)
    assert len(calls) == ended


def test_port_that_is_taken_is_said(tmp_path):
    scaffold("shop", "rank", tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        status, out, err = answer(tmp_path, "serve", "shop.py", "--port", str(taken.getsockname()[1]))
    assert (status, out) == (1, "")
    assert "choose another --port" in err
    assert err.count("\n") == 1
    assert not (tmp_path / ".millrace").exists()


def test_module_that_is_wrong_is_said_before_anything_starts(tmp_path):
    (tmp_path / "shop.py").write_text("from millrace import System\nshop = System(int, policy=None)\n")
    status, out, err = answer(tmp_path, "serve", "shop.py", "--port", "0")
    assert (status, out) == (1, "")
    assert err.startswith("error: shop.py:2: ")
    assert err.count("\n") == 1
