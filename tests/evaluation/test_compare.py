import numpy as np
import pytest

from millrace.errors import BadInput, TrainingError
from millrace.evaluation.compare import Comparison, compare
from millrace.evaluation.metrics import metric

RNG = np.random.default_rng(11)
DECISIONS, SIZE = 150, 6
GROUP = np.repeat(np.arange(DECISIONS), SIZE)
LABEL = (RNG.random(len(GROUP)) < 0.3).astype(float)
GOOD = np.clip(0.3 * LABEL + 0.7 * RNG.random(len(GROUP)), 0, 1)
NOISY = np.clip(GOOD + RNG.normal(0, 0.02, len(GROUP)), 0, 1)
BAD = RNG.random(len(GROUP))
NAMES = ["auc", "pr_auc", "log_loss", "rmse", "ndcg@3", "recall@2", "hit@1"]


def compared(name, champion, challenger, **settings):
    return compare(name, champion, challenger, LABEL, GROUP, **{"seed": 0, "resamples": 200, **settings})


@pytest.mark.parametrize("name", NAMES)
def test_values_are_those_of_each_scorer_alone(name):
    found = compared(name, GOOD, BAD)
    alone = [metric(name).of({"score": score, "label": LABEL, "group": GROUP}) for score in (GOOD, BAD)]
    assert [found.champion, found.challenger] == pytest.approx(alone)
    assert found.difference == pytest.approx(alone[1] - alone[0])
    assert found.low <= found.difference <= found.high


@pytest.mark.parametrize("name", NAMES)
def test_scorer_that_knows_nothing_is_shown_to_be_worse_and_the_other_way_round_better(name):
    worse, better = compared(name, GOOD, BAD), compared(name, BAD, GOOD)
    assert worse.is_worse()
    assert not worse.is_not_worse()
    assert better.is_not_worse()
    assert not better.is_worse()


@pytest.mark.parametrize("name", NAMES)
def test_equal_scorers_do_not_differ(name):
    found = compared(name, GOOD, GOOD)
    assert (found.difference, found.low, found.high) == (0.0, 0.0, 0.0)
    assert found.is_not_worse()
    assert not found.is_worse()


def test_pairing_makes_the_interval_of_a_small_difference_far_narrower_than_that_of_the_metric():
    same_noise, none_shared = compared("ndcg@3", GOOD, NOISY), compared("ndcg@3", GOOD, BAD)
    assert same_noise.high - same_noise.low < 0.3 * (none_shared.high - none_shared.low)


def test_interval_of_a_mean_is_as_wide_as_the_spread_of_the_paired_differences():
    each = [metric("recall@2").function(score, LABEL, GROUP).each for score in (GOOD, BAD)]
    difference = (each[1] - each[0])[~np.isnan(each[0])]
    found = compared("recall@2", GOOD, BAD, resamples=2_000)
    half = 1.96 * difference.std(ddof=1) / np.sqrt(len(difference))
    assert found.n == len(difference)
    np.testing.assert_allclose([found.low, found.high], [difference.mean() - half, difference.mean() + half], atol=0.1 * half)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    held = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        label = (rng.random(200) < 0.5).astype(float)
        one, other = (label + rng.normal(size=200) for _ in range(2))
        found = compare("auc", one, other, label, seed=seed, resamples=100)
        held += found.low <= 0 <= found.high
    assert 88 <= held <= 99


def test_margin_is_in_the_metrics_unit_and_its_direction():
    up = Comparison("auc", 0.8, 0.79, -0.01, -0.03, 0.01, 99, larger_is_better=True)
    assert (up.is_not_worse(0.02), up.is_not_worse(0.03), up.is_worse()) == (False, True, False)
    lower = Comparison("auc", 0.8, 0.76, -0.04, -0.06, -0.02, 99, larger_is_better=True)
    assert (lower.is_worse(), lower.is_worse(0.01), lower.is_worse(0.03)) == (True, True, False)
    down = Comparison("log_loss", 0.5, 0.53, 0.03, 0.01, 0.05, 99, larger_is_better=False)
    assert (down.is_worse(), down.is_worse(0.02), down.is_not_worse(0.02), down.is_not_worse(0.05)) == (True, False, False, True)


def test_same_seed_gives_the_same_comparison_whatever_the_order_of_the_decisions():
    order = RNG.permutation(len(GROUP))
    shuffled = compare("ndcg@3", GOOD[order], BAD[order], LABEL[order], GROUP[order], seed=0, resamples=200)
    assert shuffled.low == pytest.approx(compared("ndcg@3", GOOD, BAD).low, rel=1e-9)
    assert compared("auc", GOOD, BAD) == compared("auc", GOOD, BAD)


def test_weights_count_in_both_scorers():
    weight = RNG.random(len(GROUP))
    found = compared("auc", GOOD, BAD, weight=weight)
    assert found.champion == pytest.approx(metric("auc").of({"score": GOOD, "label": LABEL, "weight": weight}))


@pytest.mark.parametrize(
    ("name", "label", "group", "said"),
    [
        ("auc", [0, 0, 0], None, "auc says nothing on these rows: it needs positives"),
        ("ndcg@3", [0, 0, 0], [0, 0, 1], "ndcg@3 says nothing on these rows"),
        ("ndcg@3", [1, 0, 1], [0, 0, 1], "ndcg@3 rests on 2 decisions, and it takes 10"),
        ("auc", [1, 0, 0], [0, 0, 0], "auc rests on 1 decisions"),
    ],
)
def test_rows_that_cannot_tell_are_refused(name, label, group, said):
    with pytest.raises(TrainingError, match=f"champion and challenger cannot be compared: {said}"):
        compare(name, [0.1, 0.2, 0.3], [0.3, 0.2, 0.1], label, group, seed=0)


def test_two_positives_that_many_draws_miss_are_too_few():
    with pytest.raises(TrainingError, match="rests on too few positives"):
        compare("auc", np.arange(50.0), -np.arange(50.0), np.arange(50) < 2, seed=0)


def test_scores_of_other_rows_are_refused():
    with pytest.raises(BadInput, match="label has 900 rows where the others have 899"):
        compared("auc", GOOD, BAD[:-1])
