"""A cached system over HTTP: the same answer under another id, which says so; and the log proves each repeat."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgspec
import numpy as np
import pytest

from millrace.operate.history import LogHistory
from millrace.operate.repeats import repeats
from millrace.operate.verify import verify
from millrace.serve.engine import Engine
from millrace.serve.following import FollowedView, Pulse
from millrace.serve.forgetting import whom
from millrace.serve.home import Home
from millrace.serve.replica import Replica
from millrace.types import DAY, EVER, SECOND, moment, objects
from tests.serve.test_http import STOCK
from tests.serve.tiny import NOW, Client, publish, publish_ranker, served

CACHED = "tests.serve.tiny_cached"


@pytest.fixture
def shelf(tmp_path: Any) -> Iterator[tuple[Client, Engine]]:
    with served(CACHED, tmp_path) as (client, engine):
        client.post("/v1/events", json=STOCK)
        publish_ranker(engine)
        yield client, engine


def decide(client: Client, name: str, **fields: Any) -> Any:
    answered = client.post("/v1/decide", json={"id": name, "visitor": "ada", **fields})
    assert answered.status_code == 200, answered.text
    return answered.json()


def proven(engine: Engine, **gaps: int) -> Any:
    return repeats(engine.loaded, engine.home.log, EVER, NOW + DAY, gaps)


def asked(engine: Engine, name: str, visitor: str = "ada") -> Any:
    return engine.loaded.system.request(id=name, at=moment(NOW), visitor=visitor)


def logged(engine: Engine, name: str) -> Any:
    found = engine.home.log.decision(name)
    assert found is not None
    return found


def test_same_visitor_gets_the_same_slate_under_another_id_and_explain_says_so(shelf):
    client, engine = shelf
    first, again = decide(client, "a"), decide(client, "b")
    assert again == {**first, "id": "b"}
    record = logged(engine, "b")
    assert (record.repeats, record.propensity, record.features) == ("a", [1.0] * 3, {})
    told = client.get("/v1/decisions/b/explain").json()
    assert told["decision"]["repeats"] == "a"
    before = client.get("/v1/decisions/a/explain").json()
    assert (told["taken"], told["considered"], "unexplained" in told) == (before["taken"], before["considered"], "unexplained" in before)
    assert 'millrace_repeats_total{policy="ranked",system="shelf"} 1.0' in client.get("/metrics").text


def test_others_other_questions_and_the_same_batch_are_decided_anew(shelf):
    client, engine = shelf
    decide(client, "a")
    decide(client, "other", visitor="bob")
    decide(client, "fewer", limit=2)
    both = client.post("/v1/decide", json=[{"id": name, "visitor": "cleo"} for name in ("x", "y")]).json()
    assert [one["id"] for one in both] == ["x", "y"]
    assert [logged(engine, name).repeats for name in ("other", "fewer", "x", "y")] == ["", "", "", ""]
    assert decide(client, "z", visitor="cleo")["items"] == both[1]["items"], "the latest of them"


def test_a_repeat_is_shown_but_learned_from_once(shelf):
    client, engine = shelf
    shown = [item["candidate"] for item in decide(client, "a")["items"]]
    decide(client, "b")
    history = LogHistory(engine.home.log, engine.loaded)
    assert set(history.decided(EVER, NOW + DAY)["id"]) == {"a"}
    features = logged_features(client, decide(client, "new", visitor="bob"))
    assert {features[one] for one in features if one in shown} == {2}, "both times count as shown"
    assert verify(engine.loaded, history, EVER, NOW + DAY).mismatches == ()


def logged_features(client: Client, answer: Any) -> dict[str, int]:
    taken = client.get(f"/v1/decisions/{answer['id']}/explain").json()["taken"]
    return {one["candidate"]: one["values"]["shown"] for one in taken}


def test_another_release_and_somebody_forgotten_end_what_can_be_repeated(shelf):
    client, engine = shelf
    decide(client, "a")
    columns = {"bought": np.ones(60), "shown": np.ones(60), "mine": np.zeros(60), "kind": objects(["toy"] * 60)}
    publish(engine, "ranker", {**columns, "country": objects(["nl"] * 60)}, [0, 1] * 30)
    decide(client, "b")
    assert logged(engine, "b").repeats == ""
    engine.forget(whom(engine.loaded, "Good:g5"))
    decide(client, "c")
    assert logged(engine, "c").repeats == ""
    assert "g5" not in logged(engine, "c").candidate


def test_after_a_restart_all_is_decided_anew(tmp_path):
    with served(CACHED, tmp_path) as (client, engine):
        client.post("/v1/events", json=STOCK)
        publish_ranker(engine)
        decide(client, "a")
    with served(CACHED, tmp_path) as (client, engine):
        decide(client, "b")
        assert logged(engine, "b").repeats == ""
        decide(client, "c")
        assert logged(engine, "c").repeats == "b"


def test_the_log_proves_every_repeat(shelf):
    client, engine = shelf
    for name in "abc":
        decide(client, name)
    assert (proven(engine).checked, proven(engine).wrong) == (2, ())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"repeats": "nobody"}, "which is not in the log"),
        ({"repeats": "b", "watermark": NOW + SECOND}, "which is itself a repeat, or missed something"),
        ({"watermark": NOW - SECOND}, "which was not known yet"),
        ({"watermark": NOW + 31 * SECOND}, "which was too old"),
        ({"release": "r9"}, "which another policy or release decided"),
        ({"candidate": ["g1"], "taken": 1}, "which took something else"),
    ],
)
def test_a_repeat_that_may_not_be_is_found(shelf, changes, said):
    client, engine = shelf
    decide(client, "a")
    decide(client, "b")
    wrong = msgspec.structs.replace(logged(engine, "b"), id="forged", **changes)
    engine.ingest([asked(engine, "forged"), wrong])
    assert proven(engine).wrong == (f"forged repeats {wrong.repeats}, {said}",)


def test_a_repeat_on_a_request_with_another_key_is_found(shelf):
    client, engine = shelf
    decide(client, "a")
    decide(client, "b")
    engine.ingest([asked(engine, "forged", "bob"), msgspec.structs.replace(logged(engine, "b"), id="forged")])
    assert proven(engine).wrong == ("forged repeats a, on a request with another key",)


def test_what_was_removed_since_can_no_longer_be_proven(shelf):
    client, engine = shelf
    decide(client, "a")
    decide(client, "b")
    gone = msgspec.structs.replace(logged(engine, "b"), id="left", repeats="removed")
    engine.ingest([asked(engine, "left"), gone])
    found = proven(engine, Visitor=NOW)
    assert (found.wrong, found.unprovable) == ((), 1)


class Straight:
    """Takes records straight to the engine that owns the log."""

    def __init__(self, engine: Engine) -> None:
        self.submit = engine.submit

    def away(self) -> str:
        return ""

    def close(self) -> None:
        pass


def test_a_process_beside_the_owner_repeats_what_it_decided_itself_until_somebody_is_forgotten(shelf, tmp_path):
    client, engine = shelf
    engine.lead(lambda *_: Pulse(tmp_path / "pulse", engine.reached, lambda: engine.home.log.last_known))
    home = Home(engine.home.folder, engine.loaded, read_only=True)
    try:
        view = FollowedView(engine.loaded, home, tmp_path / "pulse")
        with closing(Replica(engine.loaded, home, view, Straight(engine), patient=True)) as replica:
            decide(client, "by the owner")
            (first,), (again,) = (replica.decide([asked(engine, name)]) for name in ("a", "b"))
            assert (first.repeats, again.repeats, again.candidate) == ("", "a", first.candidate[: first.taken])
            assert decide(client, "c")["items"] == decide(client, "d")["items"]
            assert logged(engine, "d").repeats == "by the owner"
            engine.forget(whom(engine.loaded, "Good:g5"))
            (anew,) = replica.decide([asked(engine, "e")])
            assert (anew.repeats, "g5" in anew.candidate) == ("", False)
    finally:
        home.close()
