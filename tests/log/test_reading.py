"""Reading gives the same rows wherever they lie, as plain filters over all records would."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.decision import Decision
from millrace.errors import BadInput
from millrace.log.log import Log
from millrace.schema import Shown
from millrace.types import instant, take
from tests.log.world import NOON, STREAMS, Refresh, Video, Viewer, Watch, decision, history, ids, refresh, same, watch, watches

Impression = Shown[Refresh, Video]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A log with rows in a part of live records, in two parts of history beside and before them, and in the inbox."""
    with Log.open(tmp_path_factory.mktemp("mixed"), STREAMS) as log:
        log.append([*watches(8), Viewer(id="ann")], NOON + 10_000_000)
        log.compact()
        log.load(Watch, history(6, step=3_000_000))
        log.load(Watch, history(4, first=-100))
        log.append(watches(8, start=8), NOON + 20_000_000)
        yield log


instants = st.none() | st.integers(NOON - 2, NOON + 24_000_000)


@settings(max_examples=60)
@given(known_from=instants, known_until=instants, after=st.none() | st.integers(0, 30))
def test_any_span_is_a_filter_over_all_rows(mixed, known_from, known_until, after):
    rows = mixed.read(Watch)
    keep = (rows["position"] > (after or 0)) & (rows["known"] >= (known_from or 0)) & (rows["known"] < (known_until or 2**62))
    assert same(mixed.read(Watch, None, known_from, known_until, after), take(rows, keep))


def test_rows_are_sorted_by_known_then_position(mixed):
    rows = mixed.read(Watch)
    order = list(zip(rows["known"].tolist(), rows["position"].tolist(), strict=True))
    assert order == sorted(order)
    assert len(order) == 26


def test_rows_that_became_known_together_are_in_the_order_of_their_positions(log):
    for first, instants in [(0, [NOON, NOON + 5]), (2, [NOON - 1, NOON])]:
        log.load(Watch, history(2, first=first, known=instants, at=instants))
    assert ids(log.read(Watch)) == ["h2", "h0", "h3", "h1"]


def test_chosen_fields_come_with_those_of_every_record(mixed):
    rows, some = mixed.read(Watch), mixed.read(Watch, fields=["seconds"])
    assert same(some, {name: rows[name] for name in ("position", "known", "id", "at", "seconds")})


def test_every_item_is_found_by_its_id(mixed):
    rows = mixed.read(Watch)
    for place, id in enumerate(ids(rows)):
        found = mixed.find(Watch, id)
        assert found is not None
        assert (found.id, found.seconds) == (id, rows["seconds"][place])
    assert mixed.find(Watch, "nobody") is None


def naive_impressions(requests, decisions):
    """Return (known, position, id, request, viewer, limit, candidate, rank, action, at) per row taken, one at a time."""
    by_id = {request.id: request for request in requests}
    return [
        (known, f"{made.id}/{rank}", made.id, by_id[made.id].viewer, by_id[made.id].limit, made.candidate[rank], rank, made.action)
        for known, made in decisions
        if made.id in by_id
        for rank in range(made.taken)
    ]


def impressions(rows):
    names = ("known", "id", "request", "viewer", "limit", "candidate", "rank", "action")
    return list(zip(*(rows[name].tolist() for name in names), strict=True))


@pytest.fixture(scope="module")
def decided(tmp_path_factory):
    """A log of requests and decisions: taken none, one and two; before and after a compaction; one late, one for another system."""
    requests = [refresh(f"r{i}", NOON + i, f"viewer {i % 2}", limit=i) for i in range(6)]
    with Log.open(tmp_path_factory.mktemp("decided"), STREAMS) as log:
        log.append([requests[0], decision("r0", "a", "b", "c", taken=2, action="shown"), requests[1], requests[2]], NOON + 10)
        log.append([decision("r2", "c", taken=0), decision("other", "x", system="ads")], NOON + 20)
        log.compact()
        log.append([requests[3], decision("r3", "d", action="shown"), requests[4], requests[5]], NOON + 30)
        log.append([decision("r1", "e", "a", action="shown"), decision("r5", "f", "g", "h", action="shown")], NOON + 40)
        yield log, requests


