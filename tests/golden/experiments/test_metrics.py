"""Metrics against SciPy, statsmodels and tea-tasting, to 1e-9."""

import numpy as np
import pandas as pd
import pytest
import tea_tasting as tt
from scipy import stats
from statsmodels.stats import multitest
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
    proportions_ztest,
    score_test_proportions_2indep,
)
from statsmodels.stats.proportion import (
    test_proportions_2indep as wald_test,
)

from millrace.experiments.comparison import Asked
from millrace.experiments.metric import PLAIN
from millrace.experiments.metrics import Mean, Proportion, Quantile, Ratio
from millrace.experiments.multiplicity import benjamini_hochberg, bonferroni, confidence_each, dunnett, holm
from millrace.experiments.proportions import Share, newcombe, pooled_z, score, score_interval
from millrace.experiments.summary import summarise
from millrace.types import Array

wald_test.__test__ = False


def near(expected: float):
    return pytest.approx(expected, rel=1e-9, abs=1e-12)


def units(n: int = 400) -> tuple[dict[str, Array], Array]:
    """Return units of two arms of different size, whose clicks and views go with what they did before."""
    g = np.random.default_rng(7)
    arm = np.where(g.random(n) < 0.3, "b", "a")
    before = g.gamma(2.0, 3.0, n)
    views = g.poisson(before) + 1.0
    clicks = g.binomial(views.astype(int), np.where(arm == "b", 0.35, 0.3)).astype(float)
    return {
        "before": before,
        "age": g.normal(40, 9, n),
        "views": views,
        "clicks": clicks,
        "paid": g.lognormal(0, 1, n) * (arm == "b") + before,
    }, arm


def ours(metric, asked: Asked = PLAIN):
    columns, arm = units()
    summaries = summarise(columns, arm, metric.needs())
    return metric.compare(summaries["a"], summaries["b"], asked)


def theirs(metric, **options):
    columns, arm = units()
    rows = pd.DataFrame({**columns, "variant": arm})
    experiment = tt.Experiment({"m": metric}, variant="variant")
    return experiment.analyze(rows, control="a")["m"]


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
@pytest.mark.parametrize("pooled", [False, True])
def test_mean_is_scipys_t_test(alternative: str, pooled: bool) -> None:
    columns, arm = units()
    found = ours(Mean("views", pooled=pooled), Asked(alternative=alternative, confidence=0.9))
    result = stats.ttest_ind(columns["views"][arm == "b"], columns["views"][arm == "a"], equal_var=pooled, alternative=alternative)
    interval = result.confidence_interval(0.9)
    assert (found.p_value, found.low, found.high) == (near(result.pvalue), near(interval.low), near(interval.high))


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
@pytest.mark.parametrize(
    ("mine", "other"),
    [
        (Mean("views"), {"numer": "views"}),
        (Mean("views", covariates=("before",)), {"numer": "views", "numer_covariate": "before"}),
        (Ratio("clicks", "views"), {"numer": "clicks", "denom": "views"}),
        (Ratio("clicks", "views", covariates=("before",)), {"numer": "clicks", "denom": "views", "numer_covariate": "before"}),
    ],
)
def test_mean_ratio_and_cuped_are_tea_tastings(mine, other, alternative: str) -> None:
    found = ours(mine, Asked(alternative=alternative, relative_by="log"))
    result = theirs(tt.RatioOfMeans(**other, alternative=alternative))
    assert (found.control.value, found.treatment.value) == (near(result.control), near(result.treatment))
    assert (found.difference, found.p_value) == (near(result.effect_size), near(result.pvalue))
    assert (found.low, found.high) == (near(result.effect_size_ci_lower), near(result.effect_size_ci_upper))
    assert found.relative == near(result.rel_effect_size)
    ends = [(found.relative_low, result.rel_effect_size_ci_lower), (found.relative_high, result.rel_effect_size_ci_upper)]
    for mine_end, their_end in ends:
        assert mine_end == near(their_end) or (mine_end == -1 and their_end == -np.inf)  # a ratio is never below 0


