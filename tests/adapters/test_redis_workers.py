"""`millrace serve --replica`: a server on another machine, with the view in Redis and the owner over HTTP; nothing is copied by hand."""

import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from millrace.cli.scaffold import scaffold
from tests.adapters.private_redis import PrivateRedis
from tests.cli.test_serving import ENDS_WITHIN_S, ITEM, answer, millrace, server
from tests.serve.callers import decide, readiness, until

pytestmark = pytest.mark.server


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[PrivateRedis]:
    one = PrivateRedis(tmp_path)
    yield one
    one.kill()


@contextmanager
def replica(folder: Path, *options: str) -> Iterator[tuple[httpx.Client, Any]]:
    """Run a replica on a free port; ended by SIGTERM."""
    process = millrace(folder, "serve", "shop.py", "--port", "0", "--replica", *options)
    try:
        first = process.stdout.readline()
        found = re.search(r"http://[\d.:]+", first)
        assert found, first + process.stderr.read()
        with httpx.Client(base_url=found[0], timeout=30) as client:
            yield client, process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=ENDS_WITHIN_S)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_replica_decides_on_the_view_in_redis_and_its_decisions_are_logged_by_the_owner(tmp_path, redis, workers):
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
        scaffold("shop", "rank", folder)
    token = here / "token"
    token.write_text("a secret of both sides")
    token.chmod(0o600)
    shutil.copy2(token, there / "token")
    shared = ("--online", redis.url, "--token-file", "token")
    with server(here, *shared, "--workers", workers) as (owner, owning):
        owner.post("/v1/events", json=[ITEM])
        with replica(there, *shared, "--owner", str(owner.base_url)) as (client, _):
            until(lambda: readiness(client)[0] == 200, "the replica is never ready")
            until(lambda: "mug" in _taken(client, owner), "the replica never sees the item")
            told = decide(client, "visit", "bob")
            assert decide(owner, "visit", "bob") == told, "the owner answers a retry with it"
            assert decide(client, "visit", "bob") == told
            assert client.get("/v1/decisions/visit").json() == owner.get("/v1/decisions/visit").json()
            assert client.get("/v1/decisions/visit/explain").status_code == 200
            assert client.get("/v1/decisions/never").status_code == 404
            assert client.post("/v1/decide", json={"id": "visit", "user": "eve"}).status_code == 409
            for command, halted in (("halt", "champion"), ("resume", "")):
                status, _, err = answer(here, "rollout", command, "shop.py", "--why", "a drill")
                assert status == 0, err
                until(lambda now=halted: client.get("/readyz").json().get("halted", "") == now, "it does not follow what serves")
            owning.send_signal(signal.SIGTERM)
            assert owning.wait(timeout=ENDS_WITHIN_S) == 0
            assert client.get("/readyz").status_code == 503
            refused = client.post("/v1/decide", json={"user": "ada"})
            assert (refused.status_code, int(refused.headers["retry-after"]) >= 1) == (503, True), refused.text
            port = str(owner.base_url.port)
            again = millrace(here, "serve", "shop.py", "--port", port, *shared, "--workers", workers)
            try:
                until(lambda: readiness(client)[0] == 200, "it does not heal")
                assert decide(client, "visit", "bob") == told
                assert decide(client, "afterwards", "bob")["id"] == "afterwards"
            finally:
                again.send_signal(signal.SIGTERM)
                again.communicate(timeout=ENDS_WITHIN_S)
        assert client.is_closed
    assert not (there / ".millrace" / "log").exists(), "a replica keeps no log"
    status, out, err = answer(here, "verify", "shop.py")
    assert status == 0, out + err


def _taken(client: httpx.Client, owner: httpx.Client) -> list[str]:
    """Decide through a replica; return what it took, which the owner must know too."""
    made = decide(client, "")
    logged = owner.get(f"/v1/decisions/{made['id']}").json()["decision"]
    assert logged["candidate"][: logged["taken"]] == [one["candidate"] for one in made["items"]]
    return [one["candidate"] for one in made["items"]]


def test_replica_that_shows_another_token_is_told_so(tmp_path, redis):
    scaffold("shop", "rank", tmp_path)
    for name in ("ours", "theirs"):
        (tmp_path / name).write_text(f"the secret of one side: {name}")
        (tmp_path / name).chmod(0o600)
    with (
        server(tmp_path, "--online", redis.url, "--token-file", "ours") as (owner, _),
        replica(tmp_path, "--online", redis.url, "--token-file", "theirs", "--owner", str(owner.base_url), "--home", "copy") as (client, _),
    ):
        until(lambda: "--token-file" in readiness(client)[1], "it is not told")
        assert readiness(client)[0] == 503
        assert client.post("/v1/decide", json={"user": "ada"}).status_code == 503


@pytest.mark.parametrize(
    "options, said",
    [
        (("--replica",), "with --online, --owner and --token-file"),
        (("--owner", "http://h:1"), "with --online, --owner and --token-file"),
        (("--replica", "--online", "redis://h", "--owner", "http://h:1", "--token-file", "shop.py", "--workers", "2"), "one process"),
        (("--replica", "--online", "redis://h", "--owner", "nowhere", "--token-file", "shop.py"), "--owner takes the URL"),
        (("--token-file", "nothing"), "cannot be read"),
    ],
)
def test_options_that_do_not_go_together_are_said(tmp_path, options, said):
    scaffold("shop", "rank", tmp_path)
    status, _, err = answer(tmp_path, "serve", "shop.py", "--port", "0", *options)
    assert (status, said in err) == (1, True), err
    assert err.count("\n") == 1
