"""Requests that come together are decided together, and none is the worse for it. What is decided when hangs on a gate, not on time."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from millrace.decision import Decision
from millrace.serve.admission import AT_FIRST
from millrace.serve.batching import ALONE_EVERY
from millrace.stores.audit import Change
from millrace.stores.standing import Rollout
from tests.serve import tiny_gated
from tests.serve.tiny import NOON, served
from tests.serve.tiny_gated import PATIENCE, Gate

GATED = "tests.serve.tiny_gated"
STOCK = [{"type": "Buy", "id": f"b{n}", "at": "2025-12-31T09:00:00Z", "visitor": "ada", "good": f"g{n % 4}"} for n in range(9)]


@contextmanager
def shut() -> Iterator[Gate]:
    """Shut the gate; it opens when the test says so, or at the end."""
    gate = Gate()
    tiny_gated.GATES.append(gate)
    try:
        yield gate
    finally:
        gate.open.set()
        tiny_gated.GATES.pop()


@pytest.fixture
def shelf(tmp_path) -> Iterator[Any]:
    with served(GATED, tmp_path) as (client, engine):
        client.post("/v1/events", json=STOCK)
        yield client, engine


def under_way(client: Any) -> int:
    text = client.get("/metrics").text
    return int(float(next(line for line in text.splitlines() if line.startswith("millrace_under_way{")).split()[-1]))


def wait_for(client: Any, callers: int) -> None:
    until = time.monotonic() + PATIENCE
    while under_way(client) < callers:
        assert time.monotonic() < until, "they never came"
        time.sleep(0.002)


class Crowd:
    """Callers that ask one after the other and wait for their answers side by side, behind one whose batch stands at the gate."""

    def __init__(self, client: Any, gate: Gate) -> None:
        self._client = client
        self._threads = ThreadPoolExecutor(80)
        self._count = 0
        self._gate = gate
        self.first = self.ask({"id": "first", "visitor": "ada"})
        assert gate.entered.acquire(timeout=PATIENCE)

    def ask(self, body: Any, **how: Any) -> Future[httpx.Response]:
        """Ask, and return once the request waits to be decided."""
        asked = self._threads.submit(self._client.post, "/v1/decide", json=body, **how)
        self._count += 1
        wait_for(self._client, self._count)
        return asked


def test_what_comes_while_a_batch_is_decided_is_decided_next_and_all_at_once(shelf):
    client, engine = shelf
    with shut() as gate:
        crowd = Crowd(client, gate)
        asked = [crowd.ask({"id": f"look{n}", "visitor": f"v{n}", "limit": n % 3 + 1}) for n in range(9)]
        gate.open.set()
        answers = [one.result(PATIENCE).json() for one in asked]
        assert gate.sizes == [1, 9]
    assert [one["id"] for one in answers] == [f"look{n}" for n in range(9)]
    records = [engine.home.log.decision(f"look{n}") for n in range(9)]
    assert len({one.watermark for one in records}) == 1
    assert [[item["candidate"] for item in one["items"]] for one in answers] == [one.candidate[: one.taken] for one in records]


def roll_out(engine: Any) -> None:
    """Begin to roll out what serves, to a half."""
    releases, change = engine.home.releases, Change(engine.clock.now(), "test", "to be timed")
    champion = releases.create(engine.loaded.name, {}, engine.loaded.hash, {}, change)
    releases.promote(releases.standing(engine.loaded.name), champion.id, change)
    other = releases.create(engine.loaded.name, {}, engine.loaded.hash, {"none": 0.5}, change)
    standing = releases.standing(engine.loaded.name)
    releases.roll_out(standing, Rollout(release=other.id, step=0, share=0.5, started=change.at), change)
    engine.reload()


@pytest.mark.parametrize("is_out", [False, True])
def test_while_a_release_goes_out_some_are_decided_alone_and_timed_however_many_wait(shelf, is_out):
    client, engine = shelf
    if is_out:
        roll_out(engine)
    for n in range(ALONE_EVERY - 2):
        assert client.post("/v1/decide", json={"id": f"before{n}", "visitor": "ada"}).status_code == 200
    with shut() as gate:
        crowd = Crowd(client, gate)  # its first call is the one before the batch that may be alone
        asked = [crowd.ask({"id": f"look{n}", "visitor": f"v{n}"}) for n in range(6)]
        gate.open.set()
        assert [one.result(PATIENCE).status_code for one in asked] == [200] * 6
    timed = [engine.home.log.decision(f"look{n}").took_us > 0 for n in range(6)]
    assert timed == [is_out, False, False, False, False, False]


def alone(record: Decision, tmp_path: Any) -> Decision:
    """Return what is decided on the same request alone, by an engine of its own that knows the same."""
    with served(GATED, tmp_path) as (client, engine):
        client.post("/v1/events", json=STOCK)
        body = {"id": record.id, "visitor": "v" + record.id[4:], "limit": int(record.id[4:]) % 3 + 1}
        client.post("/v1/decide", json=body)
        return engine.home.log.decision(record.id)


def test_together_is_as_one_at_a_time(shelf, tmp_path):
    client, engine = shelf
    with shut() as gate:
        crowd = Crowd(client, gate)
        for one in [crowd.ask({"id": f"look{n}", "visitor": f"v{n}", "limit": n % 3 + 1}) for n in range(4)]:
            gate.open.set()
            assert one.result(PATIENCE).status_code == 200
    for n in range(4):
        record = engine.home.log.decision(f"look{n}")
        by_itself = alone(record, tmp_path / str(n))
        assert (record.candidate, record.score, record.propensity) == (by_itself.candidate, by_itself.score, by_itself.propensity)


def test_wrong_request_of_a_batch_fails_alone(shelf):
    client, _ = shelf
    with shut() as gate:
        crowd = Crowd(client, gate)
        good = [crowd.ask({"id": f"look{n}", "visitor": "ada"}) for n in range(4)]
        future = crowd.ask({"id": "future", "visitor": "ada", "at": "2027-01-01T00:00:00Z"})  # found out only when it is logged
        lost = crowd.ask({"id": "lost", "visitor": "nobody"})  # its policy cannot answer
        none = client.post("/v1/decide", json={"id": "none", "visitor": "ada", "limit": -3})  # told at once: nobody need wait for it
        assert (none.status_code, none.json()["error"]["field"]) == (422, "limit")
        gate.open.set()
        assert [one.result(PATIENCE).status_code for one in good] == [200] * 4
        problem = future.result(PATIENCE)
        assert (problem.status_code, problem.json()["error"]["field"]) == (422, "at")
        assert lost.result(PATIENCE).status_code == 503


def test_same_request_twice_in_a_batch_is_decided_once_and_another_one_under_its_id_is_a_conflict(shelf):
    client, engine = shelf
    with shut() as gate:
        crowd = Crowd(client, gate)
        same = [crowd.ask({"id": "look", "visitor": "ada", "at": NOON}) for _ in range(3)]
        later = crowd.ask({"id": "look", "visitor": "ada", "at": "2026-01-01T11:59:00Z"})
        other = crowd.ask({"id": "look", "visitor": "bob", "at": NOON})
        bystander = crowd.ask({"id": "bystander", "visitor": "ada"})
        gate.open.set()
        answers = [one.result(PATIENCE) for one in [*same, later]]
        assert [one.status_code for one in answers] == [200] * 4
        assert len({one.text for one in answers}) == 1
        assert other.result(PATIENCE).status_code == 409
        assert bystander.result(PATIENCE).status_code == 200
    assert engine.home.log.find(engine.loaded.system.request, "look").visitor == "ada"


def test_retry_of_what_was_decided_holds_up_nobody(shelf):
    client, _ = shelf
    first = client.post("/v1/decide", json={"id": "old", "visitor": "ada"}).json()
    with shut() as gate:
        crowd = Crowd(client, gate)
        again, new = crowd.ask({"id": "old", "visitor": "ada"}), crowd.ask({"id": "new", "visitor": "ada"})
        gate.open.set()
        assert again.result(PATIENCE).json() == first
        assert new.result(PATIENCE).status_code == 200


def test_caller_whose_time_runs_out_is_told_and_not_decided_for(shelf):
    client, engine = shelf
    with shut() as gate:
        crowd = Crowd(client, gate)
        brief, patient = crowd.ask({"id": "brief", "visitor": "ada"}, headers={"x-request-timeout-ms": "1"}), crowd.ask({"visitor": "ada"})
        time.sleep(0.01)  # longer than it waits
        gate.open.set()
        refused = brief.result(PATIENCE)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert "ran out before it was decided" in refused.json()["error"]["message"]
        assert patient.result(PATIENCE).status_code == 200
        assert gate.sizes == [1, 1]
    assert engine.home.log.decision("brief") is None


def test_time_that_is_over_before_it_begins_is_refused_at_once(shelf):
    client, _ = shelf
    refused = client.post("/v1/decide", json={"visitor": "ada"}, headers={"x-request-timeout-ms": "0"})
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    wrong = client.post("/v1/decide", json={"visitor": "ada"}, headers={"x-request-timeout-ms": "soon"})
    assert (wrong.status_code, wrong.json()["error"]["field"]) == (422, "x-request-timeout-ms")


def test_overload_is_429_at_once_and_those_let_in_are_answered(shelf):
    client, _ = shelf
    with shut() as gate:
        crowd = Crowd(client, gate)
        let_in = [crowd.ask({"visitor": "ada"}) for _ in range(int(AT_FIRST) - 1)]
        for _ in range(20):  # none of them waits for the gate
            refused = client.post("/v1/decide", json={"visitor": "ada"})
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        # What is turned away is not read, and its connection takes the next all the same.
        assert client.post("/v1/decide", content=b" " * 1_000_000).status_code == 429
        assert client.get("/healthz").status_code == 200
        gate.open.set()
        assert [one.result(PATIENCE).status_code for one in let_in] == [200] * (int(AT_FIRST) - 1)
    assert client.post("/v1/decide", json={"visitor": "ada"}).status_code == 200


def test_events_are_taken_in_while_a_batch_hangs_and_seen_by_the_next(shelf):
    client, _ = shelf
    with shut() as gate:
        crowd = Crowd(client, gate)
        buys = [{"type": "Buy", "visitor": "eve", "good": "new"} for _ in range(50)]
        assert client.post("/v1/events", json=buys).json()["accepted"] == 50
        second = crowd.ask({"visitor": "ada", "limit": 1})
        gate.open.set()
        assert [item["candidate"] for item in second.result(PATIENCE).json()["items"]] in (["new"], *([f"g{n}"] for n in range(4)))
        assert "new" not in [item["candidate"] for item in crowd.first.result(PATIENCE).json()["items"]]


def test_server_that_shuts_down_answers_those_it_let_in(tmp_path):
    with shut() as gate:
        with served(GATED, tmp_path) as (client, engine):
            client.post("/v1/events", json=STOCK)
            crowd = Crowd(client, gate)
            asked = [crowd.ask({"id": f"look{n}", "visitor": "ada"}) for n in range(5)]
            opener = threading.Timer(0.05, gate.open.set)  # while it is closing
            opener.start()
        assert [one.result(PATIENCE).status_code for one in asked] == [200] * 5
        assert not engine.home.log.store.folder.joinpath("none").exists()


def test_many_callers_all_get_their_own_answer(shelf):
    """Batches form as they may; every answer is that of its request and stands in the log."""
    client, engine = shelf

    def ask(number: int) -> httpx.Response:
        while (
            answer := client.post("/v1/decide", json={"id": f"r{number}", "visitor": f"v{number % 7}", "limit": number % 3 + 1})
        ).status_code == 429:
            time.sleep(0.01)
        return answer

    with ThreadPoolExecutor(24) as threads:
        answers = list(threads.map(ask, range(240)))
    for number, answer in enumerate(answers):
        record = engine.home.log.decision(f"r{number}")
        assert answer.json()["id"] == f"r{number}"
        assert [item["candidate"] for item in answer.json()["items"]] == record.candidate[: record.taken]
        assert len(answer.json()["items"]) == number % 3 + 1
