"""Splits in time: earlier before later, decisions whole, and nothing to split is said."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from millrace.errors import TrainingError
from millrace.training.split import Split, temporal

INSTANTS = st.lists(st.integers(0, 50), min_size=1, max_size=60).map(sorted)


@given(INSTANTS, st.floats(0.01, 0.99))
def test_every_row_is_earlier_or_later_and_earlier_lies_before_later(instants: list[int], share: float) -> None:
    at = np.array(instants)
    assume(at.min() < at.max())
    split = temporal(at, horizon=100, share=share)
    earlier, later = split.earlier(at), split.later(at)
    assert (earlier ^ later).all()
    assert earlier.any()
    assert later.any()
    assert at[earlier].max() < split.at <= at[later].min()


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 6)), min_size=2, max_size=30), st.floats(0.05, 0.95))
def test_split_never_cuts_a_decision(decisions: list[tuple[int, int]], share: float) -> None:
    decisions = sorted(decisions)
    at = np.repeat([instant for instant, _ in decisions], [rows for _, rows in decisions])
    group = np.repeat(np.arange(len(decisions)), [rows for _, rows in decisions])
    assume(at.min() < at.max())
    split = temporal(at, horizon=100, share=share)
    assert set(group[split.earlier(at)]) & set(group[split.later(at)]) == set()


def test_later_rows_are_about_the_share_asked_for() -> None:
    at = np.arange(1000)
    assert temporal(at, horizon=2000, share=0.1).later(at).sum() == 100
    assert temporal(at, horizon=2000).later(at).sum() == 100
    assert temporal(at, horizon=2000, share=0.25).later(at).sum() == 250


def test_where_most_rows_fall_on_the_first_instant_the_others_are_the_later_ones() -> None:
    at = np.array([3] * 95 + [4, 5, 6])
    split = temporal(at, horizon=100)
    assert (split.at, split.earlier(at).sum(), split.later(at).sum()) == (4, 95, 3)


def test_rows_from_the_horizon_on_are_neither() -> None:
    assert Split(at=5, horizon=8).later(np.arange(10)).tolist() == [n in (5, 6, 7) for n in range(10)]
    assert Split(at=5, horizon=8).earlier(np.arange(10)).tolist() == [n < 5 for n in range(10)]


def test_no_labelled_row_is_refused_with_what_to_do() -> None:
    with pytest.raises(TrainingError, match="no decision has a label yet: wait until outcomes' windows have closed, or import history"):
        temporal(np.array([], dtype=np.int64), horizon=10)


def test_rows_of_one_instant_are_refused_with_the_instant() -> None:
    with pytest.raises(TrainingError, match=r"all labels were known at 1970-01-01T00:00:07\+00:00: a split in time needs"):
        temporal(np.array([7_000_000] * 9), horizon=10**9)
