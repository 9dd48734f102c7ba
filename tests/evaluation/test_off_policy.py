from itertools import product

import numpy as np
import pytest

from millrace.errors import BadInput
from millrace.evaluation.judging import Judging
from millrace.evaluation.off_policy import ips, snips
from millrace.evaluation.off_policy_models import doubly_robust
from millrace.evaluation.reasons import Reason, Refused

LOGGING, TARGET, REWARD = np.array([0.7, 0.2, 0.1]), np.array([0.1, 0.3, 0.6]), np.array([1.0, 2.0, 5.0])
TRUTH = TARGET @ REWARD
WRONG_MODEL = np.array([2.0, 0.0, 3.0])
TINY = Judging(least_effective=0, most_untried=1, most_weight=np.inf)
ESTIMATORS = [ips, snips, lambda *rows: doubly_robust(*rows, predicted=np.zeros(len(rows[0])), expected=np.zeros(len(rows[0])))]


def robust(action, propensity):
    predicted, expected = WRONG_MODEL[action], np.full(len(action), TARGET @ WRONG_MODEL)
    return doubly_robust(REWARD[action], propensity, TARGET[action], predicted=predicted, expected=expected, how=TINY)


def mean_over_all_logs(estimator, n):
    """Return the exact expectation of an estimator: over every log of n decisions that could have been, by its chance."""
    logs = [np.array(log) for log in product(range(3), repeat=n)]
    return sum(LOGGING[log].prod() * estimator(log, LOGGING[log]).value for log in logs)


def logged(seed, n):
    return np.random.default_rng(seed).choice(3, n, p=LOGGING)


def test_ips_is_right_on_average_over_all_logs_there_could_be():
    assert mean_over_all_logs(lambda log, chance: ips(REWARD[log], chance, TARGET[log], how=TINY), 3) == pytest.approx(TRUTH, rel=1e-12)


def test_doubly_robust_is_right_on_average_even_with_a_wrong_model():
    assert mean_over_all_logs(robust, 3) == pytest.approx(TRUTH, rel=1e-12)


def test_doubly_robust_with_a_true_model_has_no_error_whatever_the_propensities():
    action, made_up = logged(0, 20), np.linspace(0.1, 0.9, 20)
    found = doubly_robust(REWARD[action], made_up, TARGET[action], predicted=REWARD[action], expected=np.full(20, TRUTH), how=TINY)
    assert (found.value, found.standard_error) == (pytest.approx(TRUTH), pytest.approx(0.0, abs=1e-12))


def test_clipping_lowers_what_positive_rewards_are_worth():
    action = logged(0, 500)
    rows = REWARD[action], LOGGING[action], TARGET[action]
    assert ips(*rows, clip=2.0).value < ips(*rows).value == ips(*rows, clip=100.0).value
    assert ips(*rows, clip=2.0).standard_error < ips(*rows).standard_error


def test_snips_stays_within_the_rewards_seen_and_finds_a_constant_exactly():
    action = np.array([2, 0, 0])
    assert REWARD[action].min() <= snips(REWARD[action], LOGGING[action], TARGET[action], how=TINY).value <= REWARD[action].max()
    assert snips(np.full(3, 4.0), LOGGING[action], TARGET[action], how=TINY).value == pytest.approx(4.0)


@pytest.mark.parametrize("estimator", [lambda a: ips(REWARD[a], LOGGING[a], TARGET[a]), lambda a: snips(REWARD[a], LOGGING[a], TARGET[a])])
def test_standard_error_is_how_far_estimates_scatter_and_intervals_hold_the_truth(estimator):
    found = [estimator(logged(seed, 1_000)) for seed in range(300)]
    scatter = np.std([one.value for one in found])
    assert np.mean([one.standard_error for one in found]) == pytest.approx(scatter, rel=0.1)
    assert 0.9 < np.mean([one.low <= TRUTH <= one.high for one in found]) < 0.99


def test_judging_the_logging_policy_itself_loses_no_decision():
    action = logged(0, 50)
    found = ips(REWARD[action], LOGGING[action], LOGGING[action])
    assert (found.value, found.effective_sample_size, found.n) == (pytest.approx(REWARD[action].mean()), pytest.approx(50), 50)


def test_log_that_one_decision_would_carry_is_refused_and_not_averaged():
    with pytest.raises(Refused, match=r"the log is worth 1\.2 choices of the target's own and 10 are needed") as refused:
        ips(np.ones(101), np.r_[0.001, np.full(100, 0.999)], np.full(101, 0.999), how=Judging(most_untried=1))
    assert refused.value.reason is Reason.FEW_EFFECTIVE


def test_effective_sample_size_of_two_is_refused():
    with pytest.raises(Refused) as refused:
        snips([1.0, 0.0] * 2, [0.5] * 4, [1.0, 1.0, 0.0, 0.0])
    assert refused.value.reason is Reason.FEW_EFFECTIVE


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_target_that_takes_nothing_logged_is_refused(estimator):
    with pytest.raises(Refused, match="target is 0 in every row: it never takes a logged action") as refused:
        estimator([1.0, 1.0], [0.5, 0.5], [0.0, 0.0])
    assert refused.value.reason is Reason.NO_SUPPORT


