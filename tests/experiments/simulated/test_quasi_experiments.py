"""What quasi-experiments promise where their assumptions hold: in how many made-up worlds they keep it."""

import numpy as np
import pytest

from millrace.experiments.difference_in_differences import two_by_two, two_way
from millrace.experiments.interrupted_series import interrupted_series
from millrace.experiments.placebo import in_space
from millrace.experiments.staggered import group_time
from millrace.experiments.synthetic_control import synthetic_control
from tests.experiments.panels import alike, long, panel, series, staggered


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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("errors", "n", "persistence", "least", "most"),
    [
        ("ar1", 60, 0.0, 0.925, 0.955),
        ("ar1", 60, 0.5, 0.915, 0.945),
        ("ar1", 200, 0.5, 0.925, 0.955),
        ("newey-west", 60, 0.5, 0.77, 0.84),  # short series: not what they say, as the docstring tells
        ("newey-west", 200, 0.0, 0.91, 0.94),
    ],
)
def test_interrupted_series_hold_the_truth_as_often_as_told(errors, n, persistence, least, most):
    held = share(2_000, lambda g: interrupted_series(series(g, n, n // 2, 1.0, 0.0, persistence), n // 2, errors=errors).level)
    print(errors, n, persistence, held)
    assert least < held < most


@pytest.mark.slow
def test_placebos_rank_a_unit_without_effect_as_any_other():
    """1,000 panels of twenty units, each refitted as if it were treated."""
    found = np.zeros(1_000)
    for k in range(len(found)):
        world = alike(np.random.default_rng((8, k)))
        found[k] = in_space(world, synthetic_control(world, worst=float("inf"))).p_value
    for level in (0.05, 0.25, 0.5):
        seen = (found <= level + 1e-9).mean()
        print("level", level, "seen", seen)
        assert abs(seen - level) < 3 * np.sqrt(level * (1 - level) / len(found))


@pytest.mark.slow
def test_many_starts_reach_what_one_does_not():
    """Twenty panels with predictors: how far above the best a single start ends, and many."""
    one, many = [], []
    for seed in range(20):
        world = panel(seed, units=20)
        many.append(synthetic_control(world, starts=12, worst=float("inf")).before)
        one.append(synthetic_control(world, starts=1, worst=float("inf")).before)
    print("single start / many, by panel:", np.round(np.sort(np.array(one) / many), 2).tolist())
    assert (np.array(many) <= np.array(one) * (1 + 1e-9)).all()
    assert (np.array(one) > 1.25 * np.array(many)).mean() > 0.2
