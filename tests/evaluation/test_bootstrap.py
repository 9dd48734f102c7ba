import numpy as np
import pytest

from millrace.errors import BadInput
from millrace.evaluation.bootstrap import estimate, statistic
from millrace.evaluation.metrics import metric

RNG = np.random.default_rng(7)
N = 120
LABEL = (RNG.random(N) < 0.4).astype(float)
SCORE = np.round(np.clip(0.4 * LABEL + 0.6 * RNG.random(N), 0, 1), 2)
GROUP = RNG.permutation(np.arange(N) // 8)
WEIGHT = RNG.choice([0.0, 1.0, 4.0], N)
POOLED = ["auc", "pr_auc", "log_loss", "brier", "f1@0.6", "rmse", "ece"]


def drawn(times, group):
    """Return the rows of a draw one by one, and the number of the drawn decision each belongs to."""
    rows, number = [], []
    for copy, one in enumerate(np.repeat(np.unique(group), times.astype(int))):
        inside = np.flatnonzero(group == one)
        rows.extend(inside)
        number.extend([copy] * len(inside))
    return np.array(rows), np.array(number)


@pytest.mark.parametrize("name", POOLED)
@pytest.mark.parametrize("group", [None, GROUP])
def test_counting_a_decision_twice_is_having_its_rows_twice(name, group):
    of, units = metric(name), np.arange(N) if group is None else group
    found = statistic(of, SCORE, LABEL, group)
    times = np.bincount(RNG.integers(0, found.units, found.units), minlength=found.units).astype(float)
    rows, _ = drawn(times, units)
    assert found.again(times) == pytest.approx(of.of({"score": SCORE[rows], "label": LABEL[rows]}), rel=1e-9)
    assert found.value == pytest.approx(of.of({"score": SCORE, "label": LABEL}), rel=1e-12)


@pytest.mark.parametrize("name", ["ndcg@5", "recall@2", "mrr"])
def test_drawing_decisions_anew_is_averaging_their_values_anew(name):
    found = statistic(metric(name), SCORE, LABEL, GROUP)
    assert found.units == len(np.unique(GROUP[LABEL > 0]))
    times = np.bincount(RNG.integers(0, found.units, found.units), minlength=found.units).astype(float)
    kept = np.isin(GROUP, GROUP[LABEL > 0])
    rows, number = drawn(times, GROUP[kept])
    score, label = SCORE[kept][rows], LABEL[kept][rows]
    assert found.again(times) == pytest.approx(metric(name).of({"score": score, "label": label, "group": number}), rel=1e-9)


@pytest.mark.parametrize("group", [None, GROUP])
def test_rows_of_no_weight_make_no_decision(group):
    counted = WEIGHT > 0
    found = statistic(metric("auc"), SCORE, LABEL, group, WEIGHT)
    assert found.value == pytest.approx(metric("auc").of({"score": SCORE, "label": LABEL, "weight": WEIGHT}))
    assert found.units == (counted.sum() if group is None else len(np.unique(GROUP[counted])))


def test_interval_is_as_wide_as_the_spread_of_the_mean():
    error = np.abs(SCORE - LABEL)
    found = estimate("mae", SCORE, LABEL, seed=0, resamples=2_000)
    half = 1.96 * error.std(ddof=1) / np.sqrt(N)
    assert (found.value, found.n) == (pytest.approx(error.mean()), N)
    np.testing.assert_allclose([found.low, found.high], [error.mean() - half, error.mean() + half], atol=0.1 * half)


def test_rows_that_rise_and_fall_together_make_it_wider():
    score, label, group = np.repeat(SCORE, 8), np.repeat(LABEL, 8), np.repeat(np.arange(N), 8)
    apart, together = (estimate("auc", score, label, one, seed=0, resamples=200) for one in (None, group))
    assert together.high - together.low > 2 * (apart.high - apart.low)
    assert (apart.value, apart.n, together.n) == (together.value, 8 * N, N)


def test_same_seed_gives_the_same_interval_and_another_seed_another():
    first, again, other = (estimate("auc", SCORE, LABEL, seed=seed, resamples=50) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_what_cannot_be_said_is_none():
    without = estimate("auc", SCORE, np.zeros(N), seed=0, resamples=20)
    assert (without.value, without.low, without.high, without.n) == (None, None, None, N)
    single = estimate("ndcg@5", [0.9, 0.1, 0.5], [0, 1, 0], [4, 4, 5], seed=0, resamples=20)
    assert (single.value, single.low, single.high, single.n) == (pytest.approx(0.63093, abs=1e-5), None, None, 1)
    few = estimate("auc", SCORE, np.arange(N) < 2, seed=0, resamples=200)
    assert (few.value is None, few.low, few.high) == (False, None, None)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: estimate("coverage", SCORE, LABEL, seed=0), "coverage is computed from shown, candidates, not from scores and labels"),
        (lambda: estimate("diversity", SCORE, LABEL, GROUP, seed=0), "diversity is computed from category, group, not from scores"),
        (lambda: estimate("ndcg@5", SCORE, LABEL, seed=0), "ndcg@5 is a mean over decisions: pass the decision of each row as group"),
        (lambda: estimate("ndcg@5", SCORE, LABEL, GROUP, weight=WEIGHT, seed=0), "whose rows have no weights of their own"),
        (lambda: estimate("auc", SCORE, LABEL, seed=0, confidence=95), "confidence=95: must lie between 0 and 1"),
        (lambda: estimate("auc", SCORE, LABEL, seed=0, resamples=0), "resamples=0: must be a whole number of at least 1"),
        (lambda: estimate("auc", SCORE, LABEL[:-1], seed=0), "label has 119 rows where the others have 120"),
    ],
)
def test_wrong_input_is_refused(call, said):
    with pytest.raises(BadInput, match=said):
        call()


def test_equal_weights_are_no_weights_for_a_mean_over_decisions():
    weighted = estimate("ndcg@5", SCORE, LABEL, GROUP, weight=np.ones(N), seed=0, resamples=20)
    assert weighted == estimate("ndcg@5", SCORE, LABEL, GROUP, seed=0, resamples=20)
