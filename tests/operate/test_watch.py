"""What the monitors of a living system see: little at first, calm when nothing changes, and what was planted."""

from pathlib import Path
from typing import Any

import pytest

from millrace import Drift, Freshness, drop
from millrace.monitors.declare import Calibration
from millrace.operate.watch import look, primary, recent, scoring, watched
from millrace.stores.audit import Change
from millrace.types import HOUR
from tests.operate.stall import START, Life, Sorting, Street, living, stall, wanted


def looks(life: Life) -> list[Any]:
    return [look(life.engine, life.operator.history, one, life.time.now) for one in watched(life.engine.loaded)]


def test_declared_monitors_and_drops_that_trigger_are_watched() -> None:
    fall = drop("auc", 0.1)
    loaded = stall(monitors=lambda model: [Drift(model), Freshness("1h")], on=[Drift, fall])
    assert [type(one).__name__ for one in watched(loaded)] == ["Drift", "Freshness", "Drop"]
    assert watched(loaded)[-1] is fall
    assert primary(loaded) is scoring(loaded)[-1] is loaded.models["ranker"]


def test_before_a_champion_only_freshness_sees_anything(tmp_path: Path) -> None:
    loaded = stall(monitors=lambda model: [Drift(model), Calibration(wanted), Freshness("1h")], on=[drop("auc", 0.1)])
    with living(tmp_path, loaded) as life:
        life.until(0.5)
        assert [one if one is None else one.alarm for one in looks(life)] == [None, None, False, None]


@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_drift_is_seen_after_a_shift_and_not_without_one(shift: float, tmp_path: Path) -> None:
    loaded = stall(monitors=lambda model: [Drift(model, over="2h")], every="30d")
    with living(tmp_path, loaded, Street(shift=shift, shift_at=START + 6 * HOUR)) as life:
        life.until(4)
        assert looks(life) == [None], "two times what is compared must have been served"
        life.until(8)
        (reading,) = looks(life)
        assert reading.alarm is (shift > 0)
        assert reading.monitor == "drift of ranker"


def test_release_that_leaves_a_version_as_it_is_does_not_begin_anew(tmp_path: Path) -> None:
    """Only another threshold is released just before the shift: what was normal before it still is."""
    loaded = stall(monitors=lambda model: [Drift(model, over="2h")], every="30d")
    with living(tmp_path, loaded, Street(shift=3.0, shift_at=START + 6 * HOUR)) as life:
        life.until(5.5)
        releases, change = life.engine.home.releases, Change(at=life.time.now, who="test", why="another threshold")
        same = releases.get(life.engine.standing.champion).versions
        made = releases.create("stall", same, life.engine.loaded.hash, {"places/act": 0.5}, change)
        releases.promote(releases.standing("stall"), made.id, change)
        life.until(7.9)
        assert life.engine.standing.champion == made.id
        assert looks(life)[0].alarm


@pytest.mark.parametrize("way", ["forwards", "backwards"])
def test_calibration_and_a_fallen_metric_are_seen_when_the_wrong_version_serves(way: str, tmp_path: Path) -> None:
    """A version that scores backwards promises much for what nobody takes."""
    loaded = stall(
        Sorting(backwards=(1,) if way == "backwards" else ()), monitors=lambda model: [Calibration(wanted, over="3h")], every="30d"
    )
    with living(tmp_path, loaded) as life:
        life.until(5)
        (reading,) = looks(life)
        assert reading.alarm is (way == "backwards")
        predicted, observed, decision = recent(
            life.engine, life.operator.history, life.engine.loaded.models["ranker"], wanted, 3 * HOUR, life.time.now
        )
        assert len(predicted) == len(observed) == len(decision) > 500
        assert set(observed) == {0.0, 1.0}
        assert abs(observed.mean() - predicted.mean()) > 0.3 if way == "backwards" else abs(observed.mean() - predicted.mean()) < 0.15


def test_silence_is_an_alarm_after_its_time(tmp_path: Path) -> None:
    with living(tmp_path, stall(monitors=lambda _: [Freshness("2h")])) as life:
        life.until(0.5)
        assert not looks(life)[0].alarm
        life.time.now += 3 * HOUR
        assert looks(life)[0].alarm


def test_metric_that_has_fallen_since_the_release_began_is_an_alarm_also_to_who_comes_later(tmp_path: Path) -> None:
    """From the flip on people want what they did not: the version that served them ranks the wrong way."""
    fall = drop("auc", 0.05, over="2h")
    loaded, street = stall(every="30d", on=[fall]), Street(flip_at=START + 6 * HOUR)
    with living(tmp_path, loaded, street) as life:
        life.until(4)
        assert look(life.engine, life.operator.history, fall, life.time.now) is None, "two times what is compared must have been served"
        life.until(6)
        before = look(life.engine, life.operator.history, fall, life.time.now)
        assert before is not None
        assert not before.alarm
        life.until(7.9)
        now = life.time.now
    with living(tmp_path, loaded, street, now=now) as life:
        after = look(life.engine, life.operator.history, fall, now)
        assert after is not None
        assert after.alarm
        assert after.message.startswith("auc is 0.")
        assert after.data["at_first"] == pytest.approx(before.data["at_first"]), "what was first is in the log"


def test_release_that_began_with_few_is_held_against_its_first_hundreds(tmp_path: Path) -> None:
    """Its first two hours alone would say nothing, ever."""
    fall = drop("auc", 0.05, over="2h")
    with living(tmp_path, stall(every="30d", on=[fall]), Street(glances=10)) as life:
        life.until(5)
        rows = life.operator.history.decided(START, life.time.now)
        own = rows["at"][rows["release"] == life.engine.standing.champion]
        assert (own < own[0] + 2 * HOUR).sum() < 500
        life.street = Street(glances=60)
        life.until(9)
        seen = look(life.engine, life.operator.history, fall, life.time.now)
        assert seen is not None
        assert not seen.alarm
