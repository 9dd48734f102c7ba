"""Clustered, stratified and paired comparisons against statsmodels, SciPy, the definitions written out, and by hand."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import linalg, stats

from millrace.experiments.clustered import clustered
from millrace.experiments.comparison import Asked
from millrace.experiments.matched_pairs import matched_pairs
from millrace.experiments.sandwich import Sandwich
from millrace.experiments.stratified import stratified

G = np.random.default_rng(1)
CLUSTER = np.repeat(np.arange(11), G.integers(2, 9, 11))
N = len(CLUSTER)
WHOLE, WITHIN = CLUSTER % 3 == 0, G.random(N) < 0.5
BESIDE = G.normal(size=N)
VALUE = G.normal(size=11)[CLUSTER] + G.normal(size=N) + 0.3 * BESIDE + 2
WEIGHT = G.uniform(0.5, 3, N)
CASES = [(treated, weight, beside) for treated in (WHOLE, WITHIN) for weight in (np.ones(N), WEIGHT) for beside in (None, BESIDE)]


def design_of(treated, weight, beside):
    columns = [] if beside is None else [beside - np.average(beside, weights=weight)]
    return np.column_stack([np.ones(N), treated, *columns])


@pytest.mark.parametrize("treated, weight, beside", CASES)
def test_cr0_is_that_of_statsmodels(treated, weight, beside):
    fit = sm.WLS(VALUE, design_of(treated, weight, beside), weights=weight)
    theirs = fit.fit(cov_type="cluster", cov_kwds={"groups": CLUSTER, "use_correction": False})
    found = clustered("m", VALUE * weight, treated, CLUSTER, bottom=weight, covariates=beside, by="CR0")
    assert found.difference == pytest.approx(theirs.params[1], rel=1e-9)
    assert found.error == pytest.approx(theirs.bse[1], rel=1e-9)
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(theirs.params[1] / theirs.bse[1]), 10), rel=1e-9)


@pytest.mark.parametrize("treated, weight, beside", CASES)
def test_cr2_and_its_degrees_of_freedom_are_their_definition_on_whole_matrices(treated, weight, beside):
    x = design_of(treated, weight, beside) * np.sqrt(weight)[:, None]
    bread = np.linalg.inv(x.T @ x)
    left = np.eye(N) - x @ bread @ x.T
    residual = left @ (VALUE * np.sqrt(weight))
    variance, pulls = 0.0, []
    for one in range(11):
        mine = one == CLUSTER
        mended = np.linalg.inv(linalg.sqrtm(left[np.ix_(mine, mine)]).real) @ x[mine] @ bread[:, 1]
        variance += float(mended @ residual[mine]) ** 2
        pulls.append(left[:, mine] @ mended)
    gram = np.array(pulls) @ np.array(pulls).T
    df = np.trace(gram) ** 2 / np.trace(gram @ gram)
    found = clustered("m", VALUE * weight, treated, CLUSTER, bottom=weight, covariates=beside)
    assert found.error == pytest.approx(np.sqrt(variance), rel=1e-9)
    expected = 2 * stats.t.sf(abs(found.difference) / np.sqrt(variance), df)
    assert found.p_value == pytest.approx(expected, rel=1e-9)


def test_clusters_of_one_row_are_welch_with_the_degrees_of_freedom_of_arms_that_vary_alike():
    treated = np.arange(N) < 20
    found = clustered("m", VALUE, treated, np.arange(N))
    theirs = stats.ttest_ind(VALUE[treated], VALUE[~treated], equal_var=False)
    assert found.difference / found.error == pytest.approx(theirs.statistic, rel=1e-9)
    # Imbens & Kolesár (2016): (1/n1 + 1/n0)² / (1/(n1² (n1 - 1)) + 1/(n0² (n0 - 1)))
    n1, n0 = 20, N - 20
    df = (1 / n1 + 1 / n0) ** 2 / (1 / (n1**2 * (n1 - 1)) + 1 / (n0**2 * (n0 - 1)))
    design = np.column_stack([np.ones(N), treated])
    assert Sandwich.fitted(design, VALUE, np.ones(N), np.arange(N)).error(np.array([0.0, 1.0])).df == pytest.approx(df, rel=1e-9)


def test_clusters_of_one_row_with_covariates_are_hc2_of_statsmodels():
    theirs = sm.OLS(VALUE, design_of(WITHIN, np.ones(N), BESIDE)).fit(cov_type="HC2")
    found = clustered("m", VALUE, WITHIN, np.arange(N), covariates=BESIDE)
    assert (found.difference, found.error) == (pytest.approx(theirs.params[1], rel=1e-9), pytest.approx(theirs.bse[1], rel=1e-9))


def test_a_ratio_of_totals_is_the_same_by_row_and_by_cluster():
    rows = clustered("m", VALUE, WHOLE, CLUSTER, bottom=WEIGHT)
    sums = [np.bincount(CLUSTER, weights=each) for each in (VALUE, WEIGHT)]
    totals = clustered("m", sums[0], np.arange(11) % 3 == 0, np.arange(11), bottom=sums[1])
    assert rows.difference == pytest.approx(VALUE[WHOLE].sum() / WEIGHT[WHOLE].sum() - VALUE[~WHOLE].sum() / WEIGHT[~WHOLE].sum(), rel=1e-9)
    assert (rows.error, rows.p_value) == (pytest.approx(totals.error, rel=1e-9), pytest.approx(totals.p_value, rel=1e-9))


def test_strata_by_hand():
    # Stratum a: 1, 3 against 4, 6: difference 3, variances 2 and 2. Stratum b: 10, 14 against 10, 18: 2, variances 8 and 32.
    value = np.array([1, 3, 4, 6, 10, 14, 10, 18], dtype=float)
    treated, stratum = np.array([0, 0, 1, 1, 0, 0, 1, 1], dtype=bool), np.repeat(["a", "b"], 4)
    found = stratified("m", value, treated, stratum)
    assert found.difference == pytest.approx(2.5, rel=1e-12)
    variance = 0.25 * (1 + 1) + 0.25 * (4 + 16)
    assert found.error == pytest.approx(np.sqrt(variance), rel=1e-12)
    df = variance**2 / sum((0.25 * part) ** 2 / 1 for part in (1, 1, 4, 16))
    assert found.p_value == pytest.approx(2 * stats.t.sf(2.5 / np.sqrt(variance), df), rel=1e-9)
    weighed = stratified("m", value, treated, stratum, weights={"a": 3, "b": 1})
    assert weighed.difference == pytest.approx(0.75 * 3 + 0.25 * 2, rel=1e-12)


def test_one_stratum_is_welch():
    theirs = stats.ttest_ind(VALUE[WITHIN], VALUE[~WITHIN], equal_var=False)
    found = stratified("m", VALUE, WITHIN, np.zeros(N), Asked(confidence=0.9))
    low, high = theirs.confidence_interval(0.9)
    assert (found.p_value, found.low, found.high) == tuple(pytest.approx(x, rel=1e-9) for x in (theirs.pvalue, low, high))


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_pairs_are_the_paired_t_test_of_scipy(alternative):
    one, other = G.normal(size=12), G.normal(0.5, 2, size=12)
    theirs = stats.ttest_rel(other, one, alternative=alternative)
    order = G.permutation(24)
    value, treated, pair = np.concatenate([one, other])[order], (np.arange(24) >= 12)[order], np.tile(np.arange(12), 2)[order]
    found = matched_pairs("m", value, treated, pair, Asked(alternative=alternative))
    assert found.p_value == pytest.approx(theirs.pvalue, rel=1e-9)
    assert found.low == pytest.approx(theirs.confidence_interval().low, rel=1e-9)
