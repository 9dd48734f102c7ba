"""Figures that others have printed: manuals, textbooks and documentation. Each says whose they are."""

import numpy as np
import pytest
import tea_tasting as tt

from millrace.experiments.beta_binomial import BetaBinomial, Counted
from millrace.experiments.comparison import Asked
from millrace.experiments.design import Design
from millrace.experiments.group_sequential import boundaries, drift_for, futility
from millrace.experiments.matched_pairs import matched_pairs
from millrace.experiments.metrics import Mean, Ratio
from millrace.experiments.multiplicity import benjamini_hochberg, bonferroni
from millrace.experiments.permutation import permutation
from millrace.experiments.power import power_of, units_for
from millrace.experiments.sandwich import Sandwich
from millrace.experiments.spending import HwangShihDeCani
from millrace.experiments.spread import mean, share
from millrace.experiments.summary import summarise
from millrace.experiments.two_arms import TwoArms

ONE = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
OTHER = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])
"""Hours of sleep that ten patients gained by two drugs: Cushny & Peebles (1905), as Student (1908) and R's data set `sleep` have them."""


def compared(metric, columns, arm, asked=None):
    summaries = summarise(columns, arm, metric.needs())
    return metric.compare(summaries["a"], summaries["b"], asked or Asked())


def test_sleep_gained_by_two_drugs_is_as_r_s_manual_prints_it():
    """t.test(extra ~ group): t = -1.8608, df = 17.776, p = 0.07939, -3.3654832 to 0.2054832, which is group 1 less group 2."""
    found = compared(Mean("x"), {"x": np.concatenate([OTHER, ONE])}, np.repeat(["a", "b"], 10))
    assert (found.low, found.high) == (pytest.approx(-3.3654832, abs=5e-8), pytest.approx(0.2054832, abs=5e-8))
    assert found.p_value == pytest.approx(0.07939, abs=5e-6)
    assert found.difference == pytest.approx(-1.58, rel=1e-9)


def test_sleep_of_the_same_patients_is_as_r_s_manual_prints_it():
    """t.test(Pair(extra.1, extra.2) ~ 1): t = -4.0621, df = 9, p = 0.002833, -2.4598858 to -0.7001142."""
    treated, pair = np.repeat([False, True], 10), np.tile(np.arange(10), 2)
    found = matched_pairs("m", np.concatenate([OTHER, ONE]), treated, pair)
    assert (found.low, found.high) == (pytest.approx(-2.4598858, abs=5e-8), pytest.approx(-0.7001142, abs=5e-8))
    assert found.p_value == pytest.approx(0.002833, abs=5e-7)


def test_darwin_s_maize_is_as_fisher_has_it():
    """Fisher (1935), The Design of Experiments, sections 16, 17 and 21: fifteen pairs, t = 2.148, p = 0.0497 by Student's law.

    Among all 2^15 ways to give the differences signs, 1,726 sum to as much as 314 eighths of an inch, to either side: 5.267 %.
    """
    eighths = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48], dtype=float)
    value, treated, pair = np.concatenate([np.zeros(15), eighths]), np.repeat([False, True], 15), np.tile(np.arange(15), 2)
    found = matched_pairs("m", value, treated, pair)
    assert found.difference / found.error == pytest.approx(2.148, abs=5e-4)
    assert found.p_value == pytest.approx(0.0497, abs=5e-5)
    signs = (np.arange(2**15)[:, None] >> np.arange(15) & 1) * 2 - 1
    assert int((np.abs(signs @ eighths) >= 314).sum()) == 1726
    allocations = np.concatenate([signs < 0, signs > 0], axis=1)  # which of a pair was crossed
    crossed = TwoArms(value, np.ones(30), treated)
    by_signs = permutation("m", crossed, seed=0, statistic="difference", allocations=allocations)
    assert by_signs.p_value == pytest.approx(1726 / 2**15, abs=2e-4)


def test_sizes_are_those_of_r_s_manual():
    """power.t.test(n = 20, delta = 1, sd = 1): 0.8689528; (power = .90, delta = 1): n = 22.02110; one.sided: 17.84713.

    By default it leaves out the chance to be found on the wrong side, 2e-7 here.
    """
    design = Design(pooled=True)
    assert power_of(mean(0.0, 1.0), 40, 1.0, design) == pytest.approx(0.8689528, abs=3e-7)
    assert units_for(mean(0.0, 1.0), 1.0, 0.9, design) == int(np.ceil(2 * 22.02110))
    assert units_for(mean(0.0, 1.0), 1.0, 0.9, Design(pooled=True, alternative="greater")) == int(np.ceil(2 * 17.84713))


def test_sizes_of_shares_are_those_of_r_s_manual():
    """power.prop.test(n = 50, p1 = .50, p2 = .75): 0.740; (power = .90): n = 76.7. Without Miettinen and Nurminen's factor."""
    assert power_of(share(0.5), 100, 0.25) == pytest.approx(0.740, abs=0.004)
    assert units_for(share(0.5), 0.25, 0.9) / 2 == pytest.approx(76.7, abs=1)


def test_sizes_are_those_of_cohen_and_of_kohavi_s_rule():
    """Cohen (1988), table 2.4.1: 64 and 393 units an arm find 0.5 and 0.2 deviations with 80 %. Kohavi, Longbotham, Sommerfield & Henne
    (2009), section 3.2: 16 σ² / Δ², so some 121,600 users an arm for 5 % of buyers and a change of a twentieth of that."""
    assert units_for(mean(0.0, 1.0), 0.5, design=Design(pooled=True)) == 2 * 64
    assert units_for(mean(0.0, 1.0), 0.2, design=Design(pooled=True)) / 2 == pytest.approx(393, abs=1)
    assert units_for(share(0.05), 0.0025) / 2 == pytest.approx(121_600, rel=0.02)


