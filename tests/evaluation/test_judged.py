import numpy as np
import pytest

from millrace.errors import BadInput
from millrace.evaluation.judging import Judging
from millrace.evaluation.off_policy import gain, ips, snips
from millrace.evaluation.off_policy_models import direct_method, doubly_robust, switch, switch_dr
from millrace.evaluation.reasons import Reason


def log(n=400, seed=0):
    rng = np.random.default_rng(seed)
    action = rng.choice(3, n, p=[0.6, 0.3, 0.1])
    return (
        (rng.random(n) < np.array([0.1, 0.4, 0.7])[action]).astype(float),
        np.array([0.6, 0.3, 0.1])[action],
        np.array([0.2, 0.3, 0.5])[action],
    )


def ends(**how):
    found = snips(*log(), how=Judging(**how))
    return found.low, found.high


def test_more_confidence_is_a_wider_interval():
    for interval in ("student", "normal", "bootstrap", "studentised"):
        (low, high), (lower, higher) = ends(interval=interval, confidence=0.8), ends(interval=interval, confidence=0.99)
        assert lower < low < high < higher


def test_few_effective_units_widen_students_interval_alone():
    reward, propensity, target = log(60)
    wide, narrow = (ips(reward, propensity, target, how=Judging(interval=one)) for one in ("student", "normal"))
    assert wide.high - wide.low > 1.02 * (narrow.high - narrow.low)


def test_draws_are_of_units_and_of_their_seed():
    reward, propensity, target = log()
    once, again, other = (snips(reward, propensity, target, how=Judging(interval="bootstrap", seed=seed)) for seed in (1, 1, 2))
    assert once == again
    assert (once.low, once.high) != (other.low, other.high)
    four = [np.repeat(column, 4) for column in log()]
    clustered = snips(*four, unit=np.repeat(np.arange(400), 4), how=Judging(interval="bootstrap", seed=1))
    assert (clustered.low, clustered.high) == pytest.approx((once.low, once.high))


def test_bernstein_asks_for_bounds_that_hold():
    for how, said in (
        ({}, "needs bounds: set rewards="),
        ({"rewards": (0, 1)}, "needs bounds"),
        ({"rewards": (0.5, 1), "heaviest": 10.0}, "is exceeded by what was logged"),
        ({"rewards": (0, 1), "heaviest": 2.0}, "is exceeded by what was logged"),
    ):
        with pytest.raises(BadInput, match=said):
            ips(*log(), how=Judging(interval="bernstein", **how))
    with pytest.raises(BadInput, match="is for plain means of independent choices"):
        snips(*log(), how=Judging(interval="bernstein", rewards=(0, 1), heaviest=10.0))
    with pytest.raises(BadInput, match="is for plain means of independent choices"):
        ips(*log(), unit=np.arange(400) // 2, how=Judging(interval="bernstein", rewards=(0, 1), heaviest=10.0))
    wide, cut = (ips(*log(), clip=clip, how=Judging(interval="bernstein", rewards=(0, 1), heaviest=10.0)) for clip in (None, 2.0))
    assert wide.high - wide.low > cut.high - cut.low


def test_settings_that_are_not_there_are_said():
    with pytest.raises(BadInput, match=r"confidence=1\.5: must lie between 0 and 1"):
        ips(*log(), how=Judging(confidence=1.5))
    with pytest.raises(BadInput, match="interval='wald': use student"):
        ips(*log(), how=Judging(interval="wald"))  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="unit has the shape"):
        ips(*log(), unit=[1, 2])


def test_gain_over_oneself_is_nothing():
    reward, propensity, _ = log()
    found = gain(reward, propensity, propensity)
    assert (found.value, found.standard_error) == (pytest.approx(0.0), pytest.approx(0.0, abs=1e-12))


def test_direct_method_says_what_it_leans_on():
    found = direct_method(np.linspace(0, 1, 50))
    assert ([one.reason for one in found.cautions], found.overlap, found.effective_sample_size) == ([Reason.MODEL_ALONE], None, 50)


def test_switch_at_a_great_threshold_is_doubly_robust_and_at_a_small_one_the_model():
    reward, propensity, target = log()
    model = {"predicted": np.full(400, 0.3), "expected": np.full(400, 0.5)}
    wide = switch_dr(reward, propensity, target, **model, threshold=100.0)
    assert wide.value == doubly_robust(reward, propensity, target, **model).value
    narrow = switch_dr(reward, propensity, target, **model, threshold=0.5)
    light = target / propensity <= 0.5
    assert narrow.value == pytest.approx(0.5 + (target / propensity * (reward - 0.3))[light].sum() / 400)
    assert switch(reward, propensity, target, expected_beyond=np.zeros(400), threshold=100.0).value == ips(reward, propensity, target).value


def test_threshold_of_least_error_keeps_the_weights_where_cutting_costs_more():
    reward, propensity, target = log(5_000)
    model = {"predicted": np.full(5_000, 0.3), "expected": np.full(5_000, 0.5)}
    assert switch_dr(reward, propensity, target, **model).estimator == "switch at 5"


def test_what_switching_hides_is_bounded_to_both_sides():
    reward, propensity, target = log()
    found = switch_dr(
        reward, propensity, target, predicted=np.full(400, 0.3), expected=np.full(400, 0.5), threshold=1.0, how=Judging(rewards=(0.0, 1.0))
    )
    weight = target / propensity
    lost = np.where(weight > 1, weight, 0).mean()
    assert found.bias == pytest.approx((-lost, lost))
    for wrong in (0, -1.0):
        with pytest.raises(BadInput, match="threshold="):
            switch_dr(reward, propensity, target, predicted=reward, expected=reward, threshold=wrong)
