"""What differences in differences promise where changes would have been alike: in how many made-up worlds they keep it."""

import numpy as np
import pytest

from millrace.experiments.difference_in_differences import two_by_two, two_way
from millrace.experiments.staggered import group_time
from tests.experiments.panels import long, staggered


def share(times, play):
    """Return the share of worlds in which an estimate of a true 1 (holds it, is significant once the 1 is taken away)."""
    found = [play(np.random.default_rng((7, k))) for k in range(times)]
    held = np.mean([each.low <= 1 <= each.high for each in found])
    print("coverage", held, "so type-I error", round(1 - held, 4), "of", times)
    return held


def differences(kind, units):
    def play(g):
        outcome, since = staggered(g, units=units, effect=lambda after: 1.0, groups=(4, np.inf))
        outcome += 0.7 * np.cumsum(g.normal(0, 1, outcome.shape), axis=1)  # residuals of a unit go together
        if kind == "group-time":
            return group_time(outcome, since).overall()
        rows = long(outcome, since)
        if kind == "two-way":
            return two_way(rows["outcome"], rows["unit"], rows["period"], rows["treated"])
        return two_by_two(rows["outcome"], ~np.isnan(rows["since"]), rows["period"] >= 4, rows["unit"])

    return play


@pytest.mark.parametrize("kind", ["two-by-two", "two-way", "group-time"])
def test_some_hundred_differences_in_differences(kind):
    assert abs(share(200, differences(kind, 100)) - 0.95) < 3 * np.sqrt(0.05 * 0.95 / 200)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["two-by-two", "two-way", "group-time"])
def test_differences_in_differences_keep_their_level(kind):
    assert abs(share(10_000, differences(kind, 200)) - 0.95) < 3 * np.sqrt(0.05 * 0.95 / 10_000)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["two-by-two", "two-way"])
def test_with_ten_clusters_they_keep_it_too(kind):
    assert abs(share(10_000, differences(kind, 10)) - 0.95) < 3 * np.sqrt(0.05 * 0.95 / 10_000)
