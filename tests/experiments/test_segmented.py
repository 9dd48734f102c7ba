"""Segments are few, each has a name, and every unit is in one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from millrace.experiments.segmented import MOST_SEGMENTS, OTHERS, UNKNOWN, segmented


@given(st.lists(st.one_of(st.text(max_size=3), st.integers(0, 60).map(str), st.floats().map(str)), max_size=200))
def test_every_unit_is_in_a_segment_of_few(values: list[str]) -> None:
    found = segmented(np.array(values, dtype=str))
    assert found.shape == (len(values),)
    assert len(np.unique(found)) <= MOST_SEGMENTS + 1
    assert len(set(zip(values, found.tolist(), strict=True))) == len({one.rstrip("\0") for one in values}), "alike is alike"


def test_few_values_keep_their_names_and_what_is_not_known_is_one_of_them() -> None:
    assert segmented(np.array(["2.0", "nl", "", "None", "nan"])).tolist() == ["2.0", "nl", UNKNOWN, UNKNOWN, UNKNOWN]


def test_many_numbers_become_quarters() -> None:
    found = segmented(np.arange(1, 101).astype(float).astype(str))
    names, times = np.unique(found, return_counts=True)
    assert dict(zip(names.tolist(), times.tolist(), strict=True)) == {
        "up to 25": 25,
        "above 25, up to 50": 25,
        "above 50, up to 75": 25,
        "above 75": 25,
    }


def test_numbers_most_of_which_are_alike_make_fewer_parts() -> None:
    found = segmented(np.array(["0.0"] * 80 + [f"{n}.0" for n in range(1, 21)]))
    assert np.unique(found).tolist() == ["above 0", "up to 0"]


def test_of_many_names_the_most_frequent_are_kept() -> None:
    values = [f"city {n:02d}" for n in range(20) for _ in range(20 - n)]
    found = segmented(np.array(values))
    assert len(np.unique(found)) == MOST_SEGMENTS
    assert (found == OTHERS).sum() == sum(range(1, 10))
