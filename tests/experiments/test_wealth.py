"""Wealth: a mean of bettors, its peak kept, and the same however bets are parted."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from millrace.experiments.budget import bar, in_turn
from millrace.experiments.wealth import Wealth


def slowly(factors: list[list[float]]) -> tuple[float, float]:
    """Return the wealth now and at its peak, by multiplying."""
    held, peak = [1.0] * len(factors[0]), 1.0
    for bet in factors:
        held = [one * factor for one, factor in zip(held, bet, strict=True)]
        peak = max(peak, sum(held) / len(held))
    return sum(held) / len(held), peak


@given(st.lists(st.lists(st.floats(0.01, 10), min_size=3, max_size=3), min_size=1, max_size=30), st.integers(0, 30))
def test_wealth_is_the_mean_of_what_each_bettor_has_and_parts_do_not_matter(factors, cut):
    whole, parted, logs = Wealth(3), Wealth(3), np.log(np.array(factors))
    peaks = whole.grow(logs)
    np.testing.assert_allclose(np.concatenate([parted.grow(logs[:cut]), parted.grow(logs[cut:])]), peaks, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(np.exp(peaks), [slowly(factors[: n + 1])[1] for n in range(len(factors))], rtol=1e-9)
    now, peak = slowly(factors)
    np.testing.assert_allclose([np.exp(whole.now), np.exp(whole.peak)], [now, peak], rtol=1e-9)
    np.testing.assert_allclose([parted.now, parted.peak], [whole.now, whole.peak], rtol=1e-9, atol=1e-12)


def test_bettor_who_has_lost_all_does_not_spoil_the_others():
    wealth = Wealth(2)
    with np.errstate(divide="ignore"):
        wealth.grow(np.log([[0.0, 4.0]]))
    assert wealth.now == np.log(2)


def test_evidence_beyond_any_number_is_still_a_number():
    wealth = Wealth(1)
    wealth.grow(np.full((2000, 1), 1.0))
    assert (wealth.now, wealth.peak) == (2000, 2000)


def test_budget_is_spent_once_however_many_tests_turn_up():
    assert np.isclose(bar(0.01, 0.25), np.log(400))
    assert 0.999 < sum(in_turn(n) for n in range(2000)) < 1
