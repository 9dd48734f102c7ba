from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from millrace.features.kernel_runs import different, most_frequent, nth_smallest

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
