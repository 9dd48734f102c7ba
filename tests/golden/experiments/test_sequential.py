"""The mixture's evidence and boundary against the reference values of confseq; Wald's test by hand; beliefs against closed forms."""

import numpy as np
import pytest
from scipy import special, stats

from millrace.experiments.bayes import RatePrior, believed_proportions
from millrace.experiments.bayes_effect import believed_effect
from millrace.experiments.beta_binomial import BetaBinomial, Counted
from millrace.experiments.effect_prior import EffectPrior
from millrace.experiments.mixture_sprt import MixtureSprt
from millrace.experiments.normal_mixture import boundary, log_evidence, tuned_ratio
from millrace.experiments.posterior import Beta, Gamma, Pair
from millrace.experiments.sprt import Bernoulli, Normal, Sprt

# confseq, uniform_boundaries_unittest: variance 100, a sum of 10, tuned at 100 to 5 % by its approximate rule.
TWO_SIDED, ONE_SIDED = 7.936154601737565, 6.328859605296238


def test_mixtures_are_those_of_confseq():
    assert pytest.approx(12.60056, abs=1e-5) == 100 / TWO_SIDED
    assert float(log_evidence(np.array(1.0), np.array(TWO_SIDED))) == pytest.approx(-0.6510052, abs=1e-7)
    assert 10 * float(boundary(np.array(TWO_SIDED), 0.05)) == pytest.approx(30.35209, abs=1e-5)
    assert float(log_evidence(np.array(1.0), np.array(ONE_SIDED), two_sided=False)) == pytest.approx(-0.06502391, abs=1e-8)
    assert 10 * float(boundary(np.array(ONE_SIDED), 0.05, two_sided=False)) == pytest.approx(27.66071, abs=1e-5)


def test_exact_tuning_is_no_wider_than_the_approximate_one_nor_than_its_neighbours():
    best = tuned_ratio(0.05)
    at = boundary(np.array([best, best * 1.01, best / 1.01, TWO_SIDED]), 0.05)
    assert at[0] == at.min()


def test_evidence_is_the_mean_likelihood_ratio_over_the_mixture():
    z, ratio = 1.7, 3.0
    theta = np.linspace(-40, 40, 400_001)  # true z, normal around 0 with variance `ratio`
    one = np.exp(theta * z - theta**2 / 2)
    assert np.trapezoid(one * stats.norm.pdf(theta, scale=np.sqrt(ratio)), theta) == pytest.approx(
        np.exp(float(log_evidence(np.array(z), np.array(ratio)))), rel=1e-9
    )
    half = theta[theta >= 0]
    assert np.trapezoid(2 * one[theta >= 0] * stats.norm.pdf(half, scale=np.sqrt(ratio)), half) == pytest.approx(
        np.exp(float(log_evidence(np.array(z), np.array(ratio), two_sided=False))), rel=1e-7
    )


def test_mixture_test_is_that_of_johari_by_hand():
    difference, variance, spread = 0.3, 0.02, 0.2
    by_hand = np.sqrt(variance / (variance + spread**2)) * np.exp(spread**2 * difference**2 / (2 * variance * (variance + spread**2)))
    log_p = MixtureSprt(spread).log_p_values(np.array([difference]), np.array([variance]))
    assert np.exp(-log_p[0]) == pytest.approx(by_hand, rel=1e-12)


def test_wald_s_lines_by_hand():
    """Wald (1947), Sequential Analysis: 0.1 against 0.3 with errors of 2 % and 3 %."""
    test = Sprt(Bernoulli(0.1, 0.3), 0.02, 0.03)
    low, high = test.limits
    per_event, per_none = np.log(3.0), np.log(0.7 / 0.9)
    assert (low, high) == (pytest.approx(np.log(0.03 / 0.98), rel=1e-12), pytest.approx(np.log(0.97 / 0.02), rel=1e-12))
    assert -per_none / (per_event - per_none) == pytest.approx(0.18617, abs=1e-5)
    assert (test.accepts(0.1), test.accepts(0.3)) == (pytest.approx(0.98, rel=1e-9), pytest.approx(0.03, rel=1e-9))
    slope = -per_none / (per_event - per_none)
    assert test.accepts(slope) == pytest.approx(high / (high - low), rel=1e-6)
    assert test.observations(slope) == pytest.approx(-low * high / (slope * (1 - slope) * (per_event - per_none) ** 2), rel=1e-6)
    assert Sprt(Normal(0, 1), 0.05, 0.05).observations(0.5) == pytest.approx(np.log(19) ** 2, rel=1e-9)


