"""What happened before what is kept is dropped and refused; nothing else changes, and no position is given twice."""

import csv

import numpy as np
import pytest

from millrace.decision import Decision
from millrace.errors import BadInput, DeclarationError
from millrace.log import inbox
from millrace.log.importing import import_file
from millrace.log.log import Log
from millrace.schema import Entity, Event, Request, Shown, retention
from millrace.types import DAY, HOUR, SECOND, moment, take
from tests.log import evolved
from tests.log.world import NOON, STREAMS, Refresh, Video, Viewer, Watch, decision, history, ids, refresh, same, watch


def old_and_new(log, files=4):
    """Append watches of five days in some files, those of a file out of their order in time."""
    for file in range(files):
        rows = [watch(f"w{file}-{day}", NOON - day * DAY, seconds=float(day)) for day in (3, 0, 4, 1, 2)]
        log.append([*rows, Viewer(id="ann", country=str(file))], NOON + 1000 * file)
        log.compact(fan_in=100)


def kept(rows, floor):
    return take(rows, rows["at"] >= floor)


@pytest.mark.parametrize("days", [0, 2, 4, 9])
def test_reading_after_is_reading_before_without_what_is_older(log, days):
    old_and_new(log)
    floor = NOON - days * DAY
    before, people, top = log.read(Watch), log.read(Viewer), (log.position, log.last_known)
    dropped = log.retain({"Watch": floor})
    assert same(log.read(Watch), kept(before, floor))
    assert same(log.read(Viewer), people)
    assert dropped == ({"Watch": int((before["at"] < floor).sum())} if days < 4 else {})
    assert (log.position, log.last_known) == top
    assert log.counts() == {"Watch": int((before["at"] >= floor).sum()), "Viewer": 4}
    assert sum(len(ids(chunk.get("Watch", {"id": np.empty(0)}))) for chunk in log.replay(chunk=3)) == log.counts().get("Watch", 0)
    files = [path.name for path in log.store.lake.rglob("*.parquet")]
    assert log.retain({"Watch": floor}) == {}
    assert [path.name for path in log.store.lake.rglob("*.parquet")] == files


def test_position_of_the_last_record_is_not_given_again(tmp_path):
    with Log.open(tmp_path, STREAMS) as log:
        receipt = log.append([watch("a"), watch("b")], NOON)
        log.compact()
        assert log.retain({"Watch": NOON + DAY}) == {"Watch": 2}
        assert log.counts() == {}
    with Log.open(tmp_path, STREAMS) as log:
        with pytest.raises(BadInput, match="time goes forward only"):
            log.append([refresh("r", at=NOON)], NOON)
        again = log.append([refresh("r", at=NOON)], NOON + DAY)
        assert again.positions.tolist() == [receipt.positions[-1] + 1]


def test_event_older_than_what_is_kept_is_refused_and_those_beside_it_are_not(log):
    log.append([watch("old", NOON - 2 * DAY), watch("new")], NOON)
    log.compact()
    log.retain({"Watch": NOON - DAY})
    assert log.find(Watch, "old") is None
    with pytest.raises(BadInput, match=r"Watch old happened at 2025-12-30 .*, and the log keeps Watch from 2025-12-31 .* on: leave it out"):
        log.append([watch("old", NOON - 2 * DAY)], NOON + 10)
    assert log.append([watch("new")], NOON + 10).duplicates.tolist() == [True]
    assert log.append([refresh("r", NOON - 2 * DAY)], NOON + 10).duplicates.tolist() == [False]


def test_history_older_than_what_is_kept_is_refused_or_set_aside(log, tmp_path):
    log.retain({"Watch": NOON})
    with pytest.raises(BadInput, match=r"Watch h0 happened at .*: leave it out"):
        log.load(Watch, history(3, at=NOON + np.array([-1, 0, 1])))
    with (tmp_path / "watches.csv").open("w", newline="") as file:
        rows = [(f"h{hour}", moment(NOON + hour * HOUR).isoformat(), "ann", "cat", 1.0) for hour in (-2, -1, 0, 1)]
        csv.writer(file).writerows([("id", "at", "viewer", "video", "seconds"), *rows])
    report = import_file(log, Watch, tmp_path / "watches.csv")
    assert (report.added, dict(report.rejected)) == (2, {"older than what the log keeps": 2})


def test_what_is_kept_never_grows_back(log):
    old_and_new(log)
    log.retain({"Watch": NOON - DAY})
    assert log.retain({"Watch": NOON - 3 * DAY}) == {}
    assert log.retained() == {"Watch": NOON - DAY}


def test_what_was_shown_goes_with_its_decision(log):
    for day in (3, 1):
        at = NOON - day * DAY
        log.append([refresh(f"r{day}", at), decision(f"r{day}", "a", "b", at=at)], NOON + 10 - day)
    log.compact()
    assert log.retain({"Refresh": NOON - 2 * DAY, "decision": NOON - 2 * DAY}) == {"Refresh": 1, "decision": 1}
    assert ids(log.read(Decision)) == ["r1"]
    assert ids(log.read(Shown[Refresh, Video])) == ["r1/0", "r1/1"]
    assert log.decision("r3") is None


def test_columns_of_a_field_no_longer_declared_survive(tmp_path):
    with Log.open(tmp_path, [evolved.Watch]) as log:
        log.append(
            [evolved.Watch(id=i, at=moment(NOON + n * DAY), viewer="a", video="b", seconds=1.0, device="tv") for n, i in enumerate("ab")],
            NOON + DAY,
        )
        log.compact()
    with Log.open(tmp_path, [Watch]) as log:
        assert log.retain({"Watch": NOON + 1}) == {"Watch": 1}
    with Log.open(tmp_path, [evolved.Watch]) as log:
        assert log.read(evolved.Watch)["device"].tolist() == ["tv"]


def test_entities_and_strangers_are_not_dropped(log):
    for name in ("Viewer", "Nothing"):
        with pytest.raises(BadInput, match=f"{name} is no stream of events of this log: what exists is kept whole"):
            log.retain({name: NOON})


def test_ids_of_what_was_dropped_are_forgotten(log):
    old_and_new(log)
    log.retain({"Watch": NOON - DAY})
    with log.store.view() as db:
        held = db.execute("SELECT id FROM ids WHERE stream = 'Watch'").fetchall()
        assert {id_ for (id_,) in held} == set(ids(log.read(Watch)))
        assert inbox.heights(db)[0] == log.position


def test_class_says_how_long_its_events_are_kept():
    class Tap(Event, retain="90s"):
        place: str

    class Ask(Request, retain="400d"):
        text: str

    assert (retention(Tap), retention(Ask), retention(Watch)) == (90 * SECOND, 400 * DAY, None)
    assert retention(Shown[Ask, Video]) == 400 * DAY
    assert Tap(at=moment(NOON), place="here").place == "here"


def test_entity_cannot_be_dropped_with_time():
    with pytest.raises(DeclarationError, match="Shop: retain='9d': what exists is kept"):

        class Shop(Entity, retain="9d"):
            town: str


def test_retention_is_a_duration():
    with pytest.raises(DeclarationError, match="'long' is not a duration"):

        class Tap(Event, retain="long"):
            place: str
