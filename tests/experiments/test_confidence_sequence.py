"""Confidence sequences: the same from arrays and from moments, tuned, exact where they say so, and refusing what has no figure."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from millrace.errors import BadInput
from millrace.experiments.beta_binomial import BetaBinomial, Counted
from millrace.experiments.confidence_sequence import asymptotic_sequence, difference_sequence, mean_sequence, running, together
from millrace.experiments.empirical_bernstein import bernstein_difference, bernstein_sequence
from millrace.experiments.mixture_sprt import MixtureSprt
from millrace.experiments.moments import Moments
from millrace.experiments.reasons import Reason, Refused


def test_moments_at_each_look_say_what_arrays_do():
    g = np.random.default_rng(1)
    control, treatment = g.normal(5, 2, 400), g.normal(5.3, 3, 500)
    cuts = [(40, 50), (200, 250), (400, 500)]
    looks = [(Moments.of({"x": control[:a]}), Moments.of({"x": treatment[:b]})) for a, b in cuts]
    low, high = difference_sequence(looks, "x", planned=900)
    difference = [treatment[:b].mean() - control[:a].mean() for a, b in cuts]
    variance = [treatment[:b].var(ddof=1) / b + control[:a].var(ddof=1) / a for a, b in cuts]
    expected = asymptotic_sequence(np.array(difference), np.array(variance), np.array([90, 450, 900]), 900)
    np.testing.assert_allclose((low, high), expected, rtol=1e-12)


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=40), st.floats(-1e6, 1e6))
def test_running_means_and_variances_are_those_of_each_beginning(values, shift):
    x = np.array(values) + shift
    means, variances = running(x)
    np.testing.assert_allclose(means, [x[: n + 1].mean() for n in range(len(x))], rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(variances, [x[: n + 1].var(ddof=1) if n else 0.0 for n in range(len(x))], rtol=1e-6, atol=1e-3)


def test_one_observation_or_equal_ones_say_nothing_of_the_mean():
    low, high = mean_sequence(np.array([2.0, 2.0, 2.0, 3.0]), planned=4)
    assert np.isinf(low[:3]).all()
    assert np.isinf(high[:3]).all()
    assert low[3] < 2.25 < high[3]


def test_intervals_are_narrowest_in_standard_errors_at_the_planned_units():
    n = np.array([250, 500, 1000, 2000, 4000])
    _, high = asymptotic_sequence(np.zeros(5), np.ones(5), n, planned=1000)
    assert high.argmin() == 2
    one_low, one_high = asymptotic_sequence(np.zeros(5), np.ones(5), n, 1000, alternative="greater")
    assert np.isinf(one_high).all()
    assert (-one_low < high).all()
    less_low, less_high = asymptotic_sequence(np.zeros(5), np.ones(5), n, 1000, alternative="less")
    np.testing.assert_allclose(less_high, -one_low)
    assert np.isinf(less_low).all()


def test_what_all_looks_agree_on_never_widens():
    low, high = together(np.array([0.0, -1.0, 0.5]), np.array([2.0, 3.0, 1.5]))
    assert (low.tolist(), high.tolist()) == ([0.0, 0.0, 0.5], [2.0, 2.0, 1.5])


def test_always_valid_p_values_never_rise_and_meet_the_interval():
    difference, variance = np.array([0.2, 0.5, 0.31, 0.1]), np.array([0.09, 0.04, 0.01, 0.005])
    test = MixtureSprt.tuned(0.01)
    assert test.controls == "the chance of a false alarm over any number of looks, whenever one stops"
    p = np.exp(test.log_p_values(difference, variance))
    assert (np.diff(p) <= 0).all()
    for alpha in (0.2, 0.05, 0.001):
        crossed = np.maximum.accumulate(difference > test.reach(variance, alpha))
        np.testing.assert_array_equal(crossed, p < alpha)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(-3, 3), st.floats(0.1, 5))
def test_bounded_values_may_be_moved_and_stretched_with_their_bounds(values, shift, stretch):
    x = np.array(values)
    low, high = bernstein_sequence(x)
    moved = bernstein_sequence(np.clip(shift + stretch * x, shift, shift + stretch), bounds=(shift, shift + stretch))
    np.testing.assert_allclose(moved[0], shift + stretch * low, atol=1e-9)
    np.testing.assert_allclose(moved[1], shift + stretch * high, atol=1e-9)
    assert (low >= 0).all()
    assert (high <= 1).all()


def test_bets_are_made_before_what_they_are_about_is_seen():
    """By hand, step by step: theorem 2 of Waudby-Smith & Ramdas."""
    x, alpha = np.array([0.2, 0.9, 0.4, 0.4, 0.7, 0.1]), 0.025
    bets, weighted, cost = 0.0, 0.0, 0.0
    low = []
    for t, value in enumerate(x, 1):
        seen = x[: t - 1]
        guesses = [(0.5 + seen[: i + 1].sum()) / (i + 2) for i in range(len(seen))]
        spread = (0.25 + sum((one - guess) ** 2 for one, guess in zip(seen, guesses, strict=True))) / t
        bet = min(np.sqrt(2 * np.log(1 / alpha) / (spread * t * np.log(1 + t))), 0.5)
        bets += bet
        weighted += bet * value
        cost += (value - (guesses[-1] if guesses else 0.5)) ** 2 * (-np.log(1 - bet) - bet)
        low.append(max((weighted - np.log(1 / alpha) - cost) / bets, 0.0))
    np.testing.assert_allclose(bernstein_sequence(x, 0.95)[0], low, rtol=1e-12)


def test_values_beyond_their_bounds_and_none_at_all_are_refused():
    for wrong, reason in (([0.5, 1.2], Reason.OUT_OF_BOUNDS), ([0.5, np.nan], Reason.NOT_A_NUMBER)):
        with pytest.raises(Refused) as refused:
            bernstein_sequence(np.array(wrong))
        assert refused.value.reason == reason
    with pytest.raises(Refused, match="the treatment has no units"):
        bernstein_difference(np.array([0.5]), np.array([]))


def test_estimates_without_a_variance_are_refused():
    for wrong, reason in ((0.0, Reason.NO_VARIANCE), (np.nan, Reason.NOT_A_NUMBER)):
        with pytest.raises(Refused) as refused:
            asymptotic_sequence(np.array([1.0]), np.array([wrong]), np.array([10]), 10)
        assert refused.value.reason == reason
    with pytest.raises(Refused, match="the treatment has 1 units"):
        difference_sequence([(Moments.of({"x": np.array([1.0, 2.0])}), Moments.of({"x": np.array([1.0])}))], "x", 10)
    with pytest.raises(Refused, match="1 of 2 values are not numbers"):
        mean_sequence(np.array([1.0, np.nan]), 10)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 60), st.integers(0, 60))
def test_a_proportion_s_interval_is_all_that_the_bets_have_not_refuted(events, others):
    bets, seen = BetaBinomial(), Counted(events, events + others)
    low, high = bets.proportion(seen)
    for p in np.linspace(0.001, 0.999, 97):
        assert (low <= p <= high) == (bets.log_evidence(seen, p) <= np.log(20)) or min(abs(p - low), abs(p - high)) < 1e-9
    assert low <= (events / (events + others) if events + others else 0.5) <= high


def test_a_difference_is_refuted_when_every_pair_that_makes_it_is():
    bets, control, treatment = BetaBinomial(), Counted(12, 80), Counted(31, 90)
    low, high = bets.difference(control, treatment)
    p = np.linspace(0, 1, 20_001)[1:-1]
    for d in (low + 1e-3, low - 1e-3, high - 1e-3, high + 1e-3, 0.0):
        pairs = p[(p + d > 0) & (p + d < 1)]
        slowly = min(bets.log_evidence(control, one) + bets.log_evidence(treatment, one + d) for one in pairs[::20])
        assert (slowly <= np.log(20)) == (low <= d <= high)
        assert bets.log_evidence_of_difference(control, treatment, d) == pytest.approx(slowly, abs=2e-3)


def test_no_event_and_nothing_but_events_give_intervals_with_an_edge():
    assert BetaBinomial().proportion(Counted(0, 50))[0] == 0.0
    assert BetaBinomial().proportion(Counted(50, 50))[1] == 1.0
    low, high = BetaBinomial().difference(Counted(0, 50), Counted(0, 50))
    assert low < 0 < high
    with pytest.raises(Refused, match="the control has no units"):
        BetaBinomial().difference(Counted(0, 0), Counted(1, 2))
    with pytest.raises(BadInput, match="more events than units"):
        BetaBinomial().proportion(Counted(3, 2))


def test_an_exact_interval_is_wider_than_one_for_a_single_look():
    low, high = BetaBinomial().proportion(Counted(10, 100))
    single = stats.binomtest(10, 100).proportion_ci()
    assert low < single.low < single.high < high