def test_shown_is_a_row_per_candidate_taken(decided):
    log, requests = decided
    rows = log.read(Impression)
    assert impressions(rows) == naive_impressions(requests, log.decisions())
    asked = {request.id: instant(request.at) for request in requests}
    assert rows["at"].tolist() == [asked[request] for request in rows["request"]]
    known = log.read(Decision)
    assert rows["position"].tolist() == [
        position for position, shown, id in zip(known["position"], known["shown"], known["id"], strict=True) for _ in shown if id != "other"
    ]


@pytest.mark.parametrize("known_from", [None, NOON, NOON + 11, NOON + 31, NOON + 41])
@pytest.mark.parametrize("known_until", [None, NOON + 11, NOON + 31, NOON + 41, NOON + 42])
def test_shown_of_a_span_is_that_of_its_decisions(decided, known_from, known_until):
    log, requests = decided
    rows = log.read(Impression, known_from=known_from, known_until=known_until)
    assert impressions(rows) == naive_impressions(requests, log.decisions(None, known_from, known_until))


def test_shown_after_a_position_finds_its_requests_before_it(decided):
    log, _ = decided
    late = log.read(Impression, after_position=9)
    assert late["request"].tolist() == ["r1", "r1", "r5", "r5", "r5"]
    assert same(late, take(log.read(Impression), slice(-5, None)))


def test_shown_gives_the_fields_asked_for(decided):
    log, _ = decided
    rows = log.read(Impression, fields=["candidate", "limit"])
    assert list(rows) == ["position", "known", "id", "at", "candidate", "limit"]
    with pytest.raises(BadInput, match="has no field 'speed'"):
        log.read(Impression, fields=["speed"])


def test_shown_of_an_empty_log_is_typed(log):
    rows = log.read(Impression)
    assert {name: column.dtype.kind for name, column in rows.items()} == {
        "position": "i", "known": "i", "id": "O", "at": "i", "request": "O", "candidate": "O", "rank": "i", "action": "O",
        "viewer": "O", "limit": "i",
    }  # fmt: skip


def test_decisions_come_with_their_known_in_its_order(decided):
    log, _ = decided
    made = list(log.decisions())
    assert [one.id for _, one in made] == ["r0", "r2", "other", "r3", "r1", "r5"]
    assert [known for known, _ in made] == [NOON + 11, NOON + 20, NOON + 21, NOON + 31, NOON + 40, NOON + 41]
    assert [one.id for _, one in log.decisions(system="ads")] == ["other"]
    assert [one.id for _, one in log.decisions("feed", NOON + 20, NOON + 40)] == ["r2", "r3"]
    assert log.decision("r0") == made[0][1]
    assert log.decision("nobody") is None


def test_decisions_read_as_columns(decided):
    log, _ = decided
    rows = log.read(Decision, fields=["system", "shown", "watermark"])
    assert rows["system"].tolist() == ["feed", "feed", "ads", "feed", "feed", "feed"]
    assert rows["shown"].tolist() == [["a", "b"], [], ["x"], ["d"], ["e", "a"], ["f", "g", "h"]]
    assert rows["watermark"].tolist() == [NOON] * 6


def test_field_declared_later_has_its_default_in_old_records(tmp_path):
    from tests.log import evolved

    for where in ("lake", "inbox"):
        folder = tmp_path / where
        with Log.open(folder, [Watch]) as log:
            log.append([watch("a", seconds=3)], NOON)
            if where == "lake":
                log.compact()
        with Log.open(folder, [evolved.Watch]) as log:
            rows = log.read(evolved.Watch)
            assert rows["device"].tolist() == ["unknown"]
            assert log.append([evolved.watch("a", seconds=3.0)], NOON + 10).duplicates.tolist() == [True]
            log.append([evolved.watch("b", device="tv")], NOON + 10)
            log.compact(fan_in=2)
            assert log.read(evolved.Watch)["device"].tolist() == ["unknown", "tv"]
        with Log.open(folder, [Watch]) as log:  # and the old declaration still reads it
            assert ids(log.read(Watch)) == ["a", "b"]
