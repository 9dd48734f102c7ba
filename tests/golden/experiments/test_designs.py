"""Balance, re-randomisation, shrinkage and the winner's curse against SciPy, statsmodels, and by hand."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import integrate, stats
from statsmodels.stats.meta_analysis import combine_effects

from millrace.experiments.balance import balance
from millrace.experiments.comparison import Asked
from millrace.experiments.matching import whitened
from millrace.experiments.novelty import by_exposure_age
from millrace.experiments.propensity import propensity
from millrace.experiments.rerandomised import distances, rerandomised
from millrace.experiments.shrinkage import shrunk
from millrace.experiments.winners_curse import after_selection

G = np.random.default_rng(2)


def test_farthest_distance_is_that_of_kolmogorov_and_smirnov():
    treated, age = G.random(300) < 0.3, np.round(G.normal(size=300), 1)
    (row,) = balance({"age": age}, treated)
    assert row.farthest == pytest.approx(stats.ks_2samp(age[~treated], age[treated]).statistic, rel=1e-9)
    spread = np.sqrt((age[treated].var(ddof=1) + age[~treated].var(ddof=1)) / 2)
    assert row.standardised == pytest.approx((age[treated].mean() - age[~treated].mean()) / spread, rel=1e-9)
    assert row.variance_ratio == pytest.approx(age[treated].var(ddof=1) / age[~treated].var(ddof=1), rel=1e-9)


def test_rerandomised_distance_is_mahalanobis():
    rows = {"a": G.normal(size=30), "b": G.lognormal(size=30)}
    found = rerandomised(rows, seed=4, accept=0.2)
    both, treated = np.column_stack(list(rows.values())), found.treated[0]
    apart = both[treated].mean(axis=0) - both[~treated].mean(axis=0)
    expected = 7.5 * apart @ np.linalg.inv(np.cov(both.T)) @ apart  # 15 · 15 / 30
    assert found.distance[0] == pytest.approx(expected, rel=1e-9)
    assert distances(whitened(rows), treated[None])[0] == pytest.approx(expected, rel=1e-9)
    assert found.threshold == pytest.approx(stats.chi2.ppf(0.2, 2), rel=1e-9)
    # Morgan & Rubin (2012), theorem 3.1: v = 2/k γ(k/2 + 1, a/2) / γ(k/2, a/2)
    assert found.less == pytest.approx(1 - stats.chi2.cdf(found.threshold, 4) / 0.2, rel=1e-9)


@pytest.mark.parametrize("by, theirs", [("DerSimonian-Laird", "chi2"), ("Paule-Mandel", "iterated")])
def test_variance_between_is_that_of_statsmodels(by, theirs):
    estimate, error = np.array([0.3, -0.4, 1.9, 2.6, 0.1]), np.array([0.3, 0.5, 0.4, 0.9, 0.2])
    found = shrunk(estimate, error, by)
    expected = combine_effects(estimate, error**2, method_re=theirs, atol=1e-14, maxiter=1000)
    assert found.between == pytest.approx(expected.tau2, rel=1e-9)
    assert found.mean == pytest.approx(expected.mean_effect_re, rel=1e-9)
    assert found.mean_error == pytest.approx(expected.sd_eff_w_re, rel=1e-9)
    assert found.q == pytest.approx(expected.q, rel=1e-9)
    assert np.exp(found.log_p) == pytest.approx(stats.chi2.sf(expected.q, 4), rel=1e-9)


def test_eight_schools_are_drawn_as_in_the_textbook():
    # Gelman et al., Bayesian Data Analysis, 5.5: Q = 4.7 with 7 degrees of freedom, so τ² = 0 and all are drawn to the pooled 7.7 ± 4.1.
    estimate, error = np.array([28, 8, -3, 7, -1, 1, 18, 12.0]), np.array([15, 10, 16, 11, 9, 11, 10, 18.0])
    found = shrunk(estimate, error)
    assert (round(found.mean, 1), round(found.mean_error, 1), found.between) == (7.7, 4.1, 0.0)
    assert found.value == pytest.approx(np.full(8, found.mean), rel=1e-12)


@pytest.mark.parametrize(
    "z, threshold, alternative", [(2.5, 1.96, "two-sided"), (-3.1, 1.96, "two-sided"), (2.2, 1.645, "greater"), (-2.2, 1.645, "less")]
)
def test_selected_effect_solves_what_defines_it(z, threshold, alternative):
    found = after_selection(z, 1.0, threshold, alternative)
    pieces = {"two-sided": [(-12, -threshold), (threshold, 12)], "greater": [(threshold, 12)], "less": [(-12, -threshold)]}[alternative]

    def over(mean, function, pieces):
        return sum(integrate.quad(lambda x: function(x) * stats.norm.pdf(x - mean), *piece, epsabs=1e-13)[0] for piece in pieces)

    assert over(found.estimate, lambda x: x, pieces) / over(found.estimate, lambda x: 1, pieces) == pytest.approx(z, rel=1e-9)
    farther = [(z, 12)] if z > 0 else [(-12, z)]
    for mean, tail in ((found.median, 0.5), (found.low, 0.025 if z > 0 else 0.975), (found.high, 0.975 if z > 0 else 0.025)):
        assert over(mean, lambda x: 1, farther) / over(mean, lambda x: 1, pieces) == pytest.approx(tail, rel=1e-8)


def test_propensities_are_those_of_statsmodels():
    rows = {"a": G.normal(size=200), "b": G.exponential(size=200)}
    treated = G.random(200) < 1 / (1 + np.exp(1 - rows["a"] - 0.5 * rows["b"]))
    fit = sm.Logit(treated.astype(float), sm.add_constant(np.column_stack(list(rows.values())))).fit(disp=0, tol=1e-14)
    assert propensity(rows, treated) == pytest.approx(fit.fittedvalues, rel=1e-9, abs=1e-9)


def test_effect_by_age_of_units_seen_once_is_welch_at_each_age():
    age, treated, value = np.repeat([0, 1, 2], 20), np.tile([False, True], 30), G.normal(size=60)
    found = by_exposure_age(np.arange(60), treated, age, value, Asked(confidence=0.9))
    for one in found.ages:
        there = age == one.age
        theirs = stats.ttest_ind(value[there & treated], value[there & ~treated], equal_var=False)
        assert one.difference / one.error == pytest.approx(theirs.statistic, rel=1e-9)
    line = np.polyfit([0, 1, 2], [one.difference for one in found.ages], 1)[0]
    assert found.trend == pytest.approx(line, rel=1e-9)
    assert found.error == pytest.approx(np.sqrt(found.ages[0].error ** 2 + found.ages[2].error ** 2) / 2, rel=1e-9)


def test_units_seen_at_all_ages_have_the_trend_of_their_own_slopes():
    slopes = G.normal(size=24)
    treated, age = np.repeat(np.arange(24) % 2 == 0, 3), np.tile([0, 1, 2], 24)
    value = np.repeat(slopes, 3) * age + np.repeat(G.normal(size=24) * 9, 3)
    found = by_exposure_age(np.repeat(np.arange(24), 3), treated, age, value)
    theirs = stats.ttest_ind(slopes[::2], slopes[1::2], equal_var=False)
    assert found.trend / found.error == pytest.approx(theirs.statistic, rel=1e-9)
