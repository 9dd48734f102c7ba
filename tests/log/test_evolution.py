"""A class may gain a field with a default and lose a field; whatever else changes is refused when the log is opened."""

import re
import sqlite3
from datetime import datetime
from typing import Any

import pytest

from millrace.errors import Conflict, MillraceError
from millrace.log.log import Log
from millrace.schema import Entity, Event, Private, Ref
from millrace.types import moment
from tests.log.world import NOON, Video, Viewer

_WAS = {"viewer": Ref[Viewer], "seconds": float, "plays": int, "note": str | None}
_DEFAULTS = {"note": None, "plays": 1}


def watch_class(fields: dict[str, Any] | None = None, base: type = Event, defaults: dict[str, Any] | None = None, **more: Any) -> Any:
    """Return a class `Watch` of some release."""
    hints = {**(_WAS if fields is None else fields), **more}
    given = {name: value for name, value in {**_DEFAULTS, **(defaults or {})}.items() if name in hints}
    return type(Event)("Watch", (base,), {"__annotations__": hints, "__module__": __name__, **given})


Before = watch_class()


def item(cls, id="a", **more):
    return cls(**{"id": id, "at": moment(NOON), "viewer": "ann", "seconds": 2.0, **more})


@pytest.fixture(params=["in the inbox", "in the lake"])
def folder(request, tmp_path):
    """A log with one record of the first release."""
    with Log.open(tmp_path, [Before]) as log:
        log.append([item(Before, plays=7)], NOON)
        if request.param == "in the lake":
            log.compact()
    return tmp_path


def test_field_added_with_a_default_and_field_removed_are_accepted(folder):
    fields = {name: hint for name, hint in _WAS.items() if name != "plays"}
    after = watch_class(fields, device=str, rank=int | None, defaults={"device": "unknown", "rank": None})
    with Log.open(folder, [after]) as log:
        log.append([item(after, "b", device="tv", rank=3)], NOON + 1)
        rows = log.read(after)
        assert rows["device"].tolist() == ["unknown", "tv"]
        assert rows["rank"].tolist()[1] == 3
        assert "plays" not in rows


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seconds": int}, "Watch.seconds was number and is integer now, and the log holds records of it: keep its type"),
        ({"seconds": str}, "Watch.seconds was number and is text now"),
        ({"seconds": bool}, "Watch.seconds was number and is boolean now"),
        ({"plays": datetime}, "Watch.plays was integer and is instant now"),
        ({"viewer": bytes}, "Watch.viewer was text and is bytes now"),
        ({"note": str}, "Watch.note may be missing in the records of the log: keep its `| None`"),
        ({"device": str}, "Watch.device is missing in records made before it was declared: give it a default, such as `| None = None`"),
    ],
)
def test_any_other_change_of_a_field_is_refused_with_the_remedy(folder, change, said):
    defaults = {name: "" if hint is str else None for name, hint in change.items() if name in _DEFAULTS}
    for read_only in (True, False, False):
        with pytest.raises(Conflict, match=re.escape(said)):
            Log.open(folder, [watch_class(defaults=defaults, **change)], read_only)
    with Log.open(folder, [Before]) as log:
        assert log.read(Before)["plays"].tolist() == [7]


def test_field_under_a_new_name_is_refused_with_its_old_one(folder):
    fields = {("duration" if name == "seconds" else name): hint for name, hint in _WAS.items()}
    with pytest.raises(Conflict, match=r"Watch\.duration is missing .*; if it is seconds under a new name, keep the old one"):
        Log.open(folder, [watch_class(fields)])


def test_event_that_becomes_an_entity_is_refused(folder):
    with pytest.raises(Conflict, match=r"Watch was an Event and is an Entity now, .*: give the new class another name"):
        Log.open(folder, [watch_class(base=Entity)])


def test_value_that_was_required_may_become_optional(folder):
    after = watch_class(seconds=float | None, plays=int | None, defaults={"seconds": None, "plays": None})
    with Log.open(folder, [after]) as log:
        log.append([after(id="b", at=moment(NOON), viewer="ann")], NOON + 1)
        assert log.read(after)["plays"].tolist()[0] == 7
        assert log.append([item(after, plays=7)], NOON + 2).duplicates.tolist() == [True]


def test_large_integer_that_becomes_optional_is_refused_rather_than_rounded(tmp_path):
    after = watch_class(plays=int | None, defaults={"plays": None})
    for place, compacted in enumerate([False, True]):
        here = tmp_path / str(place)
        with Log.open(here, [Before]) as log:
            log.append([item(Before, plays=2**60 + 1)], NOON)
            if compacted:
                log.compact()
        with Log.open(here, [after]) as log, pytest.raises(MillraceError, match=r"give (it|the field) its old type"):
            log.read(after)


