"""Whose the events are: evidence against "no more often", exact on a case worked by hand, and fair where nothing is worse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.experiments.rate_ratio import RateRatio
from tests.experiments.null import SHARES, drawn, fair

BELIEVED = [1.2, 1.5, 2, 3, 5, 10, 30, 100, 1000]


def by_hand(arms: list[bool], share: float) -> float:
    """Return the evidence that events are the treatment's too often, bettor by bettor."""
    held = 0.0
    for ratio in BELIEVED:
        chance = share * ratio / (share * ratio + 1 - share)
        held += np.prod([chance / share if one else (1 - chance) / (1 - share) for one in arms]) / len(BELIEVED)
    return float(held)


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.floats(0.01, 0.99))
def test_evidence_is_the_mean_of_likelihood_ratios(arms, share):
    test = RateRatio()
    test.see(np.array(arms), np.full(len(arms), share))
    assert np.exp(test.wealth.now) == pytest.approx(by_hand(arms, share), rel=1e-6)


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("more", [True, False])
def test_nothing_is_gained_where_events_fall_as_units_were_drawn(share, more):
    def play(g):
        test = RateRatio(more=more)
        test.see(*drawn(g, 200, share))
        return test.wealth.now, test.wealth.peak

    fair(play)


@pytest.mark.parametrize(("ratio", "more"), [(1.5, True), (1 / 1.5, False), (0.2, True), (5.0, False)])
def test_nothing_is_gained_at_or_within_the_tolerated_ratio(ratio, more):
    def play(g):
        share = 0.2
        test = RateRatio(1.5, more=more)
        test.see(g.random(200) < share * ratio / (share * ratio + 1 - share), np.full(200, share))
        return test.wealth.now, test.wealth.peak

    fair(play)


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.02, 0.9))
def test_another_event_of_the_treatment_is_more_evidence_and_one_of_the_control_less(own, others, share):
    def after(arms):
        test = RateRatio()
        test.see(np.array(arms, dtype=bool), np.full(len(arms), share))
        return test.wealth.now

    arms = [False] * others + [True] * own
    assert after([*arms, True]) > after(arms) if arms else True
    assert after([*arms, False]) < after(arms) if arms else True


def test_three_times_as_often_is_found_from_some_hundred_events():
    g = np.random.default_rng(0)
    test = RateRatio(1.1)
    test.see(g.random(400) < 0.05 * 3 / (0.05 * 3 + 0.95), np.full(400, 0.05))
    assert test.wealth.peak > np.log(400)
