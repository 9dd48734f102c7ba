"""What a switchback promises, over many made-up towns whose hours go together."""

from datetime import UTC, datetime

import numpy as np
import pytest
from scipy import stats

from millrace.experiments.slots import boundaries, observed, schedule
from millrace.experiments.switchback import by_chance, switchback
from millrace.types import MINUTE

EDGES = boundaries(datetime(2026, 1, 5, tzinfo=UTC), "1h", 168)


def weeks(times, seed=0, effect=0.0, persistence=0.8):
    """Yield (plan, the value of each hour): a week of hours whose mood goes on, with a day's shape and a long tail."""
    g = np.random.default_rng(seed)
    noise = g.normal(0, 1, (times, 168))
    for k in range(1, 168):
        noise[:, k] += persistence * noise[:, k - 1]
    value = 2 * np.sin(np.arange(168) * np.pi / 12) + noise + g.exponential(1, noise.shape)
    for k in range(times):
        plan = schedule(EDGES, ["a"], f"{seed}/{k}", 4)
        yield plan, value[k] + effect * plan["treated"]


def read(plan, value):
    return switchback("wait", plan, plan["region"], plan["start"] + 30 * MINUTE, value)


def check(times):
    wrong = held = 0
    for plan, value in weeks(times, effect=0.7):
        found = read(plan, value)
        held += found.low <= 0.7 <= found.high
        wrong += read(plan, value - 0.7 * plan["treated"]).is_significant
    error = np.sqrt(0.05 * 0.95 / times)
    print("type-I error", wrong / times, "coverage", held / times, "of", times)
    assert abs(wrong / times - 0.05) < 3 * error
    assert abs(held / times - 0.95) < max(0.01, 3 * error)


def test_some_hundred_towns():
    check(300)


@pytest.mark.slow
def test_the_level_is_kept_and_intervals_hold_the_truth():
    check(10_000)


@pytest.mark.slow
def test_slots_each_drawn_by_itself_keep_the_level_too():
    """As a policy draws them."""
    g, wrong = np.random.default_rng(3), 0
    for plan, value in weeks(10_000, seed=3):
        at = plan["start"] + 30 * MINUTE
        treated = g.random(168) < 0.5
        wrong += switchback("wait", observed(plan["region"], at, treated, "1h"), plan["region"], at, value).is_significant
    print("type-I error of slots drawn one by one", wrong / 10_000)
    assert abs(wrong / 10_000 - 0.05) < 3 * np.sqrt(0.05 * 0.95 / 10_000)


@pytest.mark.slow
def test_counting_slots_in_turn_as_independent_would_not_keep_it():
    """An arm a day: slots within a day go together, and a t-test of slots does not know."""
    g, wrong = np.random.default_rng(1), 0
    for _, value in weeks(1_000, seed=1):
        treated = np.repeat(g.permutation([True, True, True, True, False, False, False][: 168 // 24]), 24)
        wrong += stats.ttest_ind(value[treated], value[~treated]).pvalue < 0.05
    print("type-I error of slots as units", wrong / 1_000)
    assert wrong / 1_000 > 0.25


@pytest.mark.slow
def test_chance_keeps_the_level_with_few_blocks():
    """Eight blocks of heavy tails, where a t-test's level is only nearly right."""
    g, wrong = np.random.default_rng(2), 0
    rows = {"block": np.repeat(np.arange(8), 4), "treated": np.tile([True, True, False, False], 8)}
    for k in range(10_000):
        wrong += by_chance({**rows, "mean": g.standard_t(2, 32)}, draws=399, seed=k) <= 0.05
    print("type-I error by chance", wrong / 10_000)
    assert wrong / 10_000 < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 10_000)
