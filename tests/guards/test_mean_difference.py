"""Means of what is bounded: the weights have the difference as their mean, and no bet gains where there is none."""

import numpy as np
import pytest

from millrace.guards.mean_difference import STAKES, MeanDifference
from tests.experiments.null import SHARES, drawn, fair


def by_hand(treated, share, x, margin, more):
    """Return the wealth, observation by observation and bettor by bettor."""
    held, total, n = np.ones(len(STAKES)), 0.5, 1.0
    for one, s, value in zip(treated, share, x, strict=True):
        centre = total / n
        sign = 1 if more else -1
        outcomes = [sign * (a - s) / (s * (1 - s)) * (v - centre) - margin for a in (0, 1) for v in (0.0, 1.0)]
        gain = sign * (one - s) / (s * (1 - s)) * (value - centre) - margin
        held = held * (1 + STAKES * gain / -min(outcomes))
        total, n = total + value, n + 1
    return held.mean()


@pytest.mark.parametrize("more", [True, False])
@pytest.mark.parametrize("margin", [0.0, 0.1])
def test_wealth_is_what_the_bets_make_one_by_one(more, margin):
    g = np.random.default_rng(0)
    treated, share, x = g.random(50) < 0.3, np.full(50, 0.3), g.random(50)
    test = MeanDifference(margin, more=more)
    test.see(treated[:20], share[:20], x[:20])
    test.see(treated[20:], share[20:], x[20:])
    assert np.exp(test.wealth.now) == pytest.approx(by_hand(treated, share, x, margin, more))


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("more", [True, False])
def test_nothing_is_gained_from_units_whose_arm_says_nothing_though_their_mean_moves_all_day(share, more):
    def play(g):
        test = MeanDifference(more=more)
        test.see(*drawn(g, 200, share), (g.random(200) < 0.5 + 0.4 * np.sin(np.arange(200) / 20)).astype(float))
        return test.wealth.now, test.wealth.peak

    fair(play)


def test_nothing_is_gained_from_a_loss_within_the_margin():
    def play(g):
        treated, share = drawn(g, 200, 0.4)
        test = MeanDifference(0.1)
        test.see(treated, share, (g.random(200) < np.where(treated, 0.5, 0.6)).astype(float))
        return test.wealth.now, test.wealth.peak

    fair(play)


def test_loss_beyond_the_margin_is_found_and_a_gain_is_none():
    g = np.random.default_rng(1)
    treated, share = drawn(g, 3000, 0.2)
    worse, better = MeanDifference(0.02), MeanDifference(0.02)
    worse.see(treated, share, (g.random(3000) < np.where(treated, 0.3, 0.5)).astype(float))
    better.see(treated, share, (g.random(3000) < np.where(treated, 0.5, 0.3)).astype(float))
    assert worse.wealth.peak > np.log(1e4)
    assert better.wealth.peak < np.log(2)
