from itertools import product

import numpy as np
import pytest

from millrace.errors import BadInput
from millrace.evaluation.off_policy import doubly_robust, ips, snips

LOGGING, TARGET, REWARD = np.array([0.7, 0.2, 0.1]), np.array([0.1, 0.3, 0.6]), np.array([1.0, 2.0, 5.0])
TRUTH = TARGET @ REWARD
WRONG_MODEL = np.array([2.0, 0.0, 3.0])
ESTIMATORS = [ips, snips, lambda *rows: doubly_robust(*rows, predicted=np.zeros(len(rows[0])), expected=np.zeros(len(rows[0])))]


def robust(action, propensity):
    predicted, expected = WRONG_MODEL[action], np.full(len(action), TARGET @ WRONG_MODEL)
    return doubly_robust(REWARD[action], propensity, TARGET[action], predicted=predicted, expected=expected)


def mean_over_all_logs(estimator, n):
    """Return the exact expectation of an estimator: over every log of n decisions that could have been, by its chance."""
    logs = [np.array(log) for log in product(range(3), repeat=n)]
    return sum(LOGGING[log].prod() * estimator(log, LOGGING[log]).value for log in logs)


def logged(seed, n):
    return np.random.default_rng(seed).choice(3, n, p=LOGGING)


def test_ips_is_right_on_average_over_all_logs_there_could_be():
    assert mean_over_all_logs(lambda log, chance: ips(REWARD[log], chance, TARGET[log]), 3) == pytest.approx(TRUTH, rel=1e-12)


def test_doubly_robust_is_right_on_average_even_with_a_wrong_model():
    assert mean_over_all_logs(robust, 3) == pytest.approx(TRUTH, rel=1e-12)


def test_doubly_robust_with_a_true_model_has_no_error_whatever_the_propensities():
    action, made_up = logged(0, 20), np.linspace(0.1, 0.9, 20)
    found = doubly_robust(REWARD[action], made_up, TARGET[action], predicted=REWARD[action], expected=np.full(20, TRUTH))
    assert (found.value, found.standard_error) == (pytest.approx(TRUTH), pytest.approx(0.0, abs=1e-12))


def test_clipping_lowers_what_positive_rewards_are_worth():
    action = logged(0, 500)
    rows = REWARD[action], LOGGING[action], TARGET[action]
    assert ips(*rows, clip=2.0).value < ips(*rows).value == ips(*rows, clip=100.0).value
    assert ips(*rows, clip=2.0).standard_error < ips(*rows).standard_error


def test_snips_stays_within_the_rewards_seen_and_finds_a_constant_exactly():
    action = np.array([2, 0, 0])
    assert REWARD[action].min() <= snips(REWARD[action], LOGGING[action], TARGET[action]).value <= REWARD[action].max()
    assert snips(np.full(3, 4.0), LOGGING[action], TARGET[action]).value == pytest.approx(4.0)


@pytest.mark.parametrize("estimator", [lambda a: ips(REWARD[a], LOGGING[a], TARGET[a]), lambda a: snips(REWARD[a], LOGGING[a], TARGET[a])])
def test_standard_error_is_how_far_estimates_scatter_and_intervals_hold_the_truth(estimator):
    found = [estimator(logged(seed, 1_000)) for seed in range(300)]
    scatter = np.std([one.value for one in found])
    assert np.mean([one.standard_error for one in found]) == pytest.approx(scatter, rel=0.1)
    assert 0.9 < np.mean([one.interval()[0] <= TRUTH <= one.interval()[1] for one in found]) < 0.99


def test_judging_the_logging_policy_itself_loses_no_decision():
    action = logged(0, 50)
    found = ips(REWARD[action], LOGGING[action], LOGGING[action])
    assert (found.value, found.effective_sample_size, found.n) == (pytest.approx(REWARD[action].mean()), pytest.approx(50), 50)


def test_effective_sample_size_tells_of_one_decision_that_carries_all():
    assert ips([1.0, 1.0, 1.0], [0.001, 1.0, 1.0], [1.0, 1.0, 1.0]).effective_sample_size == pytest.approx(1.0, rel=0.01)


def test_target_that_takes_nothing_logged_is_worth_no_decision():
    assert ips([1.0, 1.0], [0.5, 0.5], [0.0, 0.0]).effective_sample_size == 0.0
    with pytest.raises(BadInput, match="target is 0 in every row: it never takes a logged action"):
        snips([1.0, 1.0], [0.5, 0.5], [0.0, 0.0])


def test_one_decision_has_no_standard_error():
    assert np.isnan([estimator([1.0], [0.5], [0.5]).standard_error for estimator in ESTIMATORS]).all()


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
