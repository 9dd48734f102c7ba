"""Where nothing is different, permutation and bootstrap alarm as often as they say; their intervals hold what they promise, or warn."""

import numpy as np
import pytest

from millrace.experiments.comparison import Asked
from millrace.experiments.contrast import contrast
from millrace.experiments.permutation import permutation
from millrace.experiments.reasons import Reason
from millrace.experiments.rerandomised import rerandomised
from millrace.experiments.resampling import bootstrap
from millrace.experiments.two_arms import TwoArms

M = 10_000
CHANCE = 3 * np.sqrt(0.05 * 0.95 / M)
pytestmark = pytest.mark.slow


def normal(g, n):
    return TwoArms(g.normal(3, 1, n), np.ones(n), np.arange(n) % 2 == 0)


def skewed(g, n):
    return TwoArms(g.lognormal(0, 1, n), np.ones(n), np.arange(n) % 3 == 0)


def ratios(g, n):
    bottom = 1.0 + g.poisson(3, n)
    return TwoArms(g.binomial(bottom.astype(int), g.beta(2, 5, n)).astype(float), bottom, np.arange(n) % 2 == 0)


def alarms(draw, n, test):
    found = [test(draw(np.random.default_rng((7, seed)), n), seed).p_value <= 0.05 + 1e-12 for seed in range(M)]
    return float(np.mean(found))


@pytest.mark.parametrize("draw", [normal, skewed, ratios])
def test_permutation_keeps_its_level_whatever_the_law(draw):
    rate = alarms(draw, 24, lambda arms, seed: permutation("m", arms, seed=seed, draws=199))
    assert rate == pytest.approx(0.05, abs=CHANCE)


def test_permutation_among_balanced_lots_keeps_its_level():
    g = np.random.default_rng(3)
    age = g.normal(size=24)
    lots = rerandomised({"age": age}, seed=1, accept=0.1, draws=M + 199).treated

    def rejects(seed):
        value = age + g.normal(size=24)
        arms = TwoArms(value, np.ones(24), lots[seed])
        return permutation("m", arms, seed=0, allocations=lots[M:]).p_value <= 0.05 + 1e-12

    assert np.mean([rejects(seed) for seed in range(M)]) == pytest.approx(0.05, abs=CHANCE + 0.003)  # 199 lots stand for all


@pytest.mark.parametrize("by", ["symmetric", "studentised"])
@pytest.mark.parametrize("draw", [normal, ratios])
def test_studentised_bootstrap_keeps_its_level(draw, by):
    rate = alarms(draw, 120, lambda arms, seed: bootstrap("m", arms, seed=seed, by=by, draws=199))
    assert rate == pytest.approx(0.05, abs=CHANCE + 0.002)


def test_poisson_draws_keep_the_level_too():
    rate = alarms(normal, 80, lambda arms, seed: bootstrap("m", arms, seed=seed, draws=199, poisson=True))
    assert rate == pytest.approx(0.05, abs=CHANCE + 0.002)


@pytest.mark.parametrize("n, of_treatment", [(300, 3), (600, 6), (1500, 15), (600, 20)])
def test_interval_of_log_normal_values_holds_or_warns(n, of_treatment):
    held = warned = plain = 0
    experiments = 2000
    for seed in range(experiments):
        g = np.random.default_rng((11, seed))
        arms = TwoArms(g.lognormal(0, 1, n), np.ones(n), np.arange(n) % of_treatment == 0)
        found = bootstrap("m", arms, seed=seed, draws=399)
        held += found.low <= 0 <= found.high
        warned += Reason.SKEWED in [caution.reason for caution in found.cautions]
        usual = contrast("m", *arms.figures("m"), Asked())
        plain += usual.low <= 0 <= usual.high
    figures = f"bootstrap {held / experiments:.4f}, warned {warned / experiments:.3f}, Welch {plain / experiments:.4f}"
    assert abs(held / experiments - 0.95) <= 0.01 + 2 * np.sqrt(0.05 * 0.95 / experiments) or warned / experiments > 0.5, figures
