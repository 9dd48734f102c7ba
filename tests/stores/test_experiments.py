"""Experiments on record: planned before they are seen, looked at in the open, ended once, and the arm that is kept since."""

import threading
from pathlib import Path
from typing import Any

import pytest

from millrace.errors import BadInput, Conflict
from millrace.stores.audit import Audit, Change
from millrace.stores.database import Database, open_database
from millrace.stores.experiments import Experiments, Registered

NOW = 1_700_000_000_000_000
PLAN = Registered(
    hypothesis="Coffee pays.", primary="paid", arms=["tea", "coffee"], shares=[0.5, 0.5], confidence=0.95, rule="anytime", planned=600
)


def ada(at: int = NOW, why: str = "to know") -> Change:
    return Change(at, "ada", why)


@pytest.fixture
def kept(database: Database) -> Experiments:
    return Experiments(database)


def test_course_is_what_was_planned_seen_and_concluded(kept: Experiments) -> None:
    assert kept.course("stand", "served") is None
    kept.start("stand", "served", PLAN, ada())
    kept.look("stand", "served", {"looks": {"paid of coffee": {"n": 10, "difference": 1.5, "error": 1.0}}}, ada(NOW + 1))
    kept.look("stand", "served", {"looks": {}}, ada(NOW + 2))
    kept.stop("stand", "served", {"coffee": {"decision": "better"}}, ada(NOW + 3, "it pays"))
    course = kept.course("stand", "served")
    assert course is not None
    assert (course.plan, course.began, course.who, course.ended) == (PLAN, NOW, "ada", NOW + 3)
    assert [one["at"] for one in course.looks] == [NOW + 1, NOW + 2]
    assert course.looks[0]["looks"]["paid of coffee"]["difference"] == 1.5
    assert course.verdict == {"coffee": {"decision": "better"}}


def test_record_outlives_the_process(kept: Experiments, home: Path) -> None:
    kept.start("stand", "served", PLAN, ada())
    other = open_database(home)
    course = Experiments(other).course("stand", "served")
    other.close()
    assert course is not None
    assert course.plan == PLAN


def test_experiment_begins_once_and_anew_after_its_end(kept: Experiments) -> None:
    kept.start("stand", "served", PLAN, ada())
    with pytest.raises(Conflict, match="served of stand is running: stop it"):
        kept.start("stand", "served", PLAN, ada(NOW + 1))
    kept.start("other", "served", PLAN, ada())
    kept.stop("stand", "served", {}, ada(NOW + 2), keep="coffee")
    assert kept.kept("stand") == {"served": "coffee"}
    kept.start("stand", "served", PLAN, ada(NOW + 3))
    course = kept.course("stand", "served")
    assert course is not None
    assert (course.began, course.looks, course.ended) == (NOW + 3, [], None)
    assert kept.kept("stand") == {}, "who starts it anew lets go of what was kept"


@pytest.mark.parametrize("act", ["look", "stop"])
def test_what_is_not_running_is_neither_looked_at_nor_stopped(kept: Experiments, act: str) -> None:
    with pytest.raises(Conflict, match="served of stand is not running"):
        getattr(kept, act)("stand", "served", {}, ada())


def test_arm_that_is_not_there_is_not_kept(kept: Experiments) -> None:
    kept.start("stand", "served", PLAN, ada())
    with pytest.raises(BadInput, match="served has no arm 'milk': keep one of tea, coffee"):
        kept.stop("stand", "served", {}, ada(), keep="milk")
    course = kept.course("stand", "served")
    assert course is not None
    assert course.ended is None


def test_start_and_stop_are_audited_with_who_and_why(kept: Experiments, database: Database) -> None:
    kept.start("stand", "served", PLAN, ada())
    kept.look("stand", "served", {"looks": {}}, ada(NOW + 1))
    kept.stop("stand", "served", {}, Change(NOW + 2, "bob", "no harm"), keep="tea")
    found = Audit(database).entries("stand/served")
    assert [(one.what, one.who, one.why) for one in found] == [
        ("start experiment", "ada", "to know"),
        ("stop experiment", "bob", "no harm"),
    ]
    assert found[1].after["keep"] == "tea"
    with pytest.raises(BadInput, match="a change must say why"):
        kept.start("stand", "served", PLAN, ada(why=" "))


def test_of_two_who_start_at_once_one_does(home: Path) -> None:
    results: list[Any] = []
    databases = [open_database(home) for _ in range(2)]
    gate = threading.Barrier(2)

    def run(database: Database) -> None:
        gate.wait()
        try:
            results.append(Experiments(database).start("stand", "served", PLAN, ada()))
        except Conflict as other:
            results.append(other)

    threads = [threading.Thread(target=run, args=(one,)) for one in databases]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    for one in databases:
        one.close()
    assert sorted(isinstance(one, Conflict) for one in results) == [False, True]
