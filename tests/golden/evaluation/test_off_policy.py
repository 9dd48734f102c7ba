"""Other policies judged on paper: each estimator by hand, slates against their enumeration, bounds from the papers' formulas."""

from itertools import permutations, product
from math import log, sqrt

import numpy as np
import pytest
from scipy import stats

from millrace.evaluation.judging import Judging
from millrace.evaluation.off_policy import ips, snips
from millrace.evaluation.off_policy_models import direct_method, doubly_robust, mrdr, switch, switch_dr
from millrace.evaluation.reward_models import linear_rewards, mrdr_weights
from millrace.evaluation.slates import gamma_of, independent_weights, pseudo_inverse, slate_ips, slate_weights, uniform_gamma

TINY = Judging(least_effective=0, most_untried=1)
REWARD, PROPENSITY, TARGET = [1.0, 0.0, 2.0], [0.5, 0.25, 0.8], [0.25, 0.75, 0.8]  # weights 1/2, 3 and 1
LOG = REWARD, PROPENSITY, TARGET


def test_weights_alone():
    assert ips(*LOG, how=TINY).value == pytest.approx((0.5 + 0 + 2) / 3)
    assert ips(*LOG, clip=0.75, how=TINY).value == pytest.approx((0.5 + 0 + 1.5) / 3)
    assert snips(*LOG, how=TINY).value == pytest.approx((0.5 + 0 + 2) / 4.5)
    assert snips(*LOG, clip=0.75, how=TINY).value == pytest.approx((0.5 + 0 + 1.5) / 2)
    assert snips(*LOG, how=TINY).effective_sample_size == pytest.approx(4.5**2 / (0.25 + 9 + 1))


def test_clip_hides_what_the_weights_cut_off_are_worth():
    how = Judging(least_effective=0, most_untried=1, rewards=(-1, 2))
    assert ips(*LOG, clip=0.75, how=how).bias == pytest.approx((-(2.25 + 0.25) / 3, 2 * (2.25 + 0.25) / 3))


def test_models_and_their_corrections():
    model = {"predicted": [1, 1, 1], "expected": [0.5, 0.5, 0.5]}
    assert direct_method([0.5, 0.25, 0.75]).value == pytest.approx(0.5)
    assert doubly_robust(*LOG, **model, how=TINY).value == pytest.approx(0.5 + (0.5 * 0 + 3 * -1 + 1 * 1) / 3)
    scaled = doubly_robust(*LOG, **model, self_normalised=True, how=TINY)
    assert scaled.value == pytest.approx(0.5 + (0.5 * 0 + 3 * -1 + 1 * 1) / 4.5)
    assert switch_dr(*LOG, **model, threshold=1.0, how=TINY).value == pytest.approx(
        0.5 + (0 + 1) / 3
    )  # the weight of 3 is left to the model
    assert switch(*LOG, expected_beyond=[0.3, 0.3, 0.0], threshold=1.0, how=TINY).value == pytest.approx((0.5 + 2 + 0.6) / 3)


def test_more_robust_model_is_the_weighted_regression_of_the_paper():
    """With one feature that is the intercept alone the model is a weighted mean; the folds leave the row out."""
    propensity, target = np.array([0.5, 0.25, 0.2]), np.array([1.0, 1.0, 0.0])
    assert mrdr_weights(propensity, target).tolist() == pytest.approx([0.5 / 0.25, 0.75 / 0.0625, 0.0])
    nothing = np.zeros((3, 1))
    reward = np.array([3.0, 1.0, 9.0])
    fitted = linear_rewards(reward, nothing, nothing, weight=mrdr_weights(propensity, target), folds=3)
    assert fitted.logged == pytest.approx([1.0, 3.0, (2 * 3 + 12 * 1) / 14], rel=1e-6)
    by_hand = np.mean(fitted.target + target / propensity * (reward - fitted.logged))
    assert mrdr(reward, propensity, target, logged=nothing, chosen=nothing, folds=3, how=TINY).value == pytest.approx(by_hand, rel=1e-9)


def test_ridge_is_that_of_scikit_learn():
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(60, 4)), rng.uniform(0.1, 3, 60)
    y = x @ [1, 2, 0, -1] + rng.normal(size=60)
    part = np.random.default_rng(7).permutation(60) % 2
    found = linear_rewards(y, x, x, weight=weight, reg=2.5, folds=2, seed=7).logged
    for one in (0, 1):
        model = Ridge(alpha=2.5).fit(x[part != one], y[part != one], sample_weight=weight[part != one])
        assert found[part == one] == pytest.approx(model.predict(x[part == one]), rel=1e-9)


def test_normal_and_student_intervals_of_a_mean_are_those_of_scipy():
    rng = np.random.default_rng(0)
    reward, ones = rng.exponential(size=40), np.ones(40)
    for interval, reach in (("normal", stats.norm.ppf(0.95)), ("student", stats.t.ppf(0.95, 39))):
        found = ips(reward, ones, ones, how=Judging(confidence=0.9, interval=interval))
        half = reach * stats.sem(reward)
        assert (found.low, found.high) == pytest.approx((reward.mean() - half, reward.mean() + half), rel=1e-12)


