"""Backfill on disk, forced on small logs: what is cut by key and worked off part by part is what the definitions say."""

import tempfile
from pathlib import Path
from random import Random

import numpy as np
from hypothesis import find, given, settings
from hypothesis import strategies as st

from millrace.features.declare import count, total
from millrace.features.offline import backfill
from millrace.features.plan import plan
from millrace.operate.backfilling import Backfill, on_disk
from millrace.types import MINUTE, SECOND, Coded, objects, take
from tests.features.naive import Oracle
from tests.features.shop import Browse, Look, Person, batch, history, row_columns, same
from tests.laws.test_parity_law import SEARCH, Story, stories


def chunked(story: Story, at_once: int, coding: bool = False):
    """Return the log as chunks of so many records, classes without a record left out; `coding`: text as codes, as a log may give it."""
    pieces = [story.log[start : start + at_once] for start in range(0, len(story.log), at_once)]
    made = coded if coding else dict
    return lambda: ({name: made(of) for name, of in batch(piece).items() if len(of["known"])} for piece in pieces)


def coded(rows):
    """Return rows whose columns of text are codes, as those of two pieces that were put together."""
    halves = [{name: column[half] for name, column in rows.items()} for half in (slice(1), slice(1, None))]
    text = {name for name, column in rows.items() if column.dtype == object}
    return rows | {name: Coded.joined(half[name] for half in halves) for name in text}


@given(stories(), st.integers(1, 7), st.integers(1, 5), st.integers(1, 4), st.booleans())
@settings(max_examples=60, deadline=None)
def test_parts_of_any_number_and_chunks_of_any_size_give_the_numbers_of_the_definitions(story, at_once, parts, rows_at_once, coding):
    wanted = plan(story.request, story.candidate, story.features)
    rows = row_columns(story.request, story.asked)
    with tempfile.TemporaryDirectory() as folder:
        work = Backfill.of(Path(folder), wanted, story.features, rows, parts, rows_at_once=rows_at_once)
        some = list(work.run(chunked(story, at_once, coding)))
    in_memory = backfill(wanted, story.features, rows, history(story.log))
    oracle = Oracle(story.request, story.candidate, story.log)
    for feature in story.features:
        found = np.concatenate([one[feature.column] for one in some])
        assert found.dtype == in_memory[feature.column].dtype
        np.testing.assert_array_equal(found, in_memory[feature.column])
        for row, value in zip(story.asked, found.tolist(), strict=True):
            assert same(value, oracle.value(feature, row)), f"{feature.column} of {row}"


def test_keys_too_many_for_a_cache_give_the_numbers_of_a_backfill_in_memory(tmp_path):
    chance = np.random.default_rng(3)
    people = objects(f"person-{i}" for i in range(40_000))
    n = 100_000
    known = np.sort(chance.integers(0, 5 * MINUTE, n))
    columns = {"at": known - chance.integers(0, SECOND, n), "known": known, "position": np.arange(n), "cents": chance.integers(0, 9, n)}
    looks = columns | {"person": Coded(people, chance.zipf(1.2, n) % len(people))}
    watermark = chance.integers(0, 6 * MINUTE, 30_000)
    rows = {"person": people[chance.integers(0, len(people), len(watermark))], "watermark": watermark, "at": watermark}
    features = [count(Look, per=Person, over="1m"), total(Look.cents, per=Person, over="1m")]
    wanted = plan(Browse, None, features)
    chunks = lambda: ({"Look": take(looks, slice(start, start + 20_000))} for start in range(0, n, 20_000))  # noqa: E731
    plain = looks | {"person": np.asarray(looks["person"])}
    in_memory = backfill(wanted, features, rows, lambda *_: plain)
    assert in_memory[features[0].column].any()
    for name, column in on_disk(tmp_path, wanted, features, rows, chunks, 3).items():
        np.testing.assert_array_equal(column, in_memory[name])


def told() -> Story:
    """Return a story with something of everything."""
    rich = lambda story: len(story.log) > 20 and len(story.asked) > 3 and len(story.features) > 3  # noqa: E731
    return find(stories(), rich, settings=SEARCH, random=Random(5))


class Interrupted(Exception):
    pass


def stopping(at: int):
    """Return a progress that is interrupted the so-manieth time it is told anything."""
    told = iter(range(at))

    def tell(*_):
        if next(told, None) is None:
            raise Interrupted

    return tell


def test_what_was_interrupted_anywhere_goes_on_and_comes_to_the_same(tmp_path):
    story = find(
        stories(), lambda story: len(story.log) > 20 and len(story.asked) > 3 and len(story.features) > 3, settings=SEARCH, random=Random(5)
    )
    wanted, rows = plan(story.request, story.candidate, story.features), row_columns(story.request, story.asked)
    read = []

    def chunks():
        read.append(1)
        return chunked(story, 4)()

    def work(folder):
        (tmp_path / folder).mkdir(exist_ok=True)
        return Backfill.of(tmp_path / folder, wanted, story.features, rows, 3, rows_at_once=2)

    whole = [{name: column.tolist() for name, column in some.items()} for some in work("whole").run(chunks)]
    read.clear()
    at, found = 0, None
    while found is None:
        at += 1
        try:
            found = list(work("part").run(chunks, stopping(at)))
        except Interrupted:
            continue
    assert str([{name: column.tolist() for name, column in some.items()} for some in found]) == str(whole)
    assert len(read) == -(-len(story.log) // 4), "interrupted after each chunk but the first; once cut, the log is not read again"


def test_without_rows_or_without_events_there_is_nothing_to_do(tmp_path):
    story = told()
    wanted, rows = plan(story.request, story.candidate, story.features), row_columns(story.request, story.asked)
    none = {name: column[:0] for name, column in rows.items()}
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert {len(column) for column in on_disk(tmp_path / "a", wanted, story.features, none, chunked(story, 3), 2).values()} == {0}
    empty = on_disk(tmp_path / "b", wanted, story.features, rows, lambda: iter(()), 2)
    in_memory = backfill(wanted, story.features, rows, lambda *_: {})
    for name, column in empty.items():
        np.testing.assert_array_equal(column, in_memory[name])
        assert column.dtype == in_memory[name].dtype
