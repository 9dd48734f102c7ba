"""Synthetic controls: how often a unit without effect stands out, and what a search begun once misses."""

import numpy as np
import pytest

from millrace.experiments.placebo import in_space
from millrace.experiments.synthetic_control import synthetic_control
from tests.experiments.panels import alike, panel


@pytest.mark.slow
def test_placebos_rank_a_unit_without_effect_as_any_other():
    """10,000 panels of twenty units, each of which is refitted as if it were treated."""
    found = np.zeros(10_000)
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