def test_several_covariates_are_a_regression_on_them() -> None:
    columns, arm = units()
    both = np.column_stack([columns["before"], columns["age"]])
    centred, value = both - both.mean(axis=0), columns["views"]
    slopes = np.linalg.lstsq(centred, value - value.mean(), rcond=None)[0]
    left = value - centred @ slopes
    found = ours(Mean("views", covariates=("before", "age")))
    result = stats.ttest_ind(left[arm == "b"], left[arm == "a"], equal_var=False)
    assert (found.difference, found.p_value) == (near(left[arm == "b"].mean() - left[arm == "a"].mean()), near(result.pvalue))


def test_relative_difference_by_delta_is_the_textbooks() -> None:
    columns, arm = units()
    a, b = columns["views"][arm == "a"], columns["views"][arm == "b"]
    found = ours(Mean("views"))
    parts = [b.var(ddof=1) / len(b) / a.mean() ** 2, (b.mean() / a.mean()) ** 2 * a.var(ddof=1) / len(a) / a.mean() ** 2]
    df = sum(parts) ** 2 / (parts[0] ** 2 / (len(b) - 1) + parts[1] ** 2 / (len(a) - 1))
    half = stats.t.ppf(0.975, df) * np.sqrt(sum(parts))
    assert (found.relative_low, found.relative_high) == (near(b.mean() / a.mean() - 1 - half), near(b.mean() / a.mean() - 1 + half))


PAIRS = [(10, 100, 20, 100), (3, 1000, 12, 900), (0, 400, 4, 500), (450, 500, 430, 500), (50, 50_000, 70, 50_000)]


def by_search(x0: int, n0: int, x1: int, n1: int, beyond: float) -> float:
    """Return the score statistic with the most likely proportions found by halving, where the likelihood stops growing."""

    def grows(p: float) -> bool:
        parts = [(x0, p), (x1, p + beyond)], [(n0 - x0, 1 - p), (n1 - x1, 1 - p - beyond)]
        up, down = (sum(x / at for x, at in part if x) for part in parts)
        return up > down

    low, high = max(0.0, -beyond), min(1.0, 1 - beyond)
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if grows(middle) else (low, middle)
    variance = (low * (1 - low) / n0 + (low + beyond) * (1 - low - beyond) / n1) * (n0 + n1) / (n0 + n1 - 1)
    return (x1 / n1 - x0 / n0 - beyond) / np.sqrt(variance)


@pytest.mark.parametrize(("x0", "n0", "x1", "n1"), PAIRS)
@pytest.mark.parametrize("beyond", [-0.3, -0.004, 0.004, 0.05])
def test_score_is_that_of_the_most_likely_proportions(x0: int, n0: int, x1: int, n1: int, beyond: float) -> None:
    """statsmodels 0.14 has a slip in its cubic, so it can only be compared with where nothing but equality is the hypothesis."""
    assert score(Share(x0, n0), Share(x1, n1), beyond) == pytest.approx(by_search(x0, n0, x1, n1, beyond), rel=1e-9)


@pytest.mark.parametrize(("x0", "n0", "x1", "n1"), PAIRS)
def test_score_of_no_difference_is_statsmodels(x0: int, n0: int, x1: int, n1: int) -> None:
    expected = score_test_proportions_2indep(x1, n1, x0, n0, return_results=False)[0]
    assert score(Share(x0, n0), Share(x1, n1)) == near(expected)


@pytest.mark.parametrize(
    ("x1", "n1", "x0", "n0", "by_score", "by_wilson"),
    [(56, 70, 48, 80, (0.0528, 0.3382), (0.0524, 0.3339)), (9, 10, 3, 10, (0.1700, 0.8406), (0.1705, 0.8090))],
)
def test_intervals_are_those_of_newcombe_1998_table_2(x1, n1, x0, n0, by_score, by_wilson) -> None:
    shares = Share(x0, n0), Share(x1, n1)
    assert score_interval(*shares, Asked()) == pytest.approx(by_score, abs=6e-5)
    assert newcombe(*shares, Asked()) == pytest.approx(by_wilson, abs=6e-5)


