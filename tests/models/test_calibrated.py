import numpy as np
import pytest

from millrace.errors import TrainingError
from millrace.models.calibrated import Calibrated
from millrace.models.gradient_boosting import GradientBoosting
from millrace.models.logistic import Logistic
from tests.models.learner_laws import LearnerLaws, contents, mixed, plain

SMALL = GradientBoosting(trees=20, leaves=4, min_rows=5, learning_rate=0.3)


class TestIsotonic(LearnerLaws):
    def make(self):
        return Calibrated(SMALL)


class TestSigmoid(LearnerLaws):
    def make(self):
        return Calibrated(SMALL, by="sigmoid")


class TestOverRanking(LearnerLaws):
    def make(self):
        return Calibrated(GradientBoosting(trees=20, leaves=4, min_rows=5, loss="ranking"), by="sigmoid")


def chances(n=4000, seed=0):
    """Rows whose one feature is the log-odds of their outcome."""
    rng = np.random.default_rng(seed)
    x = rng.normal(-1, 1.5, n)
    return plain({"x": x}, y=rng.random(n) < 1 / (1 + np.exp(-x)))


@pytest.mark.parametrize("by", ["isotonic", "sigmoid"])
def test_scores_bent_by_a_weight_are_made_right(by):
    bent = GradientBoosting(trees=30, leaves=4, positive_weight=20.0)
    rows = {"x": np.linspace(-3, 1.5, 50)}
    truth = 1 / (1 + np.exp(-rows["x"]))
    assert np.abs(bent.fit(chances(), seed=0).score(rows)["y"] - truth).mean() > 0.3
    assert np.abs(Calibrated(bent, by=by).fit(chances(), seed=0).score(rows)["y"] - truth).mean() < 0.05


def test_inner_version_learns_from_the_earlier_rows_alone(tmp_path):
    examples = chances(400)
    Calibrated(Logistic(), held_out=0.25).fit(examples, seed=0).save(tmp_path / "wrapped")
    Logistic().fit(examples.part(np.arange(300)), seed=0).save(tmp_path / "bare")
    assert contents(tmp_path / "wrapped" / "inner") == contents(tmp_path / "bare")


def test_each_outcome_is_calibrated_on_the_latest_rows_where_it_is_known():
    examples = chances(400)
    late = examples.labels["y"].copy()
    late[200:] = np.nan  # an outcome that takes long to be known
    examples = plain(examples.rows, soon=examples.labels["y"], late=late)
    mine = Calibrated(Logistic()).fit(examples, seed=0)
    alone = Calibrated(Logistic()).fit(plain({"x": examples.rows["x"][:200]}, late=late[:200]), seed=0)
    rows = {"x": np.linspace(-3, 3, 9)}
    np.testing.assert_allclose(mine.score(rows)["late"], alone.score(rows)["late"], atol=0.02)


@pytest.mark.parametrize("by", ["isotonic", "sigmoid"])
def test_order_is_kept_but_for_ties(by):
    version = Calibrated(SMALL, by=by).fit(mixed(400), seed=0)
    before, after = version.inner.score(mixed(400).rows), version.score(mixed(400).rows)
    for head in version.heads:
        assert (np.diff(after[head][np.argsort(before[head])]) >= 0).all()


def test_held_out_rows_of_one_kind_are_refused_with_the_counts():
    with pytest.raises(TrainingError) as refused:
        Calibrated(Logistic()).fit(plain({"x": np.arange(100.0)}, y=np.arange(100) < 50), seed=0)
    assert str(refused.value) == (
        "Calibrated (on the latest 20% of the labelled rows) cannot learn 'y': its labelled rows hold 0 positives and 20 negatives, "
        "and it needs both; take a longer history or check the outcome's window"
    )


def test_one_decision_cannot_be_split_in_time():
    with pytest.raises(TrainingError, match="none of the 0 rows has a label"):
        Calibrated(Logistic()).fit(plain({"x": np.arange(8.0)}, group=np.zeros(8), y=np.arange(8) % 2), seed=0)


def test_quantities_are_refused():
    with pytest.raises(TrainingError, match="the labels of 'y' are 0 or 1"):
        Calibrated(GradientBoosting(loss="squared")).fit(plain({"x": np.arange(100.0)}, y=np.arange(100)), seed=0)


def test_learners_are_told_apart_by_all_their_settings():
    assert len({Calibrated(SMALL), Calibrated(Logistic()), Calibrated(SMALL, by="sigmoid"), Calibrated(SMALL, held_out=0.3)}) == 4