def test_target_that_mostly_does_what_was_never_tried_is_refused():
    action = logged(0, 2_000)
    with pytest.raises(Refused, match=r"about 4.% of what the target does was never tried") as refused:
        ips(REWARD[action], LOGGING[action], TARGET[action] * [0.6])  # two fifths of its choices are of a fourth action
    assert refused.value.reason is Reason.NO_SUPPORT
    with pytest.raises(Refused, match=r"40\.0% of what the target does was never tried"):
        ips(REWARD[action], LOGGING[action], TARGET[action] * [0.6], untried=np.full(2_000, 0.4))


def test_little_that_was_never_tried_is_told():
    action = logged(0, 2_000)
    found = ips(REWARD[action], LOGGING[action], TARGET[action] * 0.98, untried=np.full(2_000, 0.02))
    assert [one.said for one in found.cautions] == ["2.00% of what the target does was never tried and counts as nothing."]
    assert found.overlap.untried == pytest.approx(0.02)


def test_wrong_propensities_are_seen_in_the_mean_weight():
    action = logged(0, 2_000)
    found = ips(REWARD[action], LOGGING[action] * 0.8, TARGET[action])
    assert Reason.WRONG_WEIGHTS in {one.reason for one in found.cautions}
    assert "The mean weight is 1.2" in found.words()


def test_rewards_that_hardly_vary_are_told():
    action = logged(0, 2_000)
    never, once = np.zeros(2_000), np.r_[1.0, np.zeros(1_999)]
    assert [one.reason for one in snips(never, LOGGING[action], TARGET[action]).cautions] == [Reason.NO_VARIANCE]
    assert [one.reason for one in snips(once, LOGGING[action], TARGET[action]).cautions] == [Reason.FEW_EVENTS]


def test_one_decision_says_nothing_of_chance():
    for estimator in (ips, snips):
        with pytest.raises(Refused, match="there is one unit") as refused:
            estimator([1.0], [0.5], [0.5], how=TINY)
        assert refused.value.reason is Reason.FEW_UNITS


def test_bias_of_a_clip_is_bounded_and_holds_what_was_hidden():
    action = logged(0, 5_000)
    rows = REWARD[action], LOGGING[action], TARGET[action]
    cut = ips(*rows, clip=2.0, how=Judging(rewards=(1.0, 5.0)))
    low, high = cut.bias
    assert low - 1e-9 <= ips(*rows).value - cut.value <= high + 1e-9  # the heaviest weights are all of the greatest reward
    assert (cut.estimator, ips(*rows, clip=2.0).bias) == ("clipped ips", None)


def test_choices_of_a_unit_are_not_independent():
    action, unit = np.repeat(logged(0, 500), 4), np.repeat(np.arange(500), 4)
    once = ips(REWARD[action[::4]], LOGGING[action[::4]], TARGET[action[::4]])
    four = ips(REWARD[action], LOGGING[action], TARGET[action], unit=unit)
    alone = ips(REWARD[action], LOGGING[action], TARGET[action])
    assert four.standard_error == pytest.approx(once.standard_error)
    assert alone.standard_error == pytest.approx(once.standard_error / 2, rel=0.01)
    assert (four.n, four.units, four.overlap.effective_units) == (2_000, 500, pytest.approx(once.effective_sample_size))


def test_unit_may_be_named_in_any_order():
    action = logged(0, 400)
    names = np.array([f"viewer {one % 50}" for one in range(400)], dtype=object)
    mixed = np.random.default_rng(1).permutation(400)
    one, other = (snips(REWARD[a], LOGGING[a], TARGET[a], unit=u) for a, u in ((action, names), (action[mixed], names[mixed])))
    assert (one.value, one.standard_error) == (pytest.approx(other.value), pytest.approx(other.standard_error))


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(
    ("reward", "propensity", "target", "said"),
    [
        ([1.0, 2.0], [0.5, 0.0], [0.5, 0.5], "propensity is missing or not above 0 in 1 of 2 rows"),
        ([1.0, 2.0], [np.nan, np.nan], [0.5, 0.5], "propensity is missing or not above 0 in 2 of 2 rows"),
        ([1.0, 2.0], [0.5, 1.5], [0.5, 0.5], "propensity must lie between -inf and 1, and 1.5 does not"),
        ([1.0, 2.0], [0.5, 0.5], [0.5, -0.5], "target must lie between 0 and 1, and -0.5 does not"),
        ([1.0, np.nan], [0.5, 0.5], [0.5, 0.5], "reward is missing (NaN) in 1 of 2 rows"),
        ([1.0, 2.0], [0.5], [0.5, 0.5], "propensity has 1 rows where the others have 2"),
    ],
)
def test_rows_without_support_are_refused(estimator, reward, propensity, target, said):
    with pytest.raises(BadInput) as refused:
        estimator(reward, propensity, target)
    assert str(refused.value).startswith(said)


def test_cap_must_be_above_0():
    with pytest.raises(BadInput, match="clip=0: the greatest weight must be above 0"):
        ips([1.0], [0.5], [0.5], clip=0)