@pytest.mark.parametrize(("x0", "n0", "x1", "n1"), PAIRS)
def test_wilsons_intervals_and_the_pooled_test_are_statsmodels(x0: int, n0: int, x1: int, n1: int) -> None:
    shares = Share(x0, n0), Share(x1, n1)
    by_wilson = confint_proportions_2indep(x1, n1, x0, n0, method="newcomb", compare="diff")
    assert newcombe(*shares, Asked()) == pytest.approx(by_wilson, rel=1e-9, abs=1e-12)
    z, p, _ = pooled_z(*shares, Asked())
    assert (z, p) == pytest.approx(proportions_ztest([x1, x0], [n1, n0]), rel=1e-9)


@pytest.mark.parametrize(("x0", "n0", "x1", "n1"), PAIRS)
def test_ends_of_the_score_interval_are_what_the_test_only_just_rejects(x0: int, n0: int, x1: int, n1: int) -> None:
    low, high = score_interval(Share(x0, n0), Share(x1, n1), Asked())
    z = stats.norm.ppf(0.975)
    assert (by_search(x0, n0, x1, n1, low), by_search(x0, n0, x1, n1, high)) == (pytest.approx(z, rel=1e-8), pytest.approx(-z, rel=1e-8))


def test_proportion_by_wald_is_statsmodels() -> None:
    columns, arm = units()
    hit = columns["clicks"] > 2
    counts = [(int(hit[arm == name].sum()), int((arm == name).sum())) for name in "ba"]
    found = _of(Proportion("hit", by="wald"), hit, arm)
    result = wald_test(*counts[0], *counts[1], method="wald")
    low, high = confint_proportions_2indep(*counts[0], *counts[1], method="wald")
    assert (found.p_value, found.low, found.high) == (near(result.pvalue), near(low), near(high))


def _of(metric, values: Array, arm: Array):
    summaries = summarise({"hit": values}, arm, metric.needs())
    return metric.compare(summaries["a"], summaries["b"])


def test_quantiles_are_numpys_and_their_error_is_that_of_the_ordered_values() -> None:
    values = np.random.default_rng(3).gamma(2, 2, 1001)
    arm = np.where(np.arange(1001) % 2, "a", "b")
    found = _of(Quantile("hit", 0.9), values, arm)
    assert (found.control.value, found.treatment.value) == (
        near(np.quantile(values[arm == "a"], 0.9)),
        near(np.quantile(values[arm == "b"], 0.9)),
    )


def test_limited_values_are_limited_before_anything_else() -> None:
    columns, arm = units()
    limit = np.quantile(columns["paid"], 0.9)
    capped = np.minimum(columns["paid"], limit)
    result = stats.ttest_ind(capped[arm == "b"], capped[arm == "a"], equal_var=False)
    assert ours(Mean("paid", winsorise=0.9)).p_value == near(result.pvalue)
    assert ours(Mean("paid", cap=float(limit))).p_value == near(result.pvalue)


@pytest.mark.parametrize("seed", range(5))
def test_adjusted_p_values_are_statsmodels(seed: int) -> None:
    p = np.random.default_rng(seed).random(1 + 4 * seed) ** 3
    for adjust, method in ((bonferroni, "bonferroni"), (holm, "holm"), (benjamini_hochberg, "fdr_bh")):
        assert np.exp(adjust(np.log(p))) == pytest.approx(multitest.multipletests(p, method=method)[1], rel=1e-9)


@pytest.mark.parametrize(("arms", "critical"), [(2, 2.21), (3, 2.35), (4, 2.44), (5, 2.51)])
def test_dunnetts_critical_values_are_those_of_his_table(arms: int, critical: float) -> None:
    """Dunnett (1964), New Tables for Multiple Comparisons with a Control: two-sided, 5 %, infinite degrees of freedom."""
    assert stats.norm.ppf(0.5 + confidence_each(0.95, np.full(arms, 0.5)) / 2) == pytest.approx(critical, abs=0.006)


def test_dunnett_is_scipys_where_many_units_make_t_normal() -> None:
    g = np.random.default_rng(0)
    control, *arms = (g.normal(shift, 1, 20_000) for shift in (0.0, 0.02, 0.015, 0.0))
    result = stats.dunnett(*arms, control=control, rng=1)
    plain = [stats.ttest_ind(arm, control).pvalue for arm in arms]
    found = np.exp(dunnett(np.log(plain), np.full(3, 0.5)))
    assert found == pytest.approx(result.pvalue, abs=2e-3)  # theirs is itself drawn at random
