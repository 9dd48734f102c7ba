"""The scoring learners on data nobody here wrote: 24 010 credit-card clients, of whom 22 % defaulted."""

import os
from pathlib import Path

import numpy as np
import pytest

from millrace.models.calibrated import Calibrated
from millrace.models.gradient_boosting import GradientBoosting
from millrace.models.learner import Examples
from millrace.models.logistic import Logistic
from tests.models.learner_laws import plain

FOLDS = 5


@pytest.fixture(scope="module")
def folds() -> list[tuple[Examples, Examples]]:
    """Return the clients to learn from and to judge on, five times, drawn at random: the data has no time."""
    file = Path(os.environ.get("MILLRACE_DATA", "")) / "uci_credit_default" / "clients.parquet"
    if not os.environ.get("MILLRACE_DATA") or not file.exists():
        pytest.skip("no uci_credit_default/clients.parquet: set MILLRACE_DATA to the folder of data sets")
    from pyarrow import parquet

    table = parquet.read_table(file)
    rows = {name: table[name].to_numpy() for name in table.column_names if name != "default"}
    examples = plain(rows, defaulted=table["default"].to_numpy())
    fold = np.random.default_rng(0).integers(0, FOLDS, len(examples))
    return [(examples.part(fold != k), examples.part(fold == k)) for k in range(FOLDS)]


def areas(learner, folds):
    """Return the area under the ROC curve on each fold."""
    from sklearn.metrics import roc_auc_score

    scores = [learner.fit(learnt, seed=0).score(judged.rows)["defaulted"] for learnt, judged in folds]
    return np.array([roc_auc_score(judged.labels["defaulted"], score) for (_, judged), score in zip(folds, scores, strict=True)])


def test_trees_are_as_good_as_published_and_beat_the_linear_model(folds):
    trees = areas(GradientBoosting(), folds)
    assert trees.mean() >= 0.775
    assert (trees > areas(Logistic(), folds) + 0.03).all()


def calibration_error(learner, learnt, judged):
    """Return how far tenths of the clients, by score, default more or less often than predicted, on average."""
    score = learner.fit(learnt, seed=0).score(judged.rows)["defaulted"]
    misses = score - judged.labels["defaulted"]
    return np.mean([abs(misses[tenth].mean()) for tenth in np.array_split(np.argsort(score), 10)])


@pytest.mark.parametrize("by", ["isotonic", "sigmoid"])
def test_calibration_mends_what_a_weight_bent(folds, by):
    bent = GradientBoosting(positive_weight=10.0)
    assert calibration_error(Calibrated(bent, by=by), *folds[0]) < 0.1 * calibration_error(bent, *folds[0])
