"""Switchbacks against SciPy: a t-test of the blocks' differences, and all permutations of a small plan."""

from datetime import UTC, datetime

import numpy as np
from scipy import stats

from millrace.experiments.slots import boundaries, schedule
from millrace.experiments.switchback import block_means, by_chance, slot_means, switchback
from millrace.types import MINUTE


def test_blocks_are_a_paired_t_test():
    g = np.random.default_rng(0)
    plan = schedule(boundaries(datetime(2026, 1, 5, tzinfo=UTC), "1h", 120), ["a"], "x")
    row = np.repeat(np.arange(120), 3)
    value = g.lognormal(0, 1, 360)
    found = switchback("wait", plan, plan["region"][row], plan["start"][row] + 5 * MINUTE, value)
    mean = value.reshape(120, 3).mean(axis=1)
    one, other = (mean[plan["treated"] == side][np.argsort(plan["block"][plan["treated"] == side])] for side in (True, False))
    peer = stats.ttest_rel(one, other)
    low, high = peer.confidence_interval(0.95)
    np.testing.assert_allclose(
        [found.difference, found.p_value, found.low, found.high], [np.mean(one - other), peer.pvalue, low, high], rtol=1e-9
    )


def test_chance_is_scipys_permutation_test_of_pairs():
    g = np.random.default_rng(1)
    mean = g.normal(0, 1, 16) + np.tile([0.0, 0.8], 8)
    rows = {"block": np.repeat(np.arange(8), 2), "treated": np.tile([False, True], 8), "mean": mean}
    np.testing.assert_allclose(np.diff(block_means(rows))[:, 0], mean[1::2] - mean[::2], rtol=1e-12)
    peer = stats.permutation_test((mean[1::2], mean[::2]), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=np.inf)
    assert abs(by_chance(rows, draws=200_000) - peer.pvalue) < 4 * np.sqrt(peer.pvalue / 200_000)


def test_slots_are_plain_means_of_their_events():
    g = np.random.default_rng(2)
    plan = schedule(boundaries(datetime(2026, 1, 5, tzinfo=UTC), "1h", 20), ["a", "b"], "x")
    row, value = g.integers(0, 40, 500), g.normal(0, 1, 500)
    found = slot_means(plan, plan["region"][row], plan["end"][row] - 1, value)
    np.testing.assert_allclose(found, [value[row == k].mean() for k in range(40)], rtol=1e-12)
