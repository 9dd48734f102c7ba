"""What was served is what is learned from: logged values stand, the others are back-filled, and each value knows which it is."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from millrace.features.plan import Plan, plan
from millrace.training.logged import as_served, back_filled, counts
from millrace.types import Array, Columns, objects, size
from tests.training.diary import Diary, diary, kiosk
from tests.training.kiosk import Paper, long, reads, visits

FEATURES = [reads, long, visits, Paper.topic]


class Asked(Diary):
    """A diary that remembers what it was asked to back-fill: which features, of how many rows."""

    def features(self, plan: Plan, features: Iterable[Any], rows: Columns) -> dict[str, Array]:
        wanted = list(features)
        asked.append(({one.column for one in wanted}, size(rows)))
        return super().features(plan, wanted, rows)


asked: list[tuple[set[str], int]] = []


@pytest.fixture
def told() -> Asked:
    asked.clear()
    of = diary(60)
    return Asked(of.streams, of.rows, of.end)


def known(told: Asked, **served: tuple[Array, Array]) -> Any:
    """Return what is learned from rows of which decisions recorded values, given with where they did."""
    system = kiosk().system
    wanted = plan(system.request, system.candidate, FEATURES)
    by_name = {"reads": reads, "long": long, "visits": visits, "topic": Paper.topic}
    recorded = {f"served {by_name[name].column}": values for name, (values, _) in served.items()}
    recorded |= {f"logged {by_name[name].column}": there for name, (_, there) in served.items()}
    return as_served(wanted, FEATURES, {**told.rows, **recorded}, told)


def test_the_value_that_was_served_stands_even_where_the_log_says_otherwise(told):
    n = size(told.rows)
    everywhere, half = np.ones(n, dtype=bool), np.arange(n) % 2 == 0
    wrong = np.full(n, 999.0)
    found = known(told, reads=(wrong, everywhere), visits=(np.where(half, wrong, np.nan), half))
    assert set(found.values[reads.column].tolist()) == {999.0}
    assert found.values[visits.column][half].tolist() == [999] * half.sum()
    again = known(told)
    assert found.values[visits.column][~half].tolist() == again.values[visits.column][~half].tolist()
    assert found.values[visits.column].dtype == np.int64
    np.testing.assert_array_equal(found.values[long.column], again.values[long.column])
    assert list(found.values) == [one.column for one in FEATURES]


def test_only_what_was_not_logged_is_back_filled_together(told):
    n = size(told.rows)
    everywhere, half = np.ones(n, dtype=bool), np.arange(n) % 2 == 0
    known(told, reads=(np.zeros(n), everywhere), visits=(np.zeros(n), half), long=(np.zeros(n), half))
    assert sorted(asked, key=lambda one: one[1]) == [({visits.column, long.column}, n - half.sum()), ({Paper.topic.column}, n)]


def test_each_value_knows_where_it_is_from(told):
    n = size(told.rows)
    half = np.arange(n) % 2 == 0
    found = known(told, reads=(np.zeros(n), half))
    assert counts(found.logged)[reads.column] == (half.sum(), n - half.sum())
    assert counts(found.logged)[long.column] == (0, n)
    np.testing.assert_array_equal(found.logged[reads.column], half)


def test_a_value_recorded_as_missing_is_missing(told):
    n = size(told.rows)
    half = np.arange(n) % 2 == 0
    found = known(told, long=(np.full(n, np.nan), half), topic=(np.full(n, np.nan), half), visits=(np.full(n, np.nan), half))
    assert np.isnan(found.values[long.column][half]).all()
    assert set(found.values[Paper.topic.column][half]) == {None}
    assert set(found.values[Paper.topic.column][~half]) <= {"t0", "t1", "t2", "t3"}
    assert np.isnan(found.values[visits.column][half]).all()


def test_what_was_decided_blind_is_back_filled(told):
    n = size(told.rows)
    blind = np.arange(n) < 10
    rows = {**told.rows, "blind": blind, f"served {reads.column}": np.full(n, 999.0), f"logged {reads.column}": np.ones(n, dtype=bool)}
    system = kiosk().system
    found = as_served(plan(system.request, system.candidate, [reads]), [reads], rows, told)
    assert 999 not in found.values[reads.column][blind]
    assert set(found.values[reads.column][~blind].tolist()) == {999}
    assert found.logged[reads.column].tolist() == (~blind).tolist()


def test_rows_that_are_no_decisions_are_back_filled_throughout(told):
    system = kiosk().system
    found = back_filled(plan(system.request, system.candidate, [reads]), [reads], told.rows, told)
    assert not found.logged[reads.column].any()


def test_text_that_was_served_stays_text(told):
    n = size(told.rows)
    found = known(told, topic=(objects(["x"] * n), np.ones(n, dtype=bool)))
    assert set(found.values[Paper.topic.column]) == {"x"}
