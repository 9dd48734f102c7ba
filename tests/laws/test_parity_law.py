"""Parity: what the online view serves is what a backfill computes and what the definitions say, whatever the log looks like."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from millrace.features import kernel
from millrace.features.attributes import Located, Moments, Table
from millrace.features.offline import backfill
from millrace.features.online import OnlineView
from millrace.features.parity import compare
from millrace.features.plan import plan
from millrace.features.snapshot import restore, snapshot
from millrace.types import EVER, SECOND, objects
from tests.features.naive import Oracle, Record, Row
from tests.features.shop import (
    BROWSING,
    ITEMS,
    ORDERING,
    PATTERNS,
    PERSONS,
    Browse,
    Item,
    Order,
    batch,
    decisions,
    history,
    logs,
    row_columns,
    same,
)

SEARCH = settings(max_examples=2000, database=None, phases=[Phase.generate])


@dataclass(frozen=True)
class Story:
    """A log, where it is cut into batches and read as of when (after how many records, watermark), and what is read."""

    request: type
    candidate: type | None
    log: list[Record]
    cuts: set[int]
    reads: list[tuple[int, int]]
    rows: list[Row]
    features: list[Any]

    @property
    def asked(self) -> list[Row]:
        """Every row as of every watermark."""
        return [row for _, watermark in self.reads for row in as_of(self.rows, watermark)]

    @property
    def ids(self) -> Any:
        """A name for each of the rows asked."""
        return objects(f"row {i}" for i in range(len(self.asked)))


def as_of(rows: Sequence[Row], watermark: int) -> list[Row]:
    return [Row(row.request, row.candidate, watermark, watermark) for row in rows]


@st.composite
def rows_of(draw: st.DrawFn, candidate: type | None) -> list[Row]:
    """Draw the candidates of one request, some of them and of its keys unknown to the log."""
    asked = {
        "id": "now",
        "person": draw(st.sampled_from((*PERSONS, "p9"))),
        "device": draw(st.sampled_from(("d1", "d2", "d9"))),
        "cents": 2,
    }
    candidates = draw(st.lists(st.sampled_from((*ITEMS, "i9", "i8")), min_size=1, max_size=3)) if candidate else [None]
    return [Row(asked, one, 0) for one in candidates]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    request, candidate, features = draw(st.sampled_from(((Browse, Item, BROWSING), (Browse, Item, PATTERNS), (Order, None, ORDERING))))
    log = draw(logs())
    cuts = draw(st.sets(st.integers(1, len(log)), max_size=6)) | {len(log)} if log else {0}
    reads: list[tuple[int, int]] = []
    for cut in sorted(cuts):
        earliest = max([log[cut - 1].known + 1 if log else 0, *(watermark for _, watermark in reads)])
        latest = log[cut].known if cut < len(log) else earliest + 90 * SECOND
        if earliest <= latest and (cut == len(log) or draw(st.booleans())):
            reads.append((cut, min(earliest + draw(st.sampled_from((0, 1, SECOND, 3 * SECOND, 8 * SECOND, 60 * SECOND))), latest)))
    rows = [row for _ in range(draw(st.integers(1, 2))) for row in draw(rows_of(candidate))]
    wanted = draw(st.lists(st.sampled_from(features), min_size=1, max_size=12, unique_by=lambda one: one.column))
    return Story(request, candidate, log, cuts, reads, rows, wanted)


def serve(story: Story, restarted: bool = False) -> dict[str, Any]:
    """Return what a view serves as it follows the log; `restarted` from a snapshot before each batch."""
    view = OnlineView(plan(story.request, story.candidate, story.features))
    parts, done, reads = [], 0, dict(story.reads)
    for cut in sorted(story.cuts):
        if restarted:
            view = restore(view.plan, snapshot(view))
        view.apply(batch(story.log[done:cut]))
        done = cut
        if (watermark := reads.get(cut)) is not None:
            parts.append(view.lookup(story.features, decisions(story.request, as_of(story.rows, watermark)), watermark))
    return {column: np.concatenate([part[column] for part in parts]) for column in parts[0]}


def recompute(story: Story) -> dict[str, Any]:
    rows = row_columns(story.request, story.asked)
    return backfill(plan(story.request, story.candidate, story.features), story.features, rows, history(story.log))


def differences(story: Story) -> list[Any]:
    """Return where served and recomputed values differ."""
    return compare(story.ids, serve(story), recompute(story))


@given(stories())
@settings(max_examples=250)
def test_served_and_recomputed_values_agree_and_are_what_the_definitions_say(story):
    served, again = serve(story), recompute(story)
    assert compare(story.ids, served, again) == []
    oracle = Oracle(story.request, story.candidate, story.log)
    for feature in story.features:
        assert served[feature.column].dtype == again[feature.column].dtype
        for row, found in zip(story.asked, served[feature.column].tolist(), strict=True):
            expected = oracle.value(feature, row)
            assert same(found, expected), f"{feature.column} of {row}: {found!r} is not {expected!r}"


@given(stories())
@settings(max_examples=40)
def test_a_restart_from_a_snapshot_changes_nothing(story):
    served, again = serve(story), serve(story, restarted=True)
    for column, values in served.items():
        np.testing.assert_array_equal(values, again[column])
        assert values.dtype == again[column].dtype


@given(stories())
@settings(max_examples=40)
def test_rows_together_are_rows_one_by_one(story):
    view = OnlineView(plan(story.request, story.candidate, story.features))
    cut, watermark = story.reads[0]
    view.apply(batch(story.log[:cut]))
    rows = as_of(story.rows, watermark)
    together = view.lookup(story.features, decisions(story.request, rows), watermark)
    alone = [view.lookup(story.features, decisions(story.request, [row]), watermark) for row in rows]
    for column, values in together.items():
        assert values.tolist() == pytest.approx([one[column][0] for one in alone], nan_ok=True) or values.dtype == object
        assert [str(value) for value in values] == [str(one[column][0]) for one in alone]


def test_the_law_catches_a_view_that_joins_attributes_as_of_now(monkeypatch):
    honest = Table.locate

    def hindsight(table: Table, codes: Any, moments: Moments | None) -> Located:
        return honest(table, codes, Moments(np.full(len(codes), -EVER), moments.position) if moments else None)

    def differ(story: Story) -> bool:
        with monkeypatch.context() as planted:
            planted.setattr(Table, "locate", hindsight)
            served = serve(story)
        return bool(compare(story.ids, served, recompute(story)))

    assert find(stories(), differ, settings=SEARCH, random=Random(7)).log


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(lambda events, rows: (kernel.Events(events.key, events.at, events.at), rows), id="at in place of known"),
        pytest.param(lambda events, rows: (events, kernel.Rows(rows.key, rows.watermark + 1)), id="known up to the watermark"),
    ],
)
def test_the_law_catches_a_kernel_that_sees_the_future(monkeypatch, seen):
    honest = kernel.aggregate

    def leaking(events: kernel.Events, rows: kernel.Rows, asks: Any, threads: int) -> Any:
        return honest(*seen(events, rows), asks, threads)

    monkeypatch.setattr(kernel, "aggregate", leaking)
    assert find(stories(), lambda story: bool(differences(story)), settings=SEARCH, random=Random(7)).log
