import numpy as np
import pytest

from millrace.errors import TrainingError
from millrace.models.belief import SEEN, SPREAD
from millrace.models.logistic_belief import LogisticBelief
from millrace.models.odds import probability
from millrace.models.weights_belief import written
from millrace.types import objects
from tests.models.belief_laws import BeliefLaws
from tests.models.learner_laws import plain


class TestLaws(BeliefLaws):
    def make(self):
        return LogisticBelief()


class TestThatForget(BeliefLaws):
    def make(self):
        return LogisticBelief(reg=0.2, window="2h")


class TestThatStartAnew(BeliefLaws):
    def make(self):
        return LogisticBelief(reset=True)


def test_weights_are_where_no_step_would_lower_the_penalised_loss_and_as_sure_as_it_is_curved():
    g = np.random.default_rng(0)
    rows = {"x": g.normal(size=300), "arm": objects(g.choice(["a", "b", "c"], 300))}
    examples = plain(rows, won=(g.random(300) < probability(rows["x"])).astype(float))
    version = LogisticBelief(reg=0.7).fit(examples, 0)
    x, label = written(version.design, rows, 300), examples.labels["won"]
    chance = probability(x @ version.weights)
    np.testing.assert_allclose(x.T @ (chance - label) + 0.7 * version.weights, 0, atol=1e-5)
    curved = (x * (chance * (1 - chance))[:, None]).T @ x + 0.7 * np.eye(x.shape[1])
    np.testing.assert_allclose(version.covariance, np.linalg.inv(curved), rtol=1e-4, atol=1e-8)


def test_weights_are_those_of_another_implementation():
    from sklearn.linear_model import LogisticRegression

    g = np.random.default_rng(1)
    rows = {"x": g.normal(size=500), "z": g.normal(size=500)}
    examples = plain(rows, won=(g.random(500) < probability(rows["x"] - 2)).astype(float))
    version = LogisticBelief(reg=2.0).fit(examples, 0)
    x = written(version.design, rows, 500)
    other = LogisticRegression(C=0.5, fit_intercept=False, tol=1e-10, max_iter=10_000).fit(x, examples.labels["won"])
    np.testing.assert_allclose(version.weights, other.coef_[0], atol=1e-6)


def test_chances_are_averages_over_what_is_believed():
    g = np.random.default_rng(2)
    rows = {"x": g.normal(size=40)}
    version = LogisticBelief().fit(plain(rows, won=(g.random(40) < 0.2).astype(float)), 0)
    asked = {"x": np.array([-1.0, 0.0, 3.0])}
    x = written(version.design, asked, 3)
    drawn = probability(x @ g.multivariate_normal(version.weights, version.covariance, 400_000).T)
    scores = version.score(asked)
    np.testing.assert_allclose(scores["won"], drawn.mean(axis=1), atol=2e-3)
    np.testing.assert_allclose(scores[SPREAD], drawn.std(axis=1), atol=2e-3)


def test_rows_that_are_told_apart_without_error_still_leave_a_doubt():
    x = np.linspace(-1, 1, 100)
    scores = LogisticBelief().fit(plain({"x": x}, won=x > 0), 0).score({"x": np.array([-1.0, 1.0])})
    assert scores["won"][0] < 0.05 < 0.95 < scores["won"][1] < 1


def test_what_is_no_chance_is_refused():
    with pytest.raises(TrainingError, match="use NormalBelief"):
        LogisticBelief().fit(plain({"x": np.ones(3)}, won=[0, 1, 2]), 0)


def test_a_reset_forgets_what_came_before_the_weights_changed_though_the_mean_stayed():
    g = np.random.default_rng(5)
    x, arm = g.normal(size=2_000), np.array(["a", "b"])[g.integers(0, 2, 2_000)]
    now = np.arange(2_000) >= 1_200
    won = g.random(2_000) < probability(1.5 * np.where(now, np.where(arm == "a", -1, 1), np.where(arm == "a", 1, -1)))
    examples = plain({"x": x, "arm": objects(arm)}, won=won)
    asked = {"x": np.zeros(2), "arm": objects(["a", "b"])}
    scores = LogisticBelief(reset=True).fit(examples, 0).score(asked)
    assert scores[SEEN][0] == pytest.approx(800, abs=40)
    assert scores["won"] == pytest.approx([0.18, 0.82], abs=0.05)
    assert LogisticBelief().fit(examples, 0).score(asked)["won"] == pytest.approx([0.6, 0.4], abs=0.1)


def test_where_nothing_changed_nothing_is_reset():
    g = np.random.default_rng(6)
    x = g.normal(size=1_500)
    examples = plain({"x": x}, won=g.random(1_500) < probability(x - 3))
    one, other = (LogisticBelief(reset=reset).fit(examples, 0).score({"x": np.zeros(1)}) for reset in (True, False))
    assert one["won"].tolist() == other["won"].tolist()
    assert one[SEEN].tolist() == [1_500]