def test_beta_binomial_evidence_is_the_mean_likelihood_ratio_over_the_mixture():
    p = (np.arange(200_000) + 0.5) / 200_000
    mixed = np.mean(stats.beta.pdf(p, 2, 5) * p**7 * (1 - p) ** 23)
    assert np.exp(BetaBinomial(2, 5).log_evidence(Counted(7, 30), 0.4)) == pytest.approx(mixed / (0.4**7 * 0.6**23), rel=1e-8)


@pytest.mark.parametrize(("control", "treatment"), [((10, 100), (18, 100)), ((0, 40), (3, 50)), ((1000, 10**6), (2, 300))])
def test_chance_to_be_better_is_the_closed_sum_of_whole_beta_weights(control, treatment):
    laws = [Beta(1 + events, 1 + units - events) for events, units in (control, treatment)]
    one, other = laws
    i = np.arange(int(other.a))
    logs = special.betaln(one.a + i, other.b + one.b) - np.log(other.b + i) - special.betaln(1 + i, other.b) - special.betaln(one.a, one.b)
    assert Pair(one, other).above() == pytest.approx(np.exp(logs).sum(), rel=1e-9)
    found = believed_proportions(_counted(control), _counted(treatment), RatePrior(1, 2))
    assert found.better == pytest.approx(np.exp(logs).sum(), rel=1e-9)
    assert found.loss_of_control - found.loss_of_treatment == pytest.approx(other.mean - one.mean, abs=1e-12)


def _counted(both):
    return Counted(*both)


@pytest.mark.parametrize(("one", "other"), [((0.5, 1.0), (30.5, 100.0)), ((12.0, 10.0), (30.5, 20.0)), ((900.0, 1e4), (1.5, 9.0))])
def test_chance_that_a_rate_is_higher_is_the_incomplete_beta_function(one, other):
    expected = special.betainc(one[0], other[0], one[1] / (one[1] + other[1]))
    assert Pair(Gamma(*one), Gamma(*other)).above() == pytest.approx(expected, rel=1e-9)


def test_interval_holds_what_the_law_of_the_difference_says():
    pair = Pair(Beta(10.5, 90.5), Beta(18.5, 82.5))
    low, high = pair.interval(0.9)
    assert (pair.above(low), pair.above(high)) == (pytest.approx(0.95, abs=1e-12), pytest.approx(0.05, abs=1e-12))
    x = (np.arange(400_000) + 0.5) / 400_000
    slowly = np.mean(stats.beta.sf(stats.beta.ppf(x, 10.5, 90.5) + low, 18.5, 82.5))
    assert slowly == pytest.approx(0.95, abs=1e-8)


def test_loss_is_the_mean_shortfall():
    x = (np.arange(4000) + 0.5) / 4000
    control, treatment = stats.gamma.ppf(x, 12, scale=1 / 100), stats.gamma.ppf(x, 15, scale=1 / 100)
    slowly = np.maximum(control[:, None] - treatment[None, :], 0).mean()
    assert Pair(Gamma(12, 100), Gamma(15, 100)).shortfall() == pytest.approx(slowly, rel=1e-3)


def test_a_wide_prior_leaves_student_s_interval_and_a_narrow_one_itself():
    wide = believed_effect(0.02, 0.01, EffectPrior(0.0, 1e4), df=7.0)
    expected = 0.02 + 0.01 * stats.t.ppf([0.025, 0.975], 7)
    assert [wide.low, wide.high] == pytest.approx(expected, abs=1e-9)
    assert wide.better == pytest.approx(stats.t.cdf(2.0, 7), abs=1e-9)
    narrow = believed_effect(2.0, 0.01, EffectPrior(0.5, 1e-6), df=7.0)
    assert narrow.difference == pytest.approx(0.5, abs=1e-6)
    nearly, normal = (believed_effect(0.02, 0.01, EffectPrior(0.0, 0.01), df) for df in (1e9, np.inf))
    for figure in ("better", "low", "high", "loss_of_treatment", "loss_of_control"):
        assert getattr(nearly, figure) == pytest.approx(getattr(normal, figure), rel=1e-7)
