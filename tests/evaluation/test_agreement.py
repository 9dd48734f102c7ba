"""How alike two answers are: against sums that are written out, and laws that any such measure keeps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.errors import BadInput
from millrace.evaluation.agreement import alike, overlap, rank_biased_overlap
from millrace.types import objects

rankings = st.lists(st.integers(0, 12), unique=True, max_size=8)


def written_out(one, other, p: float, depth: int = 3000) -> float:
    """The definition for two rankings of one length: agreement at every depth, beyond the end as at the end."""
    n = len(one)
    at = [len(set(one[:d]) & set(other[:d])) / d for d in range(1, n + 1)]
    return (1 - p) * sum(p ** (d - 1) * (at[d - 1] if d <= n else at[-1]) for d in range(1, depth))


@given(rankings.filter(bool), st.randoms(use_true_random=False), st.sampled_from([0.5, 0.9, 0.98]))
def test_overlap_of_rankings_of_one_length_is_the_sum_written_out(one, chance, p):
    other = [chance.choice([item, item + 20]) for item in one]
    chance.shuffle(other)
    assert rank_biased_overlap(one, other, p) == pytest.approx(written_out(one, other, p), abs=1e-9)


@given(rankings, rankings)
def test_it_is_the_same_from_both_sides_and_lies_between_nothing_and_all(one, other):
    value = rank_biased_overlap(one, other)
    assert value == pytest.approx(rank_biased_overlap(other, one))
    assert -1e-12 <= value <= 1 + 1e-12
    if one and not set(one) & set(other):
        assert value == 0
    for k in (1, 3, 10):
        assert overlap(one, other, k) == overlap(other, one, k)


@given(rankings)
def test_same_ranking_agrees_wholly(one):
    assert rank_biased_overlap(one, list(one)) == pytest.approx(1.0)
    assert overlap(one, one, 5) == 1.0


def test_extrapolation_of_rankings_of_two_lengths_by_hand():
    # X_1 = 1, X_2 = 2, X_3 = 2; s = 2, l = 3, p = 1/2: (1/2)/(1/2) * (1/2 + 1/4 + 2/3/8 + 2*1/(2*3)/8) + (0/3 + 2/2)/8
    assert rank_biased_overlap("ab", "abc", 0.5) == pytest.approx(1 / 2 + 1 / 4 + 2 / 24 + 2 / 48 + 1 / 8)


def test_persistence_that_is_none_is_refused():
    with pytest.raises(BadInput, match="must lie between 0 and 1"):
        rank_biased_overlap("a", "b", 1.0)


def test_interval_holds_the_truth_when_decisions_of_a_unit_hang_together():
    held = naive = 0
    for seed in range(300):
        g = np.random.default_rng(seed)
        of = np.repeat(np.arange(60), 10)
        values = (g.random(600) < np.clip(g.beta(4, 1, 60), 0, 1)[of]).astype(float)
        found = alike(values, objects(map(str, of)))
        held += found.low <= 0.8 <= found.high
        plain = alike(values, np.arange(600))
        naive += plain.low <= 0.8 <= plain.high
    assert held >= 270, "19 of 20 would hold it, but for chance"
    assert naive < held, "as if decisions did not hang together it would be too sure"


def test_units_that_all_agree_leave_room_for_doubt_by_unit():
    few, many = alike(np.ones(1000), np.arange(1000) % 10), alike(np.ones(1000), np.arange(1000))
    assert (few.value, few.high, few.units) == (1.0, pytest.approx(1.0), 10)
    assert few.low < 0.75 < 0.99 < many.low
    assert alike(np.ones(5), objects(["a"] * 5)).low is None
    assert alike(np.zeros(0), objects([])).value is None
