"""Permutation and bootstrap against SciPy, on the same allocations and the same draws."""

import numpy as np
import pytest
from scipy import stats

from millrace.experiments.comparison import Asked
from millrace.experiments.permutation import permutation
from millrace.experiments.resampling import bootstrap
from millrace.experiments.two_arms import two_arms

G = np.random.default_rng(5)
CONTROL, TREATMENT = G.lognormal(size=7), G.lognormal(0.6, size=6)
ARMS = two_arms(np.concatenate([CONTROL, TREATMENT]), np.repeat([False, True], [7, 6]))


def welch(one, other, axis=-1):
    return stats.ttest_ind(one, other, axis=axis, equal_var=False).statistic


def means(one, other, axis=-1):
    return one.mean(axis=axis) - other.mean(axis=axis)


@pytest.mark.parametrize("statistic, theirs", [("studentised", welch), ("difference", means)])
@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_exact_p_value_is_that_of_scipy(statistic, theirs, alternative):
    size = theirs if alternative != "two-sided" else lambda one, other, axis=-1: np.abs(theirs(one, other, axis))
    side = alternative if alternative != "two-sided" else "greater"
    expected = stats.permutation_test((TREATMENT, CONTROL), size, n_resamples=np.inf, alternative=side, vectorized=True)
    found = permutation("m", ARMS, Asked(alternative=alternative), seed=0, statistic=statistic)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.method == "permutation, exact"


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
@pytest.mark.parametrize("by, theirs", [("percentile", "percentile"), ("BCa", "BCa")])
def test_interval_is_that_of_scipy_on_the_same_draws(by, theirs, alternative):
    expected = stats.bootstrap(
        (CONTROL, TREATMENT),
        lambda control, treatment, axis=-1: treatment.mean(axis=axis) - control.mean(axis=axis),
        n_resamples=1999,
        confidence_level=0.9,
        alternative=alternative,
        method=theirs,
        rng=np.random.default_rng(3),
    ).confidence_interval
    found = bootstrap("m", ARMS, Asked(confidence=0.9, alternative=alternative), seed=3, by=by)
    assert (found.low, found.high) == (pytest.approx(expected.low, rel=1e-9), pytest.approx(expected.high, rel=1e-9))


def test_studentised_interval_is_that_of_a_plain_loop():
    rng, draws = np.random.default_rng(9), 199
    picks = [rng.integers(0, n, (draws, n)) for n in (7, 6)]
    seen, error = TREATMENT.mean() - CONTROL.mean(), np.sqrt(CONTROL.var(ddof=1) / 7 + TREATMENT.var(ddof=1) / 6)
    away = []
    for one, other in zip(*picks, strict=True):
        control, treatment = CONTROL[one], TREATMENT[other]
        away.append((treatment.mean() - control.mean() - seen) / np.sqrt(control.var(ddof=1) / 7 + treatment.var(ddof=1) / 6))
    away.sort()
    found = bootstrap("m", ARMS, seed=9, draws=draws, by="studentised")
    assert found.low == pytest.approx(seen - away[194] * error, rel=1e-9)  # (199 + 1) · 0.025 is the fifth from either end
    assert found.high == pytest.approx(seen - away[4] * error, rel=1e-9)
    assert found.p_value == pytest.approx(
        2 * min((1 + sum(a >= seen / error for a in away)) / 200, (1 + sum(a <= seen / error for a in away)) / 200)
    )
    both = bootstrap("m", ARMS, seed=9, draws=draws)
    far = sorted(abs(a) for a in away)[189] * error  # 200 · 0.05 is the tenth from the end
    assert (both.low, both.high) == (pytest.approx(seen - far, rel=1e-9), pytest.approx(seen + far, rel=1e-9))
    assert both.p_value == pytest.approx((1 + sum(abs(a) >= seen / error for a in away)) / 200)
