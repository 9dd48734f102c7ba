"""Appending is atomic, durable, idempotent and ordered."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.errors import BadInput, Conflict, MillraceError, NotFound
from millrace.log.log import Log
from millrace.schema import Event
from millrace.types import EVER, MINUTE
from tests.log.world import NOON, STREAMS, Refresh, Video, Viewer, Watch, decision, history, ids, refresh, same, watch, watches


def test_empty_log_reads_as_typed_columns(log):
    rows = log.read(Watch)
    assert {name: column.dtype.kind for name, column in rows.items()} == {
        "position": "i", "known": "i", "id": "O", "at": "i",
        "viewer": "O", "video": "O", "seconds": "f", "completed": "b", "rating": "f", "note": "O",
    }  # fmt: skip
    assert (log.position, log.last_known, log.counts()) == (0, EVER, {})
    assert list(log.replay()) == list(log.decisions()) == []
    assert log.find(Watch, "w") is log.decision("r") is None


def test_items_of_one_batch_become_known_a_microsecond_apart(log):
    receipt = log.append([watch("a"), Viewer(id="ann"), watch("b")], NOON)
    assert receipt.ids.tolist() == ["a", "ann", "b"]
    assert receipt.positions.tolist() == [1, 2, 3]
    assert receipt.known.tolist() == [NOON, NOON + 1, NOON + 2]
    assert receipt.duplicates.tolist() == [False, False, False]
    assert log.read(Watch)["known"].tolist() == [NOON, NOON + 2]
    assert (log.position, log.last_known) == (3, NOON + 2)


@pytest.mark.parametrize("known", [NOON, NOON - 1])
def test_time_that_does_not_go_forward_is_refused(log, known):
    log.append([watch("a")], NOON)
    with pytest.raises(BadInput, match="is not after the last record's") as error:
        log.append([watch("b")], known)
    assert error.value.field == "known"
    assert ids(log.read(Watch)) == ["a"]


def test_same_id_and_content_is_acknowledged_again_and_stored_once(log):
    first = log.append([watch("a"), watch("b")], NOON)
    again = log.append([watch("c"), watch("b")], NOON + 10)
    assert again.duplicates.tolist() == [False, True]
    assert again.known.tolist() == [NOON + 10, first.known[1]]
    assert again.positions.tolist() == [3, first.positions[1]]
    assert ids(log.read(Watch)) == ["a", "b", "c"]


def test_same_id_twice_in_one_batch_is_stored_once(log):
    receipt = log.append([watch("a"), watch("a")], NOON)
    assert receipt.duplicates.tolist() == [False, True]
    assert receipt.positions.tolist() == [1, 1]
    assert ids(log.read(Watch)) == ["a"]


@pytest.mark.parametrize("where", ["inbox", "lake", "closed and opened"])
def test_id_is_remembered(tmp_path, where):
    log = Log.open(tmp_path, STREAMS)
    log.append([watch("a"), decision("r", "x")], NOON)
    if where == "lake":
        log.compact()
    if where == "closed and opened":
        log.close()
        log = Log.open(tmp_path, STREAMS)
    with log:
        assert log.append([watch("a"), decision("r", "x")], NOON + 10).duplicates.tolist() == [True, True]
        with pytest.raises(Conflict, match=r"Watch a \(seconds differs\)"):
            log.append([watch("a", seconds=9.0)], NOON + 20)
        with pytest.raises(Conflict, match=r"decision r \(action differs\)"):
            log.append([decision("r", "x", action="decline")], NOON + 30)


def test_conflict_refuses_the_batch_and_lists_the_offenders(log):
    log.append([watch("a"), watch("b", note="old")], NOON)
    with pytest.raises(Conflict, match=r"Watch a \(at differs\), Watch b \(note differs\); give .* sent again the `at` that it had"):
        log.append([watch("new"), watch("a", at=NOON - 1), watch("b", note="new"), watch("newer")], NOON + 10)
    assert ids(log.read(Watch)) == ["a", "b"]
    assert log.append([watch("new")], NOON + 10).duplicates.tolist() == [False]


def test_long_list_of_offenders_is_cut(log):
    log.append(watches(20), NOON)
    with pytest.raises(Conflict, match=r"Watch w4 \(seconds differs\) and 15 more"):
        log.append([watch(item.id, NOON + i * 1_000_000, item.viewer, item.video, 99.0) for i, item in enumerate(watches(20))], NOON + 99)


def test_conflict_within_one_batch_is_refused(log):
    with pytest.raises(Conflict, match=r"Watch a \(seconds differs\)"):
        log.append([watch("a"), watch("a", seconds=2.0)], NOON)
    assert log.position == 0


def test_one_id_in_two_streams_is_two_records(log):
    log.append([watch("a"), refresh("a"), Viewer(id="a"), decision("a")], NOON)
    assert log.counts() == {"Watch": 1, "Refresh": 1, "Viewer": 1, "decision": 1}


@pytest.mark.parametrize("id", ["nul\0inside", "ünï ☃", "a'b\"c", " ", "x" * 3000])
def test_any_text_is_an_id(log, id):
    for known in (NOON, NOON + 10):
        log.append([watch(id)], known)
    log.compact()
    assert log.append([watch(id)], NOON + 20).duplicates.all()
    assert ids(log.read(Watch)) == [id]
    assert log.find(Watch, id) == watch(id)


def test_event_without_an_id_gets_a_fresh_one_that_sorts(log):
    receipts = [log.append([watch(), watch()], NOON + 100 * i) for i in range(3)]
    fresh = [id for receipt in receipts for id in receipt.ids]
    assert fresh == sorted(set(fresh)) == ids(log.read(Watch))
    assert log.find(Watch, fresh[3]) == watch(fresh[3])


def test_update_of_an_entity_is_known_by_id_and_instant(log):
    first = log.append([Viewer(id="ann", country="AT"), Viewer(id="ann", country="DE")], NOON, at=[NOON - 20, NOON - 10])
    again = log.append([Viewer(id="ann", country="DE"), Viewer(id="ann", country="FR")], NOON + 5, at=[NOON - 10, None])
    assert again.duplicates.tolist() == [True, False]
    assert again.positions.tolist() == [first.positions[1], 4]
    assert log.read(Viewer)["at"].tolist() == [NOON - 20, NOON - 10, NOON + 6]
    assert log.find(Viewer, "ann") == Viewer(id="ann", country="FR")
    with pytest.raises(Conflict, match=r"Viewer ann \(country differs\)"):
        log.append([Viewer(id="ann", country="IT")], NOON + 50, at=[NOON - 20])


def test_state_of_an_entity_is_the_update_that_happened_last_whenever_it_came(log):
    log.append([Viewer(id="ann", country="AT")], NOON, at=[NOON])
    log.append([Viewer(id="ann", country="DE")], NOON + 10, at=[NOON - 5])
    assert log.find(Viewer, "ann") == Viewer(id="ann", country="AT")


def test_entity_without_an_id_is_refused(log):
    with pytest.raises(BadInput, match="an entity is known by its id") as error:
        log.append([Viewer(id="")], NOON)
    assert error.value.field == "id"


def test_instants_for_some_items_only_are_refused(log):
    with pytest.raises(BadInput, match="1 instants for 2 items"):
        log.append([Viewer(id="ann"), Viewer(id="bob")], NOON, at=[NOON])


def test_instant_beside_an_event_is_refused(log):
    with pytest.raises(BadInput, match="Watch says itself when it happened"):
        log.append([watch("a")], NOON, at=[NOON])


def test_event_from_the_future_is_refused_and_a_small_skew_is_not(log):
    log.append([watch("skewed", at=NOON + 5 * MINUTE)], NOON)
    with pytest.raises(BadInput, match=r"Watch ahead happened at .*, 301 s from now: at most 300 s are accepted") as error:
        log.append([watch("fine"), watch("ahead", at=NOON + 10 + 301_000_000)], NOON + 9)
    assert error.value.field == "at"
    assert ids(log.read(Watch)) == ["skewed"]


@pytest.mark.parametrize("when", [2**62, -(2**62), 2**80])
def test_instant_outside_of_all_years_is_refused(log, when):
    for items, known, at in (
        ([decision("r", at=when, watermark=NOON)], NOON, None),
        ([Viewer(id="ann")], NOON, [when]),
        ([watch("a")], when, None),
    ):
        with pytest.raises(BadInput, match=r"outside of the years 1 to 9999"):
            log.append(items, known, at)
    assert log.position == 0


def test_late_event_is_accepted_in_the_order_it_became_known(log):
    log.append([watch("now")], NOON)
    log.append([watch("late", at=NOON - 90 * 24 * 60 * MINUTE)], NOON + 1)
    assert ids(log.read(Watch)) == ["now", "late"]


@pytest.mark.parametrize("number", [float("inf"), float("-inf")])
def test_infinity_is_refused_even_where_a_number_may_be_missing(tmp_path, number):
    with Log.open(tmp_path, [Score]) as log:
        with pytest.raises(BadInput, match=r"Score, item 0: value: -?inf is not a finite number"):
            log.append([Score(at=datetime(2026, 1, 1, tzinfo=UTC), value=number)], NOON)
        log.append([Score(at=datetime(2026, 1, 1, tzinfo=UTC), value=float("nan"))], NOON)
        assert log.read(Score)["value"].tolist().__repr__() == "[nan]"


class Score(Event):
    value: float | None = None


def test_class_the_log_was_opened_without_is_refused(log):
    with pytest.raises(BadInput, match="Score is not a stream of this log"):
        log.append([watch("a"), Score(at=datetime(2026, 1, 1, tzinfo=UTC))], NOON)
    assert log.position == 0


def test_nothing_to_append_is_nothing(log):
    assert log.append([], NOON).positions.tolist() == []
    assert log.last_known == EVER


def test_second_writer_is_refused_and_the_next_is_not(tmp_path):
    with Log.open(tmp_path, STREAMS), pytest.raises(Conflict, match="is being written to by another process: close it there"):
        Log.open(tmp_path, STREAMS)
    Log.open(tmp_path, STREAMS).close()


def test_reader_sees_what_the_writer_appends_and_cannot_write(tmp_path):
    with Log.open(tmp_path, STREAMS) as log, Log.open(tmp_path, STREAMS, read_only=True) as reader:
        assert ids(reader.read(Watch)) == []
        log.append([watch("a")], NOON)
        assert ids(reader.read(Watch)) == ["a"]
        log.compact()
        assert ids(reader.read(Watch)) == ["a"]
        with pytest.raises(MillraceError, match="was opened with read_only=True"):
            reader.append([watch("b")], NOON + 1)
    with Log.open(tmp_path, STREAMS, read_only=True) as reader:
        assert ids(reader.read(Watch)) == ["a"]


def test_reading_where_there_is_no_log_is_refused(tmp_path):
    with pytest.raises(NotFound, match="there is no log in"):
        Log.open(tmp_path / "nowhere", STREAMS, read_only=True)
    assert not (tmp_path / "nowhere").exists()


def test_history_is_loaded_with_the_known_it_comes_with(log):
    loaded = log.load(Watch, history(3))
    assert loaded.added.tolist() == [True] * 3
    rows = log.read(Watch)
    assert rows["known"].tolist() == rows["at"].tolist() == history(3)["at"].tolist()
    assert rows["completed"].tolist() == [False] * 3
    again = log.load(Watch, history(4))
    assert (again.added.tolist(), again.duplicates.tolist()) == ([False, False, False, True], [True, True, True, False])


def test_history_with_conflicts_is_refused_whole(log):
    log.load(Watch, history(2))
    with pytest.raises(Conflict, match=r"Watch h1 \(seconds differs\)"):
        log.load(Watch, history(3, seconds=[0.0, 7.0, 2.0]))
    assert ids(log.read(Watch)) == ["h0", "h1"]


def test_history_behind_a_decision_made_here_is_refused_with_the_remedy(log):
    log.append([decision("r", "a", at=NOON)], NOON + 1)
    with pytest.raises(Conflict, match=r"Watch h0 would become known at .* decisions up to .* import it with known='now'"):
        log.load(Watch, history(1, first=-1, id=["h0"]))
    assert log.load(Watch, history(1)).added.tolist() == [True]


def test_history_behind_imported_decisions_is_accepted(log):
    log.append([decision("r", "a", at=NOON, policy="history")], NOON + 1)
    assert log.load(Watch, history(1, first=-1)).added.tolist() == [True]


@pytest.mark.parametrize(
    "change, said",
    [
        ({"speed": [1.0]}, "Watch takes no column 'speed'"),
        ({"position": [1]}, "Watch takes no column 'position'"),
        ({"seconds": [1.0, 2.0]}, r"Watch\.seconds has shape \(2,\)"),
        ({"seconds": ["1"]}, r"Watch\.seconds is <U1: give float64"),
        ({"seconds": [float("nan")]}, "Watch, row 0: seconds: .*nan.* cannot be its value"),
        ({"rating": [float("inf")]}, "Watch, row 0: rating"),
        ({"viewer": [None]}, "Watch, row 0: viewer: None cannot be its value"),
        ({"id": [""]}, "Watch, row 0: id"),
        ({"completed": [1.5]}, r"Watch\.completed is float64: give bool"),
        ({"at": [2**62]}, "Watch, row 0: at: .* cannot be its value"),
        ({"known": [NOON - 6 * MINUTE]}, "Watch, row 0: at: .* is after it became known"),
    ],
)
def test_wrong_history_is_refused(log, change, said):
    with pytest.raises(BadInput, match=said):
        log.load(Watch, history(1, **change))


def test_history_without_a_required_column_is_refused(log):
    columns = history(1)
    del columns["viewer"]
    with pytest.raises(BadInput, match=r"Watch\.viewer is required: give it a column"):
        log.load(Watch, columns)


item = st.tuples(st.sampled_from(["a", "b", "c", ""]), st.sampled_from([1.0, 2.0]))
step = st.one_of(
    st.tuples(st.just("append"), st.lists(item, max_size=4)),
    st.tuples(st.just("load"), st.lists(item.filter(lambda given: given[0]), max_size=3)),
    st.just(("compact", [])),
    st.just(("open", [])),
)


@settings(max_examples=25)
@given(steps=st.lists(step, max_size=12))
def test_log_is_a_list_that_keeps_the_first_of_each_id(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("log")
    log, expected, now = Log.open(folder, STREAMS), [], NOON
    for what, given_items in steps:
        now += 1000
        held = {id: seconds for _, id, seconds in expected if id}
        clash = any(held.setdefault(id, seconds) != seconds for id, seconds in given_items if id)
        if what == "append":
            items = [watch(id, NOON, seconds=seconds) for id, seconds in given_items]
            _refused_if(clash, log.append, items, now)
        elif what == "load":
            columns = {"id": [id for id, _ in given_items], "at": [NOON] * len(given_items), "known": [now] * len(given_items)}
            columns |= {"viewer": ["ann"] * len(given_items), "video": ["cat"] * len(given_items)}
            columns |= {"seconds": [seconds for _, seconds in given_items]}
            typed = {name: _column(values) for name, values in columns.items()}
            _refused_if(clash, log.load, Watch, typed)
        elif what == "compact":
            log.compact(slice_rows=3, fan_in=2)
        else:
            log.close()
            log = Log.open(folder, STREAMS)
        if not clash:
            for place, (id, seconds) in enumerate(given_items):
                if not id or id not in {held_id for _, held_id, _ in expected}:
                    expected.append((now + place * (what == "append"), id, seconds))
    with log:
        rows = log.read(Watch)
        assert rows["known"].tolist() == [known for known, _, _ in expected]
        assert [id if id in "abc" else "" for id in ids(rows)] == [id for _, id, _ in expected]
        assert rows["seconds"].tolist() == [seconds for _, _, seconds in expected]
        assert len(set(ids(rows))) == len(set(rows["position"].tolist())) == len(expected)
        for place in range(len(expected)):
            assert log.find(Watch, rows["id"][place]) == watch(rows["id"][place], NOON, seconds=rows["seconds"][place])


def _refused_if(clash, act, *arguments):
    if clash:
        with pytest.raises(Conflict):
            act(*arguments)
    else:
        act(*arguments)


def _column(values):
    return np.array(values, dtype=object if values and isinstance(values[0], str) else None)


def test_reading_a_stream_twice_gives_equal_columns(log):
    log.append([*watches(10), Video(id="v", topic="t", uploaded_at=datetime(2026, 1, 1, tzinfo=UTC)), refresh("r")], NOON + 10_000_000)
    for stream in (Watch, Video, Refresh):
        assert same(log.read(stream), log.read(stream))
