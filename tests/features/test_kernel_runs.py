from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.features.hyperloglog import hashes
from millrace.features.kernel import Ask, aggregate
from millrace.features.kernel_runs import different, most_frequent, nth_smallest
from millrace.features.window import Window
from millrace.types import EVER
from tests.features.naive import SAYS
from tests.features.test_kernel import large_log

ROWS = 9
RUNS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, ROWS - 1), st.integers(1, ROWS)).map(lambda run: (*run[:2], run[1] + run[2])))


def columns(runs):
    """Return values, first rows and rows after the last; runs end with the rows."""
    found = np.array([(value, start, min(stop, ROWS)) for value, start, stop in runs], dtype=np.int64).reshape(-1, 3)
    return found[:, 0], found[:, 1], found[:, 2]


def by_row(runs):
    return [sorted(value for value, start, stop in runs if start <= row < stop) for row in range(ROWS)]


@given(RUNS)
def test_each_row_has_as_many_different_values_as_a_set_of_them(runs):
    assert different(*columns(runs), ROWS).tolist() == [len(set(values)) for values in by_row(runs)]


@given(RUNS, st.integers(0, 6))
def test_the_nth_smallest_is_found_by_sorting(runs, nth):
    found = nth_smallest(*columns(runs), np.full(ROWS, nth))
    for row, values in enumerate(by_row(runs)):
        if nth < len(values):
            assert found[row] == values[nth]


@given(RUNS, st.integers(1, 4))
def test_the_most_frequent_are_found_by_counting_and_the_lower_of_equals_comes_first(runs, most):
    found = most_frequent(*columns(runs), ROWS, most)
    for row, values in enumerate(by_row(runs)):
        ordered = sorted(Counter(values).items(), key=lambda one: (-one[1], one[0]))
        assert found[row].tolist() == ([value for value, _ in ordered] + [-1] * most)[:most]


@pytest.mark.parametrize("window", [Window(1000, 50), Window(20_000, 700), Window(EVER, 0)])
@pytest.mark.parametrize("keys", [2_000, 3])
def test_large_log_in_many_parts_is_as_the_definitions_say_and_threads_change_no_bit(keys, window):
    events, rows, values = large_log(150_000, keys)
    values = np.round(values)
    some = type(rows)(rows.key[:3000], rows.watermark[:3000])
    hashed = np.where(np.isnan(values), np.nan, hashes(values))
    asks = [Ask("distinct", window, hashed, (40,)), Ask("top_k", window, values, (2,)), Ask("quantile", window, values, (50, 0.7))]
    alone, together = aggregate(events, some, asks), aggregate(events, some, asks, threads=2)
    assert [one.tobytes() for one in alone] == [one.tobytes() for one in together]
    for row in range(0, 3000, 150):
        there = (events.key == some.key[row]) & (some.key[row] != -1) & (events.known < some.watermark[row]) & ~np.isnan(values)
        late = window.expired(events.at, events.known)
        had = values[there & (events.at >= window.lo(some.watermark[row])) & ~late].tolist()
        tops = [values[place] if place >= 0 else None for place in alone[1][row].tolist()]
        assert alone[0][row] == SAYS["distinct"](had, 40)
        assert tops == [SAYS["top_k"](had, 2, nth) for nth in (1, 2)]
        np.testing.assert_equal(alone[2][row], SAYS["quantile"](had, 50, 0.7) if had else np.nan)
