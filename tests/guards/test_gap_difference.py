"""The gap between groups: found where one group alone is harmed, and not where all are, or none."""

import numpy as np
import pytest

from millrace.guards.gap_difference import GapDifference
from tests.experiments.null import drawn, fair


def seen(g, n, share, group, others):
    """Return units of two groups and what the treatment brings each: the control brings a half."""
    treated, shares = drawn(g, n, share)
    is_group = g.random(n) < 0.3
    chance = np.where(treated, np.where(is_group, group, others), 0.5)
    return treated, shares, is_group, (g.random(n) < chance).astype(float)


@pytest.mark.parametrize("level", [0.5, 0.2])
def test_nothing_is_gained_where_all_are_treated_alike(level):
    def play(g):
        test = GapDifference(0.0)
        test.see(*seen(g, 200, 0.3, level, level))
        return test.wealth.now, test.wealth.peak

    fair(play)


def test_group_that_alone_is_harmed_is_found_and_parts_do_not_matter():
    columns = seen(np.random.default_rng(0), 8000, 0.3, 0.2, 0.5)
    whole, parted = GapDifference(0.05), GapDifference(0.05)
    whole.see(*columns)
    for part in (slice(0, 1), slice(1, 3001), slice(3001, None)):
        parted.see(*(column[part] for column in columns))
    assert whole.wealth.peak > np.log(1000)
    assert parted.wealth.peak == pytest.approx(whole.wealth.peak)
