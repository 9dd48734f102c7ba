"""Replay gives every record once, in the order it became known, whatever moves about meanwhile."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.decision import Decision
from millrace.errors import BadInput
from millrace.log.log import Log
from millrace.schema import Shown
from millrace.types import size
from tests.log.world import NOON, STREAMS, Refresh, Video, Viewer, Watch, decision, history, refresh, same, watch

Impression = Shown[Refresh, Video]


def key(rows, place):
    return rows["known"][place], rows["position"][place]


def flat(chunks):
    """Return (known, position, stream, id) of every row of a replay, chunk after chunk, each chunk sorted."""
    return [
        one
        for chunk in chunks
        for one in sorted(
            (known, position, stream, id)
            for stream, rows in chunk.items()
            for known, position, id in zip(rows["known"].tolist(), rows["position"].tolist(), rows["id"].tolist(), strict=True)
        )
    ]


def everything(log, keep=lambda known, position: True):
    """Return the same from reading each stream whole: the oracle."""
    found = []
    for stream in [*STREAMS, Decision]:
        rows = log.read(stream)
        name = "decision" if stream is Decision else stream.__name__
        found += [(*key(rows, place), name, rows["id"][place]) for place in range(size(rows))]
    return sorted(one for one in found if keep(one[0], one[1]))


step = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 5)),
    st.tuples(st.just("history"), st.tuples(st.integers(-40, 10), st.integers(1, 8))),
    st.tuples(st.just("compact"), st.integers(1, 4)),
)


def play(folder, steps):
    """Return a log of appended batches, loaded history whose `known` overlaps it, and compactions."""
    log, now, number = Log.open(folder, STREAMS), NOON + 1_000_000, 0
    for what, value in steps:
        now += 1000
        if what == "append":
            now = max(now, log.last_known + 1)
            number += value
            log.append([watch(f"w{number - i}") for i in range(value)] + [refresh(f"r{number}"), decision(f"r{number}", "a", "b")], now)
        elif what == "history":
            first, n = value
            number += n
            known = NOON + 1_000_000 + 250 * (first + np.arange(n) // 3)  # in threes that became known together, among the others
            log.load(Viewer, {"id": history(n, number)["id"], "at": known})
        else:
            log.compact(slice_rows=value, fan_in=2)
    return log


@settings(max_examples=30)
@given(
    steps=st.lists(step, max_size=12),
    chunk=st.integers(1, 30),
    after=st.none() | st.integers(0, 30),
    until=st.none() | st.integers(NOON + 990_000, NOON + 1_020_000),
)
def test_replay_is_every_record_once_in_order_in_chunks_of_the_size_asked_for(tmp_path_factory, steps, chunk, after, until):
    with play(tmp_path_factory.mktemp("log"), steps) as log:
        chunks = list(log.replay(after, until, chunk))
        assert flat(chunks) == everything(log, lambda known, position: position > (after or 0) and known < (until or 2**62))
        sizes = [sum(size(rows) for rows in one.values()) for one in chunks]
        assert all(n == chunk for n in sizes[:-1])
        assert all(0 < n <= chunk for n in sizes)


FIELDS = {
    Viewer: ("id", "at", "country", "born"),
    Watch: ("id", "at", "viewer", "video", "seconds", "completed", "rating", "note"),
    Refresh: ("id", "at", "viewer", "limit"),
    Decision: ("id", "at", "system", "shown", "decision"),
    Impression: ("id", "at", "request", "candidate", "rank", "viewer", "limit"),
}


@settings(max_examples=30)
@given(
    steps=st.lists(step, max_size=8),
    chunk=st.integers(1, 30),
    fields=st.fixed_dictionaries({}, optional={stream: st.lists(st.sampled_from(names), unique=True) for stream, names in FIELDS.items()}),
)
def test_fields_left_out_are_not_there_and_all_others_are_as_they_were(tmp_path_factory, steps, chunk, fields):
    with play(tmp_path_factory.mktemp("log"), steps) as log:
        whole = list(log.replay(chunk=chunk, streams=FIELDS))
        narrow = list(log.replay(chunk=chunk, streams=FIELDS, fields=fields))
    asked = {"decision" if stream is Decision else stream.__name__: {"known", "position", *names} for stream, names in fields.items()}
    for some, rest in zip(narrow, whole, strict=True):
        assert set(some) == set(rest)
        for name, rows in rest.items():
            read = asked.get(name, set(rows))
            made_of = {"id", "shown", "action"} if name == "decision" else set()  # what was shown is made of these
            assert read <= set(some[name]) <= read | made_of
            assert same(some[name], {column: rows[column] for column in some[name]})


@settings(max_examples=30)
@given(steps=st.lists(step, max_size=8), chunk=st.integers(1, 30))
def test_text_that_may_come_as_codes_is_the_same_text(tmp_path_factory, steps, chunk):
    with play(tmp_path_factory.mktemp("log"), steps) as log:
        plain, coded = (list(log.replay(chunk=chunk, streams=FIELDS, coding=coding)) for coding in (False, True))
    for some, others in zip(coded, plain, strict=True):
        assert list(some) == list(others)
        for name, rows in others.items():
            assert same({column: np.asarray(values) for column, values in some[name].items()}, rows)


def test_rows_of_a_chunk_are_those_reading_gives(log):
    log.append([watch("a", rating=4), refresh("r"), decision("r", "x", "y", taken=1)], NOON)
    log.compact()
    log.append([watch("b", note="n"), Viewer(id="ann", country="AT")], NOON + 10)
    (chunk,) = log.replay()
    assert set(chunk) == {"Watch", "Refresh", "decision", "Viewer"}
    for stream in (Watch, Refresh, Viewer, Decision):
        assert same(chunk["decision" if stream is Decision else stream.__name__], log.read(stream))
    assert chunk["decision"]["decision"][0] == log.decision("r")


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_compaction_between_chunks_changes_nothing(tmp_path, chunk):
    steps = [("append", 3), ("history", (-20, 6)), ("compact", 2), ("append", 4), ("history", (-5, 3)), ("append", 2)]
    with play(tmp_path, steps) as log:
        expected, seen = everything(log), []
        for rows in log.replay(chunk=chunk):
            seen.append(rows)
            log.compact(slice_rows=2, fan_in=2)
        assert flat(seen) == expected


def test_what_becomes_known_meanwhile_is_replayed_too(log):
    log.append([watch("a"), watch("b")], NOON)
    chunks = log.replay(chunk=1)
    first = next(chunks)
    log.append([watch("c")], NOON + 10)
    assert [one[3] for one in flat([first, *chunks])] == ["a", "b", "c"]


def test_replay_after_each_position_continues_where_the_last_ended(log):
    for i in range(4):
        log.append([watch(f"w{i}"), refresh(f"r{i}"), decision(f"r{i}", "x")], NOON + 10 * i)
        if i == 1:
            log.compact()
    whole = flat(log.replay())
    for (_, position, _, _), rest in zip(whole, range(1, len(whole) + 1), strict=True):
        assert flat(log.replay(after_position=position)) == whole[rest:]


def test_replay_of_chosen_streams_has_no_others(log):
    log.append([watch("a"), refresh("r"), decision("r", "x")], NOON)
    assert [set(chunk) for chunk in log.replay(streams=[Refresh])] == [{"Refresh"}]


@pytest.mark.parametrize("chunk", [1, 3, 1000])
@pytest.mark.parametrize("compacted", [False, True])
def test_shown_is_replayed_with_its_request_however_far_back(log, chunk, compacted):
    log.append([refresh(f"r{i}", limit=i) for i in range(5)], NOON)
    log.append([watch(f"w{i}") for i in range(5)], NOON + 10)
    log.append([decision(f"r{i}", "a", "b") for i in range(5)], NOON + 20)
    if compacted:
        log.compact()
    chunks = list(log.replay(chunk=chunk, streams=[Watch, Impression]))
    assert all(set(one) <= {"Watch", Impression.__name__} for one in chunks)
    shown = [one[Impression.__name__] for one in chunks if Impression.__name__ in one]
    whole = log.read(Impression)
    for name in whole:
        assert [value for rows in shown for value in rows[name].tolist()] == whole[name].tolist()
    assert all(a["known"][-1] < b["known"][0] for a, b in pairwise(shown))


def test_replay_of_all_and_shown_has_the_decisions_too(log):
    log.append([refresh("r"), decision("r", "a")], NOON)
    (chunk,) = log.replay(streams=[Refresh, Decision, Impression])
    assert set(chunk) == {"Refresh", "decision", Impression.__name__}


def test_chunk_of_nothing_is_refused(log):
    with pytest.raises(BadInput, match="chunk = 0: read at least one record at a time"):
        log.replay(chunk=0)
