"""The same numbers as scikit-learn, on rows with ties and weights."""

import numpy as np
import pytest

from millrace.evaluation import calibration, classification, ranking, regression

sklearn = pytest.importorskip("sklearn.metrics")

RNG = np.random.default_rng(2024)
N = 3_000
SCORE = RNG.random(N).round(2)
LABEL = (RNG.random(N) < SCORE**2).astype(float)
WEIGHT = RNG.exponential(size=N)
ACTUAL, PREDICTED = RNG.gamma(2.0, 5.0, N), RNG.gamma(2.0, 5.0, N)
QUERIES, CANDIDATES = 200, 15
RANKED, GAIN = RNG.integers(0, 8, (QUERIES, CANDIDATES)) / 8, RNG.poisson(0.5, (QUERIES, CANDIDATES)).astype(float)
GAIN[:, 0] += 1
GROUP = np.repeat(np.arange(QUERIES), CANDIDATES)


def same(ours, theirs):
    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (classification.auc, sklearn.roc_auc_score),
        (classification.pr_auc, sklearn.average_precision_score),
        (classification.log_loss, sklearn.log_loss),
        (classification.brier, sklearn.brier_score_loss),
    ],
)
def test_scores_of_classes(ours, theirs, weight):
    same(ours(SCORE, LABEL, weight), theirs(LABEL, SCORE, sample_weight=weight))


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("name", ["accuracy", "precision", "recall", "f1"])
def test_shares_at_a_threshold(name, weight):
    theirs = getattr(sklearn, f"{name}_score")(LABEL, SCORE >= 0.4, sample_weight=weight)
    same(getattr(classification.confusion(SCORE, LABEL, weight, threshold=0.4), name), theirs)


def test_confusion_matrix():
    counted = classification.confusion(SCORE, LABEL, WEIGHT, threshold=0.4)
    ours = [[counted.true_negative, counted.false_positive], [counted.false_negative, counted.true_positive]]
    np.testing.assert_allclose(ours, sklearn.confusion_matrix(LABEL, SCORE >= 0.4, sample_weight=WEIGHT), rtol=1e-9)


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (regression.mae, sklearn.mean_absolute_error),
        (regression.rmse, sklearn.root_mean_squared_error),
        (regression.r2, sklearn.r2_score),
        (regression.mape, sklearn.mean_absolute_percentage_error),
    ],
)
def test_errors_of_quantities(ours, theirs, weight):
    same(ours(PREDICTED, ACTUAL, weight), theirs(ACTUAL, PREDICTED, sample_weight=weight))


@pytest.mark.parametrize("quantile", [0.1, 0.9])
def test_pinball_loss(quantile):
    theirs = sklearn.mean_pinball_loss(ACTUAL, PREDICTED, sample_weight=WEIGHT, alpha=quantile)
    same(regression.pinball(PREDICTED, ACTUAL, WEIGHT, quantile=quantile), theirs)


@pytest.mark.parametrize("k", [1, 3, 10, None])
def test_ndcg_with_ties(k):
    same(ranking.ndcg(RANKED.ravel(), GAIN.ravel(), GROUP, k).value, sklearn.ndcg_score(GAIN, RANKED, k=k))


def test_average_precision_and_reciprocal_rank_of_each_decision_without_ties():
    score = RNG.permuted(np.tile(np.arange(CANDIDATES), (QUERIES, 1)), axis=1)
    theirs = [sklearn.average_precision_score(gain > 0, row) for gain, row in zip(GAIN, score, strict=True)]
    np.testing.assert_allclose(ranking.mean_average_precision(score.ravel(), GAIN.ravel(), GROUP).each, theirs, rtol=1e-9)
    one = np.eye(CANDIDATES)[RNG.integers(0, CANDIDATES, QUERIES)]  # with a single positive each, both are 1 / its place
    same(ranking.mrr(score.ravel(), one.ravel(), GROUP).value, sklearn.label_ranking_average_precision_score(one, score))


def test_hit_rate_of_single_positives_is_top_k_accuracy():
    score = RNG.permuted(np.tile(np.arange(CANDIDATES), (QUERIES, 1)), axis=1)
    which = RNG.integers(0, CANDIDATES, QUERIES)
    theirs = sklearn.top_k_accuracy_score(which, score, k=4, labels=np.arange(CANDIDATES))
    same(ranking.hit_rate(score.ravel(), np.eye(CANDIDATES)[which].ravel(), GROUP, 4).value, theirs)


def test_calibration_curve():
    from sklearn.calibration import calibration_curve

    score = RNG.random(N)  # without ties, where bins of equal mass are the same whoever cuts them
    observed, predicted = calibration_curve(LABEL, score, n_bins=10, strategy="quantile")
    table = calibration.calibration_table(score, LABEL, bins=10)
    np.testing.assert_allclose(table["observed"], observed, rtol=1e-9)
    np.testing.assert_allclose(table["predicted"], predicted, rtol=1e-9)
