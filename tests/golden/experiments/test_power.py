"""Plans against statsmodels, and by hand."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import NormalIndPower, TTestIndPower, normal_power_het

from millrace.experiments.design import Design
from millrace.experiments.multiplicity import confidence_each
from millrace.experiments.power import detectable, power_of, units_for
from millrace.experiments.spread import Spread, mean, quantile, ratio, share

SIDES = {"two-sided": "two-sided", "greater": "larger", "less": "smaller"}


@pytest.mark.parametrize("alternative", SIDES)
@pytest.mark.parametrize("n, treated", [(4, 4), (12, 30), (64, 64), (1000, 200), (200_000, 200_000)])
@pytest.mark.parametrize("alpha", [0.05, 0.001])
def test_power_of_a_t_test_is_that_of_statsmodels(alternative, n, treated, alpha):
    size = 2.6 / np.sqrt(1 / (1 / n + 1 / treated)) * (-1 if alternative == "less" else 1)
    design = Design(alpha=alpha, alternative=alternative, shares=(n / (n + treated), treated / (n + treated)), pooled=True)
    expected = TTestIndPower().power(size, n, alpha, ratio=treated / n, alternative=SIDES[alternative])
    assert power_of(mean(10.0, 9.0), n + treated, 3 * size, design) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_arms_of_one_size_that_vary_alike_are_planned_alike_by_welch_and_student():
    for units in (10, 100, 5000):
        plain, student = (power_of(mean(0.0, 1.0), units, 0.4, Design(pooled=pooled)) for pooled in (False, True))
        assert plain == pytest.approx(student, rel=1e-12)


@pytest.mark.parametrize("effect, power", [(0.5, 0.8), (0.2, 0.9), (0.01, 0.8)])
def test_units_are_the_first_whole_number_above_that_of_statsmodels(effect, power):
    fraction = TTestIndPower().solve_power(effect, power=power, alpha=0.05)
    units = units_for(mean(0.0, 1.0), effect, power)
    assert units == int(np.ceil(2 * fraction))
    assert power_of(mean(0.0, 1.0), units, effect) >= power > power_of(mean(0.0, 1.0), units - 1, effect)


@pytest.mark.parametrize("n", [50, 4000])
def test_statsmodels_gives_the_detectable_effect_the_power_asked_for(n):
    # Its own solver stops some 1e-6 short of the root, so its power is held against 0.8 rather than its root against ours.
    effect = detectable(mean(0.0, 4.0), 2 * n)
    assert TTestIndPower().power(effect / 2, n, 0.05) == pytest.approx(0.8, rel=1e-9)
    assert effect / 2 == pytest.approx(TTestIndPower().solve_power(None, nobs1=n, power=0.8, alpha=0.05), rel=1e-4)


@pytest.mark.parametrize("p, effect, n", [(0.1, 0.01, 15_000), (0.001, 0.0004, 60_000), (0.5, -0.03, 3000)])
def test_power_of_shares_is_that_of_the_normal_with_both_variances(p, effect, n):
    """The test takes the variance of no difference, short of Miettinen and Nurminen's factor, and what it finds has another."""
    pooled = np.sqrt(2 * (p + effect / 2) * (1 - p - effect / 2) * 2 * n / (2 * n - 1))
    spread = np.sqrt(p * (1 - p) + (p + effect) * (1 - p - effect))
    expected = normal_power_het(abs(effect), n, 0.05, std_null=pooled, std_alternative=spread, alternative="larger")
    away, wide = effect / (spread / np.sqrt(n)), pooled / spread * stats.norm.isf(0.025)
    both = stats.norm.sf(wide - away) + stats.norm.cdf(-wide - away)
    assert power_of(share(p), 2 * n, effect) == pytest.approx(both, rel=1e-9)
    side = "greater" if effect > 0 else "less"
    assert power_of(share(p), 2 * n, effect, Design(alternative=side)) == pytest.approx(expected, rel=1e-9)


def test_a_known_variance_plans_by_the_normal():
    known = Spread(value=0.0, variance=1.0, per_df=0.0)
    assert power_of(known, 400, 0.3) == pytest.approx(NormalIndPower().power(0.3, 200, 0.05), rel=1e-9)


def test_non_inferiority_is_the_textbook_formula():
    # n per arm = 2 σ² (z_0.025 + z_0.1)² / margin², the drug no worse than by 5 with σ = 10: Julious (2004), 85.03 and so 86 (normal).
    known = Spread(value=50.0, variance=100.0, per_df=0.0)
    design = Design(alpha=0.025, alternative="greater", beyond=-5.0)
    assert units_for(known, effect=0.0, power=0.9, design=design) == int(np.ceil(2 * 2 * 100 * (1.959964 + 1.281552) ** 2 / 25))
    mirrored = Design(alpha=0.025, alternative="less", beyond=5.0)
    assert units_for(known, effect=0.0, power=0.9, design=mirrored) == units_for(known, effect=0.0, power=0.9, design=design)


def test_clusters_of_unequal_size_are_planned_by_their_design_effect():
    # Eldridge, Ashby & Kerry (2006): 1 + ((cv² + 1) m - 1) ρ with m = 20, ρ = 0.05, cv = 0.65 is 2.3725.
    assert mean(0.0, 1.0).clustered(20, 0.05, 0.65).variance == pytest.approx(2.3725, rel=1e-12)
    clusters = mean(0.0, 1.0).clustered(20, 0.05)
    error = np.sqrt(1.95 * 2 / 200)
    critical = stats.t.isf(0.025, 18)
    expected = stats.nct.sf(critical, 18, 0.5 / error) + stats.nct.cdf(-critical, 18, 0.5 / error)
    assert power_of(clusters, 400, 0.5) == pytest.approx(expected, rel=1e-9)


def test_covariates_that_explain_half_halve_the_units():
    known = Spread(value=0.0, variance=1.0, per_df=0.0)
    assert units_for(known.explained(0.5), 0.01) == pytest.approx(units_for(known, 0.01) / 2, abs=1)


def test_several_treatments_share_the_level_by_dunnett():
    design = Design(shares=(0.4, 0.3, 0.3))
    part = 0.3 / 0.7
    alone = Design(alpha=1 - confidence_each(0.95, np.array([part, part])), shares=(4 / 7, 3 / 7))
    assert power_of(mean(0.0, 1.0), 1000, 0.2, design) == pytest.approx(power_of(mean(0.0, 1.0), 700, 0.2, alone), rel=1e-9)
    assert 0.025 < design.level < 0.05


def test_ratios_and_quantiles_have_the_variance_of_their_linear_form():
    # clicks per view: means 2 and 10, variances 4 and 25, covariance 6: (4 - 2·0.2·6 + 0.04·25) / 100.
    assert ratio(2.0, 10.0, 4.0, 25.0, 6.0).variance == pytest.approx(0.026, rel=1e-12)
    assert quantile(0.0, 0.5, stats.norm.pdf(0)).variance == pytest.approx(np.pi / 2, rel=1e-12)