def test_default_that_old_records_have_cannot_change(folder):
    Log.open(folder, [watch_class(device=str, defaults={"device": "unknown"})]).close()
    with pytest.raises(Conflict, match=r'Watch\.device is "unknown" in records made before it was declared, and would become "tv"'):
        Log.open(folder, [watch_class(device=str, defaults={"device": "tv"})])


def test_default_that_no_record_has_may_change(folder):
    after = watch_class(defaults={"plays": 5})
    with Log.open(folder, [after]) as log:
        log.append([item(after, "b")], NOON + 1)
        assert log.read(after)["plays"].tolist() == [7, 5]


def test_field_that_was_removed_comes_back_as_it_was_or_not_at_all(folder):
    fields = {name: hint for name, hint in _WAS.items() if name != "seconds"}
    without = watch_class(fields)
    with Log.open(folder, [without]) as log:
        log.append([without(id="b", at=moment(NOON), viewer="ann")], NOON + 1)
    with pytest.raises(Conflict, match=r"Watch\.seconds is missing in records"):
        Log.open(folder, [Before])
    with pytest.raises(Conflict, match=r"Watch\.seconds was number and is text now"):
        Log.open(folder, [watch_class(seconds=str, defaults={"seconds": ""})])
    again = watch_class(seconds=float, defaults={"seconds": -1.0})
    with Log.open(folder, [again]) as log:
        assert log.read(again)["seconds"].tolist() == [2.0, -1.0]


def test_class_without_records_may_change_in_any_way(tmp_path):
    Log.open(tmp_path, [Before]).close()
    after = watch_class(seconds=str, device=bytes)
    with Log.open(tmp_path, [after]) as log:
        log.append([item(after, seconds="long", device=b"x")], NOON)
    with pytest.raises(Conflict, match=r"Watch\.seconds was text and is number now"):
        Log.open(tmp_path, [Before])


def test_log_made_before_classes_were_remembered_opens_and_remembers_them(folder):
    db = sqlite3.connect(folder / "inbox.sqlite")
    db.execute("DROP TABLE shapes")
    db.close()
    with Log.open(folder, [Before], read_only=True) as log:
        assert log.read(Before)["plays"].tolist() == [7]
    Log.open(folder, [Before]).close()
    with pytest.raises(Conflict, match="seconds was number"):
        Log.open(folder, [watch_class(seconds=int)])


def test_newer_and_older_modules_read_beside_a_running_writer(tmp_path):
    newer = watch_class(device=str, defaults={"device": "unknown"})
    with Log.open(tmp_path, [Before]) as writer:
        writer.append([item(Before)], NOON)
        with Log.open(tmp_path, [newer], read_only=True) as reader:
            writer.append([item(Before, "b")], NOON + 1)
            assert reader.read(newer)["device"].tolist() == ["unknown", "unknown"]
        with pytest.raises(Conflict, match="is being written to by another process"):
            Log.open(tmp_path, [newer])
        with pytest.raises(Conflict, match="seconds was number and is integer now"):
            Log.open(tmp_path, [watch_class(seconds=int)], read_only=True)
        writer.append([item(Before, "c")], NOON + 2)
    with Log.open(tmp_path, [Before], read_only=True) as older, Log.open(tmp_path, [newer]) as writer:
        writer.append([item(newer, "d", device="tv")], NOON + 3)
        assert older.read(Before)["id"].tolist() == ["a", "b", "c", "d"]
        writer.compact()
        assert older.read(Before)["id"].tolist() == ["a", "b", "c", "d"]


def test_field_may_become_private_and_stays_so(folder):
    pytest.importorskip("cryptography")
    private = watch_class(note=Private[str] | None)
    with Log.open(folder, [private]) as log:
        log.append([item(private, "b", note="between us")], NOON + 1)
    with pytest.raises(Conflict, match=r"Watch\.note is sealed in the records of the log: keep it Private"):
        Log.open(folder, [Before])
    with Log.open(folder, [private]) as log:
        assert log.read(private, ["note"])["note"].tolist() == [None, "between us"]


def test_other_classes_and_decisions_are_not_asked_about(tmp_path):
    with Log.open(tmp_path, [Before, Viewer]) as log:
        log.append([item(Before), Viewer(id="ann")], NOON)
    with Log.open(tmp_path, [Video]) as log:
        assert log.counts() == {"Viewer": 1, "Watch": 1}