def test_boundaries_are_those_that_gsdesign_prints_by_default():
    """gsDesign(): three looks, 2.5 % to one side, 90 % power, Hwang, Shih & DeCani's -4 for benefit and -2 for futility."""
    times = np.arange(1, 4) / 3
    high = boundaries(times, 0.025, HwangShihDeCani(-4.0), 1).high
    assert high == pytest.approx([3.0107, 2.5465, 1.9992], abs=5.1e-5)
    drift = drift_for(times, high, 0.1, HwangShihDeCani(-2.0))
    assert futility(times, high, 0.1, HwangShihDeCani(-2.0), drift)[:2] == pytest.approx([-0.2387, 0.9411], abs=5.1e-5)
    assert (drift / (1.959964 + 1.281552)) ** 2 == pytest.approx(1.0699, abs=5.1e-5)


def test_bets_on_a_proportion_are_those_of_confseq():
    """Its unit test, two-sided: a share of 0.2, intrinsic time 100, so 625 units of which 125 + 10 have it; and its boundary, 31.4308."""
    r = 12.60056 - 0.2 * 0.8
    bets = BetaBinomial(r / 0.8, r / 0.2)
    assert bets.log_evidence(Counted(135, 625), 0.2) == pytest.approx(-0.6941012, abs=5e-7)
    assert bets.log_evidence(Counted(125 + 31.4308, 625), 0.2) == pytest.approx(np.log(20), abs=1e-5)


def test_a_mean_of_clusters_has_the_error_that_clubsandwich_is_held_to():
    """The closed forms in its tests: variances by cluster mended by their part of all rows, and what they are worth."""
    g = np.random.default_rng(3)
    sizes = np.array([1, 4, 7, 2, 9, 3, 3, 5, 12, 6])
    cluster, total = np.repeat(np.arange(10), sizes), sizes.sum()
    y = g.normal(size=10)[cluster] + g.normal(size=total)
    apart = np.bincount(cluster, weights=y) / sizes - y.mean()
    fit = Sandwich.fitted(np.ones((total, 1)), y, np.ones(total), cluster)
    for by, part in (("CR0", 1.0), ("CR2", 1 - sizes / total)):
        assert fit.error(np.ones(1), by).size == pytest.approx(np.sqrt((sizes**2 * apart**2 / part).sum()) / total, rel=1e-9)
    left = total - sizes
    df = total**2 / (total**2 * (sizes**2 / left**2).sum() - 2 * total * (sizes**3 / left**2).sum() + (sizes**2 / left).sum() ** 2)
    assert fit.error(np.ones(1)).df == pytest.approx(df, rel=1e-9)


def test_the_fifteen_hypotheses_of_benjamini_and_hochberg():
    """Their example (1995), section 4.1: thrombolytic treatments; at 5 % Bonferroni rejects three, their procedure four."""
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    assert (np.exp(bonferroni(np.log(p))) <= 0.05).sum() == 3
    adjusted = np.exp(benjamini_hochberg(np.log(p)))
    assert (adjusted <= 0.05).sum() == 4
    assert adjusted[3] == pytest.approx(15 / 4 * 0.0095, rel=1e-9)


# tea-tasting's guide prints these of its users made with seed 42: control, treatment, relative difference in per cent, its ends, p.
PRINTED = {
    (Mean("sessions"), False): ("2.00", "1.98", -0.66, (-3.7, 2.5), 0.674),
    (Ratio("orders", "sessions"), False): ("0.266", "0.289", 8.8, (-0.89, 19), 0.0762),
    (Mean("orders"), False): ("0.530", "0.573", 8.0, (-2.0, 19), 0.118),
    (Mean("revenue"), False): ("5.24", "5.73", 9.3, (-2.4, 22), 0.123),
    (Mean("sessions", covariates=("sessions_covariate",)), True): ("2.00", "1.98", -0.68, (-3.2, 1.9), 0.603),
    (Mean("orders", covariates=("orders_covariate",)), True): ("0.523", "0.581", 11, (2.9, 20), 0.00733),
    (Mean("revenue", covariates=("revenue_covariate",)), True): ("5.12", "5.85", 14, (3.8, 26), 0.00674),
}


@pytest.mark.parametrize(("metric", "covariates"), PRINTED)
def test_read_outs_are_those_that_tea_tasting_s_guide_prints(metric, covariates):
    rows = tt.make_users_data(rng=42, covariates=covariates, return_type="pandas")
    arm = np.where(rows["variant"] == 1, "b", "a")
    columns = {name: rows[name].to_numpy(dtype=float) for name in rows.columns if name not in ("user", "variant")}
    found = compared(metric, columns, arm, Asked(relative_by="log"))
    control, treatment, relative, ends, p = PRINTED[metric, covariates]
    assert (f"{found.control.value:#.3g}", f"{found.treatment.value:#.3g}") == (control, treatment)
    assert 100 * found.relative == pytest.approx(relative, abs=0.5 if abs(relative) > 10 else 0.05)
    for mine, theirs in zip((found.relative_low, found.relative_high), ends, strict=True):
        assert 100 * mine == pytest.approx(theirs, abs=0.5 if abs(theirs) > 10 else 0.05)
    assert float(f"{found.p_value:.3g}") == p
