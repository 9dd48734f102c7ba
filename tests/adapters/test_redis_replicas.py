"""Two processes that decide on the view in Redis beside the one that owns the log, while it goes on, and while Redis dies."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest

from millrace.adapters.redis.connection import connect
from millrace.adapters.redis.online import publish, read
from millrace.cli.replicas import seeing
from millrace.decision import Decision
from millrace.loading import load
from millrace.log.streams import codec_of
from millrace.operate.history import LogHistory
from millrace.operate.verify import verify
from millrace.serve.clock import wall
from millrace.serve.engine import Engine
from millrace.serve.facts import ONLINE_VIEW
from millrace.serve.forgetting import whom
from millrace.serve.http import create_app
from millrace.serve.replica import Replica
from millrace.types import EVER, moment
from tests.adapters.private_redis import PATIENCE, PrivateRedis
from tests.serve.running import install, running, stock, told_again, use

ROOT = Path(__file__).parents[2]


class Other:
    """A process that decides; it owns nothing."""

    def __init__(self, folder: Path, url: str, name: str) -> None:
        command = [sys.executable, "-m", "tests.adapters.replica_process", str(folder), url, name]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._asked = 0

    def decide(self, engine: Engine, n: int) -> list[Decision]:
        """Let it decide on n requests, and hand what it decided to whoever owns the log."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"ask {self._asked} {n}\n".encode())
        self._process.stdin.flush()
        self._asked += n
        request = engine.loaded.system.request
        answer = msgspec.json.decode(self._process.stdout.readline())
        asked, decided = msgspec.convert(answer["asked"], list[request]), msgspec.convert(answer["decided"], list[Decision])
        engine.ingest([item for pair in zip(asked, decided, strict=True) for item in pair])
        return decided

    def end(self) -> None:
        """End it and wait."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(PATIENCE) == 0
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def happening(engine: Engine) -> Iterator[None]:
    """Let people use things, and items change, all the while."""
    ended = threading.Event()

    def live() -> None:
        g = np.random.default_rng(5)
        for n in range(100_000):
            if ended.is_set():
                return
            engine.ingest([told_again(engine, g) if n % 7 == 0 else use(engine, g, f"use-{n}-{i}") for i in range(1 + n % 4)])
            time.sleep(0.002)

    thread = threading.Thread(target=live)
    thread.start()
    yield
    ended.set()
    thread.join()


def until(what: Any, said: str) -> None:
    """Wait for something to come about."""
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end, said
        time.sleep(0.02)


def got(api: Any, path: str) -> httpx.Response:
    """Return what an application answers, without starting or closing what it stands on."""

    async def call() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://busy") as client:
            return await client.get(path)

    return asyncio.run(call())


def blind(decisions: list[Decision]) -> list[bool]:
    return [ONLINE_VIEW in one.missed for one in decisions]


def test_every_decision_of_two_processes_is_proven_by_the_log_also_when_redis_is_killed_in_their_midst(
    tmp_path: Path, mortal_redis: PrivateRedis
) -> None:
    with running(tmp_path, now=wall, patient=False) as engine:
        install(engine)
        engine.ingest(stock(engine))
        engine.lead(partial(publish, mortal_redis.url, engine.loaded))
        (follower,) = engine.followers
        until(lambda: read(mortal_redis.url, engine.loaded).cut().missed == [], "nothing was published")
        others = [Other(tmp_path, mortal_redis.url, name) for name in ("one", "two")]
        with happening(engine):
            seen = [one for _ in range(25) for other in others for one in other.decide(engine, 3)]
            assert not any(blind(seen))
            mortal_redis.kill()
            dark = [one for _ in range(5) for other in others for one in other.decide(engine, 2)]
            assert all(blind(dark))
            until(lambda: follower.trouble, "the publisher did not notice")
            mortal_redis.start()
            for other in others:
                until(lambda other=other: not any(blind(other.decide(engine, 1))), "a process did not find its way back")
            until(lambda: not follower.trouble, "the publisher did not find its way back")
            seen += [one for _ in range(25) for other in others for one in other.decide(engine, 3)]
        for other in others:
            other.end()
        assert sum(len(one.candidate) > 0 for one in seen) > len(seen) / 2
        proof = verify(engine.loaded, LogHistory(engine.home.log, engine.loaded), EVER, engine.clock.now() + 1)
        assert proof.decisions >= 250
        assert proof.mismatches == ()


def test_what_is_decided_without_redis_stands_on_defaults_says_so_and_is_no_mismatch(tmp_path: Path, mortal_redis: PrivateRedis) -> None:
    till = load("tests.serve.tiny_score")
    payment = till.system.request
    with running(tmp_path, now=wall, patient=True, of=till) as engine:
        engine.lead(partial(publish, mortal_redis.url, till))
        replica = Replica(till, engine.home, read(mortal_redis.url, till), patient=True)
        until(lambda: replica.view.cut().missed == [], "nothing was published")

        def pay(name: str) -> Decision:
            asked = payment(id=name, at=moment(engine.clock.now()), card="k1", cents=700)
            (decided,) = replica.answer(codec_of(payment).columns([asked]))
            engine.ingest([asked, decided])
            return decided

        (spent,) = [column for column in till.plan.reads if column.startswith("total")]
        sighted = pay("first")
        until(lambda: replica.view.cut().watermark > engine.home.log.last_known, "the payment was not published")
        assert pay("second").features[spent] == [700]
        mortal_redis.kill()
        dark = pay("third")
        assert (dark.features[spent], dark.missed) == ([0], ["scored", ONLINE_VIEW])
        assert sighted.missed == ["scored"], "nothing was released yet, so rules decide"
        assert replica.view.missed > 0
        assert "does not answer" in replica.view.trouble
        history = LogHistory(engine.home.log, till)
        proof = verify(till, history, EVER, engine.clock.now() + 1)
        assert (proof.decisions, proof.mismatches) == (2, ())
        told = history.decided(EVER, engine.clock.now() + 1)
        assert told[f"logged {spent}"].tolist() == [True, True, False], "no model learns an outage"


def test_replica_that_loses_redis_says_so_once_and_once_when_it_is_back(
    tmp_path: Path, mortal_redis: PrivateRedis, caplog: pytest.LogCaptureFixture
) -> None:
    till = load("tests.serve.tiny_score")
    with running(tmp_path, now=wall, of=till) as engine:
        engine.lead(partial(publish, mortal_redis.url, till))
        replica = Replica(till, engine.home, read(mortal_redis.url, till))
        until(lambda: replica.view.cut().missed == [], "nothing was published")
        step = seeing(replica)
        assert step(0) == []
        mortal_redis.pause()
        until(lambda: replica.view.cut().missed == [ONLINE_VIEW], "it still reads")
        assert [step(0), step(0), step(0)] == [[], [], []]
        mortal_redis.resume()
        until(lambda: replica.view.cut().missed == [], "it did not find its way back")
        assert [step(0), step(0)] == [["the online view is read again"], []]
    said = [one.getMessage() for one in caplog.records if "go without" in one.getMessage()]
    assert len(said) == 1
    assert said[0].startswith("decisions go without the online view: Redis does not answer")


def test_a_redis_that_hangs_costs_a_decision_a_moment_and_the_next_ones_nothing(tmp_path: Path, mortal_redis: PrivateRedis) -> None:
    till = load("tests.serve.tiny_score")
    with running(tmp_path, now=wall, of=till) as engine:
        engine.lead(partial(publish, mortal_redis.url, till))
        view = read(mortal_redis.url, till)
        until(lambda: view.cut().missed == [], "nothing was published")
        mortal_redis.pause()
        took = []
        for _ in range(20):
            started = time.monotonic()
            assert view.cut().missed == [ONLINE_VIEW]
            took.append(time.monotonic() - started)
        mortal_redis.resume()
        assert sorted(took)[10] < 0.01
        until(lambda: view.cut().missed == [], "it did not find its way back")


def test_ingest_goes_on_while_redis_is_away_and_readiness_and_metrics_say_so(tmp_path: Path, mortal_redis: PrivateRedis) -> None:
    with running(tmp_path, now=wall) as engine:
        engine.lead(partial(publish, mortal_redis.url, engine.loaded))
        engine.ingest(stock(engine))
        mortal_redis.kill()
        until(lambda: engine.followers[0].trouble, "the publisher did not notice")
        g = np.random.default_rng(3)
        for n in range(50):
            engine.ingest([use(engine, g, f"use-{n}")])
        api = create_app(engine)
        assert got(api, "/readyz").json().get("following", []) == ["Redis does not answer (ConnectionError)"]
        assert 'millrace_followers_away{system="busy"} 1.0' in got(api, "/metrics").text
        mortal_redis.start()
        until(lambda: got(api, "/readyz").json().get("following", []) == [], "it did not find its way back")
        cut = read(mortal_redis.url, engine.loaded).cut()
        assert cut.missed == []


def test_who_is_forgotten_leaves_redis_too(tmp_path: Path, mortal_redis: PrivateRedis) -> None:
    with running(tmp_path, now=wall) as engine:
        engine.lead(partial(publish, mortal_redis.url, engine.loaded))
        g = np.random.default_rng(3)
        engine.ingest([*stock(engine), *(use(engine, g, f"use-{n}") for n in range(60))])
        client = connect(mortal_redis.url, PATIENCE, tries=1)
        named = lambda: [key for key in client.scan_iter() if key.endswith(b"sp0") or b":3:sp0" in key]  # noqa: E731
        until(named, "nobody was published")
        engine.forget(whom(engine.loaded, "Person:p0"))
        until(lambda: not named(), "the forgotten are still there")
        assert any(key.endswith(b"sp1") for key in client.scan_iter())


def test_the_password_of_redis_is_never_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = PrivateRedis(tmp_path, password="hunter2")
    with running(tmp_path / "home", now=wall) as engine:
        engine.lead(partial(publish, server.url, engine.loaded))
        until(lambda: read(server.url, engine.loaded).cut().missed == [], "nothing was published")
        server.kill()
        until(lambda: engine.followers[0].trouble, "the publisher did not notice")
    assert "127.0.0.1" in caplog.text
    assert "hunter2" not in caplog.text