def test_empirical_bernstein_is_the_theorem():
    """Maurer & Pontil (2009), Theorem 4, both ends at once: terms in [0, 4], as no weight is above 4 and no reward above 1."""
    reward, propensity = np.array([0.0, 1.0] * 50), np.full(100, 0.5)
    found = ips(reward, propensity, propensity, how=Judging(interval="bernstein", rewards=(0, 1), heaviest=4.0))
    half = sqrt(2 * reward.var(ddof=1) * log(4 / 0.05) / 100) + 7 * 4 * log(4 / 0.05) / (3 * 99)
    assert (found.low, found.high) == pytest.approx((0.5 - half, 0.5 + half), rel=1e-12)


def test_bootstrap_is_that_of_scipy():
    rng = np.random.default_rng(3)
    reward, ones = rng.exponential(size=60), np.ones(60)
    ours = ips(reward, ones, ones, how=Judging(interval="bootstrap", resamples=4_000))
    theirs = stats.bootstrap((reward,), np.mean, n_resamples=4_000, method="percentile", rng=np.random.default_rng(0)).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=0.02)


SLATES = np.array(list(permutations(range(4), 2)))
QUALITY = np.array([[0.9, 0.1, 0.4, 0.0], [0.2, 0.5, 0.3, 0.8]])  # what each item earns in each place


def additive(slates):
    return QUALITY[np.arange(2), slates].sum(axis=1)


def marginals(chance):
    out = np.zeros((2, 4))
    for slate, p in zip(SLATES, chance, strict=True):
        out[[0, 1], slate] += p
    return out


@pytest.mark.parametrize("logging", ["uniform", "uneven"])
def test_pseudo_inverse_is_right_on_average_over_all_slates_when_places_add_up(logging):
    rng = np.random.default_rng(5)
    chance = np.full(12, 1 / 12) if logging == "uniform" else rng.dirichlet(np.ones(12))
    wanted = rng.dirichlet(np.ones(12))
    gamma = gamma_of(SLATES, chance, 4)
    if logging == "uniform":
        assert gamma == pytest.approx(uniform_gamma(2, 4), abs=1e-15)
    weight = slate_weights(SLATES, marginals(wanted), gamma)
    assert chance @ (weight * additive(SLATES)) == pytest.approx(wanted @ additive(SLATES), rel=1e-9)
    assert chance @ weight == pytest.approx(1.0, rel=1e-9)


def test_pseudo_inverse_of_one_place_is_inverse_propensity_scoring():
    chance, wanted = np.array([0.5, 0.3, 0.2]), np.array([[0.1, 0.1, 0.8]])
    weight = slate_weights(np.arange(3)[:, None], wanted, gamma_of(np.arange(3)[:, None], chance, 3))
    assert weight == pytest.approx(wanted[0] / chance)


def test_independent_places_are_a_case_of_the_pseudo_inverse():
    first, second = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.2, 0.6])
    slates = np.array(list(product(range(3), repeat=2)))
    chance = first[slates[:, 0]] * second[slates[:, 1]]
    wanted = np.array([[0.1, 0.8, 0.1], [0.3, 0.3, 0.4]])
    general = slate_weights(slates, wanted, gamma_of(slates, chance, 3))
    by_place = independent_weights(np.column_stack([first[slates[:, 0]], second[slates[:, 1]]]), wanted[np.arange(2), slates])
    assert general == pytest.approx(by_place, rel=1e-9)


def test_slates_by_place_cascade_and_whole_by_hand():
    reward, propensity, target = [[1.0, 2.0], [3.0, 4.0]], [[0.5, 0.5], [0.5, 0.25]], [[0.25, 1.0], [0.5, 0.5]]
    # ratios: 1/2 and 2; 1 and 2
    rows = reward, propensity, target
    assert slate_ips(*rows, by="place", how=TINY).value == pytest.approx((0.5 * 1 + 2 * 2 + 1 * 3 + 2 * 4) / 2)
    assert slate_ips(*rows, by="cascade", how=TINY).value == pytest.approx((0.5 * 1 + 1 * 2 + 1 * 3 + 2 * 4) / 2)
    assert slate_ips(*rows, by="whole", how=TINY).value == pytest.approx((1 * (1 + 2) + 2 * (3 + 4)) / 2)
    weight = independent_weights(propensity, target)  # 3/2 and 2
    assert pseudo_inverse([3.0, 7.0], weight, how=TINY).value == pytest.approx((1.5 * 3 + 2 * 7) / 2)
    assert pseudo_inverse([3.0, 7.0], weight, is_self_normalised=True, how=TINY).value == pytest.approx((1.5 * 3 + 2 * 7) / 3.5)
