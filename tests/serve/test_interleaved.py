"""Two interleaved rankers over HTTP: the log alone says who picked what, and what each earned."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from millrace.experiments.interleaving import credits
from millrace.operate.history import LogHistory
from millrace.operate.verify import verify
from millrace.serve.engine import Engine
from millrace.serve.forgetting import whom
from millrace.types import DAY, EVER
from tests.serve.test_http import STOCK
from tests.serve.tiny import NOW, Client, publish_ranker, served

ASKED = [f"a{n}" for n in range(12)]


@pytest.fixture
def shelf(tmp_path: Any) -> Iterator[tuple[Client, Engine]]:
    with served("tests.serve.tiny_interleaved", tmp_path) as (client, engine):
        client.post("/v1/events", json=STOCK)
        publish_ranker(engine)
        yield client, engine


def decide(client: Client, *names: str) -> list[Any]:
    answered = client.post("/v1/decide", json=[{"id": name, "visitor": "ada"} for name in names])
    assert answered.status_code == 200, answered.text
    return answered.json()


def logged(engine: Engine, name: str) -> Any:
    found = engine.home.log.decision(name)
    assert found is not None
    return found


def test_who_picked_each_place_is_in_the_log(shelf: tuple[Client, Engine]) -> None:
    client, engine = shelf
    for answer in decide(client, *ASKED):
        record = logged(engine, answer["id"])
        assert (record.policy, record.taken, answer["policy"]) == ("both", 3, "both")
        assert [item["candidate"] for item in answer["items"]] == record.candidate[:3]
        told = record.interleaved
        assert (told.by, told.depths, len(told.team)) == ("team-draft", {"new": 3, "old": 3}, 3)
        assert all(0 <= told.ranks[team][place] < 3 for place, team in enumerate(told.team)), "what an arm picks is in its own slate"
        assert client.get(f"/v1/decisions/{answer['id']}/explain").json()["decision"]["interleaved"]["team"] == told.team


def test_credit_is_read_from_the_log_alone(shelf: tuple[Client, Engine]) -> None:
    client, engine = shelf
    decide(client, *ASKED)
    made = [one for _, one in engine.home.log.decisions(system="shelf")]
    request, place = np.nonzero(np.ones((len(made), 3)))
    found = credits([one.interleaved for one in made], request, place, np.ones(len(request)))
    assert found.arms == ("new", "old")
    np.testing.assert_allclose(found.earned.sum(axis=1), 3)


def test_models_learn_from_what_was_shown_and_the_log_still_proves_itself(shelf: tuple[Client, Engine]) -> None:
    client, engine = shelf
    decide(client, *ASKED)
    history = LogHistory(engine.home.log, engine.loaded)
    rows = history.decided(EVER, NOW + DAY)
    assert set(rows["id"]) == set(ASKED)
    assert ((rows["propensity"] > 0) & (rows["propensity"] <= 1)).all()
    assert verify(engine.loaded, history, EVER, NOW + DAY).mismatches == ()


def test_a_row_that_is_forgotten_leaves_the_others_credit_as_it_was(shelf: tuple[Client, Engine]) -> None:
    client, engine = shelf
    decide(client, *ASKED)
    before = {name: logged(engine, name) for name in ASKED}
    engine.forget(whom(engine.loaded, f"Good:{before['a0'].candidate[0]}"))
    for name in ASKED:
        assert logged(engine, name).interleaved == before[name].interleaved
    assert before["a0"].candidate[0] not in logged(engine, "a0").candidate
