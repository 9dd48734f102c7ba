"""Categories: the wealth is a beta-binomial likelihood over a binomial one, in closed form."""

import numpy as np
import pytest
from scipy.special import betaln

from millrace.guards.same_shares import SameShares
from tests.experiments.null import SHARES, drawn, fair


def test_wealth_is_the_closed_form():
    g = np.random.default_rng(0)
    treated, share = drawn(g, 300, 0.3)
    category = g.integers(0, 4, 300)
    test = SameShares()
    test.see(treated[:100], share[:100], category[:100])
    test.see(treated[100:], share[100:], category[100:])
    expected = 0.0
    for one in range(4):
        own, all_ = treated[category == one].sum(), (category == one).sum()
        expected += betaln(20 * 0.3 + own, 20 * 0.7 + all_ - own) - betaln(20 * 0.3, 20 * 0.7)
        expected -= own * np.log(0.3) + (all_ - own) * np.log(0.7)
    assert test.wealth.now == pytest.approx(expected)


@pytest.mark.parametrize("share", SHARES)
def test_nothing_is_gained_where_categories_say_nothing_of_the_arm(share):
    def play(g):
        test = SameShares()
        test.see(*drawn(g, 200, share), g.integers(0, 5, 200))
        return test.wealth.now, test.wealth.peak

    fair(play)


def test_difference_of_any_kind_is_found():
    g = np.random.default_rng(0)
    treated, share = drawn(g, 4000, 0.5)
    test = SameShares()
    test.see(treated, share, np.where(treated, g.choice([0, 4], 4000), g.integers(0, 5, 4000)))  # of the same mean
    assert test.wealth.peak > np.log(1e6)
