"""From the log of a served interleaving to who is preferred: who picked what, joined with what was bought."""

from collections.abc import Iterator
from typing import Any

import pytest

from millrace.experiments.interleaving_preference import preference
from millrace.experiments.reasons import Reason, Refused
from millrace.operate.history import LogHistory
from millrace.operate.interleaved import Earned, interleaved
from millrace.serve.engine import Engine
from millrace.serve.forgetting import whom
from millrace.types import DAY, EVER, MINUTE
from tests.serve.test_http import STOCK
from tests.serve.tiny import NOW, Client, publish_ranker, served

ASKED = {f"a{n}": f"v{n % 15}" for n in range(30)}
"""Who makes each request."""


@pytest.fixture
def shelf(tmp_path: Any) -> Iterator[tuple[Client, Engine]]:
    """A shelf that was looked at."""
    with served("tests.serve.tiny_interleaved", tmp_path) as (client, engine):
        client.post("/v1/events", json=STOCK)
        publish_ranker(engine)
        for name, visitor in ASKED.items():
            client.post("/v1/decide", json={"id": name, "visitor": visitor})
        yield client, engine


def made(engine: Engine) -> dict[str, Any]:
    return {one.id: one for _, one in engine.home.log.decisions(system="shelf")}


def read(engine: Engine, until: int = NOW + DAY) -> Earned:
    policy = engine.loaded.system.policy.policy
    [sold] = engine.loaded.models["ranker"].outcomes
    history = LogHistory(engine.home.log, engine.loaded)
    return interleaved(engine.loaded, history, policy, sold, engine.loaded.system.request.visitor, EVER, until)


def buy(client: Client, visitor: str, good: str) -> None:
    sent = client.post("/v1/events", json={"type": "Buy", "id": f"{visitor} {good}", "visitor": visitor, "good": good})
    assert sent.status_code == 200, sent.text


def test_what_is_bought_is_credited_to_who_would_have_shown_it_there(shelf: tuple[Client, Engine]) -> None:
    client, engine = shelf
    last = {visitor: made(engine)[name] for name, visitor in ASKED.items()}  # what is bought is of the latest request
    for visitor, one in last.items():
        buy(client, visitor, one.candidate[0])
    found = read(engine)
    assert (found.open, len(found.unit), set(found.unit)) == (0, 30, set(ASKED.values()))
    total = found.credits.earned.sum(axis=1)
    assert total.sum() == 15
    assert total.tolist() == [0.0] * 15 + [1.0] * 15, "in the order in which they were asked; places of one instant by id"


def test_outcomes_that_are_not_over_are_left_out(shelf: tuple[Client, Engine]) -> None:
    _, engine = shelf
    with pytest.raises(
        Refused, match=r"no request that both answered has its outcome known: 30 were answered; wait until sold is over"
    ) as refused:
        read(engine, NOW + MINUTE)
    assert refused.value.reason is Reason.FEW_UNITS


def test_a_preference_is_read_from_the_log(shelf: tuple[Client, Engine]) -> None:
    client, engine = shelf
    for name, visitor in list(ASKED.items())[15:25]:  # two of three visitors buy what the new ranker likes best
        one = made(engine)[name]
        buy(client, visitor, one.candidate[one.interleaved.ranks["new"].index(0)])
    found = read(engine)
    verdict = preference(found.credits, "old", "new", found.unit)
    assert verdict.treatment.value > verdict.control.value
    assert verdict.control.units == 15


def test_a_slate_of_which_a_row_was_forgotten_is_left_out(shelf: tuple[Client, Engine]) -> None:
    client, engine = shelf
    client.post("/v1/decide", json={"id": "short", "visitor": "v0", "limit": 1})
    [kept] = made(engine)["short"].candidate[:1]
    gone = next(one for one in made(engine)["a0"].candidate[:3] if one != kept)
    assert all(gone in made(engine)[name].candidate[:3] for name in ASKED)
    engine.forget(whom(engine.loaded, f"Good:{gone}"))
    found = read(engine)
    assert (found.unit.tolist(), found.open) == (["v0"], len(ASKED))
