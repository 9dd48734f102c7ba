"""The small net: laws, what it learns, what whole numbers of 8 bits cost, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.errors import BadInput
from millrace.models.perceptron import Perceptron
from millrace.types import size, take
from tests.models.learner_laws import LearnerLaws, assert_same, contents, mixed, plain


class TestFloat32(LearnerLaws):
    def make(self):
        return Perceptron(hidden=(16, 8), epochs=5, min_rows=5)


class TestInt8(LearnerLaws):
    def make(self):
        return Perceptron(hidden=(16, 8), epochs=5, min_rows=5, weights="int8")


class TestQuantities(LearnerLaws):
    def make(self):
        return Perceptron(hidden=(8,), epochs=5, min_rows=5, loss="squared")

    def test_no_positives_are_refused_with_the_counts(self):
        """A quantity that is always the same is learnt as such."""
        examples = plain({"x": np.arange(100.0)}, y=np.full(100, 7.0))
        assert (self.make().fit(examples, seed=3).score(examples.rows)["y"] == 7).all()


def wave(n, seed=0):
    """Rows whose log-odds are a wave of one number times the sign of another, which no sum of both can say, and three that say nothing."""
    g = np.random.default_rng(seed)
    rows = {name: g.normal(size=n) for name in "abcde"}
    chance = 1 / (1 + np.exp(-3 * np.sin(2 * rows["a"]) * np.sign(rows["b"])))
    return plain(rows, y=g.random(n) < chance), chance


def off(version, examples, chance):
    return np.abs(version.score(examples.rows)["y"] - chance).mean()


def test_what_no_sum_can_say_is_learnt():
    (examples, _), (later, chance) = wave(8000), wave(2000, seed=1)
    assert off(Perceptron(reg=1.0).fit(examples, seed=0), later, chance) < 0.1
    assert np.abs(chance - 0.5).mean() > 0.3


def test_whole_numbers_cost_little_accuracy():
    (examples, _), (later, chance) = wave(8000), wave(2000, seed=1)
    exact, whole = (Perceptron(reg=1.0, weights=weights).fit(examples, seed=0) for weights in ("float32", "int8"))
    moved = np.abs(exact.score(later.rows)["y"] - whole.score(later.rows)["y"])
    assert 0 < moved.mean() < 0.008
    assert off(whole, later, chance) < off(exact, later, chance) + 0.003


def test_whole_numbers_take_a_quarter_of_the_bytes():
    exact, whole = (Perceptron(hidden=(256, 128), epochs=1, weights=weights).fit(mixed(240), seed=0) for weights in ("float32", "int8"))
    assert len(whole.nets["liked"].graph) < 0.3 * len(exact.nets["liked"].graph)


def test_quantities_of_any_size_are_predicted():
    x = np.linspace(-1, 1, 2000)
    examples = plain({"x": x}, y=1e12 + 1e3 * np.abs(x))
    version = Perceptron(loss="squared", reg=0.1).fit(examples, seed=0)
    np.testing.assert_allclose(version.score(examples.rows)["y"], examples.labels["y"], atol=100, rtol=0)


@pytest.mark.parametrize("weights", ["float32", "int8"])
def test_seed_decides_the_weights_and_nothing_else_does(weights, tmp_path):
    learner = Perceptron(hidden=(8,), epochs=3, weights=weights)
    for name, seed in {"one": 1, "again": 1, "other": 2}.items():
        learner.fit(mixed(240), seed).save(tmp_path / name)
    assert contents(tmp_path / "one") == contents(tmp_path / "again") != contents(tmp_path / "other")


@pytest.fixture(scope="module")
def versions():
    """A version of each kind, and rows as they may come, many enough for several blocks and a part of one."""
    learners = [Perceptron(hidden=(24, 8), epochs=2, min_rows=5, weights=weights) for weights in ("float32", "int8")]
    return [learner.fit(mixed(240), seed=0) for learner in learners], mixed(331, seed=5).rows


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_rows_in_any_company_score_the_same_bits(versions, data):
    made, rows = versions
    index = np.array(data.draw(st.lists(st.integers(0, size(rows) - 1), min_size=1, max_size=200)))
    for version in made:
        assert_same(version.score(take(rows, index)), take(version.score(rows), index))


def test_every_row_scores_the_same_bits_alone(versions):
    made, rows = versions
    for version in made:
        together = version.score(rows)
        for i in range(size(rows)):
            assert_same(version.score(take(rows, slice(i, i + 1))), take(together, slice(i, i + 1)))


def test_what_was_never_missing_counts_as_the_mean_when_it_is():
    x = np.linspace(-1, 1, 400)
    version = Perceptron(epochs=3).fit(plain({"x": x}, up=x > 0), seed=0)
    missing, mean = version.score({"x": np.array([np.nan, x.mean()])})["up"]
    assert missing == mean


def test_rows_count_by_their_weight():
    x = np.zeros(400)
    examples = plain({"x": x, "z": np.arange(400.0)}, y=np.arange(400) % 2)
    examples.weight[examples.labels["y"] == 1] = 9
    score = Perceptron(epochs=30).fit(examples, seed=0).score(examples.rows)["y"]
    assert score.mean() == pytest.approx(0.9, abs=0.03)


def test_stronger_penalty_draws_scores_together():
    loose, tight = (np.ptp(Perceptron(reg=reg).fit(mixed(240), seed=0).score(mixed(240).rows)["clicked"]) for reg in (0.1, 1000.0))
    assert tight < loose / 2


def test_damaged_net_is_refused(tmp_path):
    learner = Perceptron(hidden=(4,), epochs=1)
    learner.fit(mixed(80), seed=0).save(tmp_path)
    file = tmp_path / "head-1.onnx"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(BadInput, match="is damaged: its nets are not those that were saved"):
        learner.load(tmp_path)
