import numpy as np
import pytest

from millrace import Entity
from millrace.errors import DeclarationError, TrainingError
from millrace.models.belief import SEEN, SPREAD
from millrace.models.linear_belief import LinearBelief
from millrace.models.weights_belief import written
from millrace.types import objects
from tests.models.belief_laws import BeliefLaws
from tests.models.learner_laws import mixed, plain


class Colour(Entity):
    """What there is."""

    shade: str


class TestLaws(BeliefLaws):
    def make(self):
        return LinearBelief()


class TestPerSegment(BeliefLaws):
    def make(self):
        return LinearBelief(per=Colour.shade, reg=2.0, decay="3h")

    def examples(self):
        return _shaded(super().examples())

    def strange(self):
        rows = dict(super().strange())
        return {"Colour.shade": rows.pop("colour"), **rows}


def _shaded(examples):
    rows = dict(examples.rows)
    return type(examples)({"Colour.shade": rows.pop("colour"), **rows}, examples.labels, examples.weight, examples.group, examples.at)


def test_it_is_ridge_regression_with_the_covariance_of_a_normal_posterior():
    """By the normal equations, written out."""
    both = mixed(240)
    version = LinearBelief(reg=3.0).fit(type(both)(both.rows, {"clicked": both.labels["clicked"]}, both.weight, both.group, both.at), 0)
    x, y, w = written(version.design, both.rows, 240), both.labels["clicked"], both.weight
    curved = x.T @ np.diag(w) @ x + 3 * np.eye(x.shape[1])
    weights = np.linalg.solve(curved, x.T @ (w * y))
    error = w @ (y - x @ weights) ** 2 + 3 * weights @ weights
    noise = np.sqrt((2 + error) / (2 + w.sum()))
    scores = version.score(both.rows)
    np.testing.assert_allclose(scores["clicked"], x @ weights, atol=1e-10)
    np.testing.assert_allclose(scores[SPREAD], noise * np.sqrt(np.diag(x @ np.linalg.inv(curved) @ x.T)), atol=1e-10)


def test_what_is_learned_of_one_says_something_of_another_unless_each_has_its_own():
    g = np.random.default_rng(0)
    shade, x = objects(g.choice(["red", "blue"], 400)), g.normal(size=400)
    examples = plain({"Colour.shade": shade, "x": x}, y=np.where(shade == "red", x, -x))
    asked = {"Colour.shade": objects(["red", "blue", "new"]), "x": np.ones(3)}
    own = LinearBelief(per=Colour.shade).fit(examples, 0).score(asked)
    assert own["y"][:2] == pytest.approx([1, -1], abs=0.05)
    assert own["y"][2] == 0
    assert own[SPREAD][2] > 5 * own[SPREAD][:2].max()
    assert own[SEEN][:2].sum() == 400
    assert own[SEEN][2] == 0
    shared = LinearBelief().fit(examples, 0).score(asked)
    assert np.ptp(shared["y"]) < 0.3


def test_a_new_category_is_less_sure_than_a_known_one():
    examples = plain({"arm": objects(["a"] * 50 + ["b"] * 50)}, y=np.repeat([0.2, 0.4], 50))
    scores = LinearBelief().fit(examples, 0).score({"arm": objects(["a", "new"])})
    assert scores[SPREAD][1] > 3 * scores[SPREAD][0]


def test_intervals_hold_the_truth_as_often_as_they_say():
    g = np.random.default_rng(3)
    inside = []
    for _ in range(300):
        x, truth = g.normal(size=(60, 2)), g.normal(size=2)
        examples = plain({"a": x[:, 0], "b": x[:, 1]}, y=x @ truth + g.normal(0, 0.5, 60))
        asked = g.normal(size=2)
        scores = LinearBelief(reg=0.1).fit(examples, 0).score({"a": asked[:1], "b": asked[1:]})
        inside.append(abs(scores["y"][0] - asked @ truth) < 1.96 * scores[SPREAD][0])
    assert np.mean(inside) == pytest.approx(0.95, abs=0.04)


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(DeclarationError, match=r"LinearBelief\(per='arm'\): not an attribute"):
        LinearBelief(per="arm")  # type: ignore[arg-type]
    with pytest.raises(DeclarationError, match=r"LinearBelief\(noise=0\)"):
        LinearBelief(noise=0)


def test_outcomes_beyond_all_bounds_are_refused():
    with pytest.raises(TrainingError, match="declare the outcome in a larger unit"):
        LinearBelief().fit(plain({"x": np.ones(4)}, y=[1e308] * 4), 0)


@pytest.mark.parametrize("per", [None, Colour.shade])
def test_a_reset_forgets_what_came_before_the_weights_changed(per):
    g = np.random.default_rng(5)
    x, shade = g.normal(size=1_200), np.array(["red", "blue"])[g.integers(0, 2, 1_200)]
    worth = np.where((np.arange(1_200) >= 800) & (shade == "red"), -1.0, 1.0)
    examples = plain({"x": x, "Colour.shade": objects(shade)}, y=3 + worth * x + g.normal(0, 0.5, 1_200))
    if per is None:  # without weights of their own, both have to change
        examples = plain({"x": x, "Colour.shade": objects(shade)}, y=3 + np.repeat([1.0, -1.0], [800, 400]) * x + g.normal(0, 0.5, 1_200))
    asked = {"x": np.ones(1), "Colour.shade": objects(["red"])}
    scores = LinearBelief(reset=True, per=per).fit(examples, 0).score(asked)
    assert scores["y"][0] == pytest.approx(2, abs=0.2)
    assert scores[SEEN][0] == pytest.approx(400 if per is None else 200, abs=40)
    assert LinearBelief(per=per).fit(examples, 0).score(asked)["y"][0] > 2.8
