"""An interleaving is read as an experiment is: credit from its log, by the rule on record, with a verdict in words."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from millrace.errors import DeclarationError, NotFound
from millrace.experiments.comparison import AT_ANY_LOOK
from millrace.experiments.interleaving_preference import preference
from millrace.experiments.reasons import Reason
from millrace.operate.history import LogHistory
from millrace.operate.interleaved import interleaved
from millrace.operate.reading_interleaved import InterleavedReader, compared_of, reader_of
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.stores.experiments import Course, Registered
from millrace.types import DAY, EVER, MINUTE
from tests.operate.stand import MODULE, Stand, stand
from tests.serve.test_http import STOCK
from tests.serve.tiny import NOW, Client, publish_ranker, served

VISITORS = 40


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Engine]]:
    """A shelf that was looked at; three of four visitors bought what the old ranker likes best."""
    with served("tests.serve.tiny_interleaved", tmp_path_factory.mktemp("shelf")) as (client, engine):
        client.post("/v1/events", json=STOCK)
        publish_ranker(engine)
        for n in range(VISITORS):
            client.post("/v1/decide", json={"id": f"a{n}", "visitor": f"v{n}"})
        for _, one in engine.home.log.decisions(system="shelf"):
            n = int(one.id[1:])
            good = one.candidate[one.interleaved.ranks["old" if n % 4 else "new"].index(0)]
            client.post("/v1/events", json={"type": "Buy", "id": f"b{n}", "visitor": f"v{n}", "good": good})
        yield client, engine


def course(rule: str = "anytime", planned: int = VISITORS, looks: list[dict[str, Any]] | None = None) -> Course:
    plan = Registered(
        hypothesis="Old sells.",
        primary="sold per request",
        arms=["new", "old"],
        shares=[0.5, 0.5],
        confidence=0.95,
        rule=rule,
        planned=planned,
    )
    return Course(began=EVER, who="ada", plan=plan, looks=looks or [])


def reader(engine: Engine, of: Course | None) -> InterleavedReader:
    _, policy = compared_of(engine.loaded)
    made = reader_of(engine.loaded, LogHistory(engine.home.log, engine.loaded), policy, of)
    assert isinstance(made, InterleavedReader)
    return made


def test_what_is_read_is_the_preference_in_the_log(shelf: tuple[Client, Engine]) -> None:
    _, engine = shelf
    found = reader(engine, None).read(NOW + DAY)
    [one] = found.found.findings
    policy = engine.loaded.system.policy.policy
    history = LogHistory(engine.home.log, engine.loaded)
    earned = interleaved(engine.loaded, history, policy, policy.reward, policy.unit, EVER, NOW + DAY)
    by_hand = preference(earned.credits, "new", "old", earned.unit)
    assert one.comparison.difference == by_hand.difference
    assert one.comparison.p_value == by_hand.p_value
    assert (found.waiting, found.found.control, found.found.arms) == (0, "new", ("old",))
    assert [caution.reason for caution in found.found.cautions] == [Reason.PEEKED]
    [verdict] = found.verdicts
    assert verdict.decision == "better"
    assert verdict.sentences[0].startswith("old was shown to be better than new in sold per request")


@pytest.mark.slow
def test_level_is_kept_where_arms_change_names_at_random(shelf: tuple[Client, Engine]) -> None:
    """What was earned, as the log has it, with the arms of each visitor called by either name: nothing is preferred then."""
    _, engine = shelf
    policy = engine.loaded.system.policy.policy
    history = LogHistory(engine.home.log, engine.loaded)
    earned = interleaved(engine.loaded, history, policy, policy.reward, policy.unit, EVER, NOW + DAY)
    g, wrong, draws = np.random.default_rng(0), 0, 4_000
    for _ in range(draws):
        swapped = g.random(len(earned.unit)) < 0.5
        own = np.where(swapped[:, None], earned.credits.earned[:, ::-1], earned.credits.earned)
        wrong += preference(replace(earned.credits, earned=own), "new", "old", earned.unit).is_significant
    print("type-I error of an interleaving through the log", wrong / draws)
    assert abs(wrong / draws - 0.05) < 3 * np.sqrt(0.05 * 0.95 / draws) + 0.005  # credits of forty visitors take few values


def test_rule_on_record_allows_for_looks_and_counts_units_once(shelf: tuple[Client, Engine]) -> None:
    _, engine = shelf
    found = reader(engine, course()).read(NOW + DAY)
    [one] = found.found.findings
    assert one.comparison.controls == AT_ANY_LOOK
    assert one.shown == "better"
    assert [seen.n for seen in found.looks.values()] == [2 * VISITORS], "as by hand, each visitor once per arm"
    early = reader(engine, course(planned=50 * VISITORS)).read(NOW + DAY)
    assert early.found.findings[0].comparison.log_p > one.comparison.log_p
    assert reader(engine, course("fixed", planned=VISITORS)).read(NOW + DAY).found.findings[0].shown == "better"
    assert reader(engine, course("fixed", planned=VISITORS + 1)).read(NOW + DAY).found.findings[0].shown == "nothing"


def test_looks_at_the_same_units_are_one(shelf: tuple[Client, Engine]) -> None:
    _, engine = shelf
    seen = [{"at": NOW + at, "looks": {"sold per request of old": {"n": VISITORS, "difference": 0.1, "error": 0.2}}} for at in range(2)]
    twice, once = (reader(engine, course(looks=looks)).read(NOW + DAY).found for looks in (seen, seen[:1]))
    assert twice == once
    assert twice.findings[0].comparison is not None


def test_course_is_what_would_have_been_read(shelf: tuple[Client, Engine]) -> None:
    _, engine = shelf
    found = reader(engine, course()).course(NOW + DAY, steps=4)
    assert found[-1].found.findings[0].comparison is not None
    assert found[-1].at <= NOW + DAY


def test_nothing_is_said_before_outcomes_are_over(shelf: tuple[Client, Engine]) -> None:
    _, engine = shelf
    with pytest.raises(NotFound, match="has its outcome known"):
        reader(engine, None).read(NOW + MINUTE)


def test_interleaving_that_does_not_say_what_it_is_read_by_is_not_read(tmp_path: Path) -> None:
    module = MODULE.replace("served = Experiment({", "served = Interleave({").replace(", unit=Visit.guest, scorecard=card", "")
    of = stand(tmp_path, module.replace("Experiment, Fresh", "Fresh, Interleave"))
    _, history = lived_nowhere(of)
    with pytest.raises(NotFound, match="served declares no reward=: say what is earned and who asks"):
        reader_of(of.loaded, history, compared_of(of.loaded)[1], None)


def lived_nowhere(of: Stand) -> tuple[Home, LogHistory]:
    Home(of.folder, of.loaded).close()
    return of.opened()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("reward=sipped", "it is read with both, what is earned and who asked"),
        ("reward=Sip, unit=Visit.guest", "not an outcome"),
        ('reward=sipped, unit="guest"', "not a field"),
    ],
)
def test_half_of_what_it_is_read_by_is_refused(tmp_path: Path, options: str, message: str) -> None:
    module = MODULE.replace("served = Experiment({", "served = Interleave({").replace("unit=Visit.guest, scorecard=card", options)
    with pytest.raises(DeclarationError, match=message):
        stand(tmp_path, module.replace("Experiment, Fresh", "Fresh, Interleave"))
