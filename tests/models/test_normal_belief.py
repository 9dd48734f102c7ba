import numpy as np
import pytest

from millrace.errors import DeclarationError
from millrace.models.belief import SEEN, SPREAD
from millrace.models.normal_belief import NormalBelief
from millrace.types import objects
from tests.models.belief_laws import BeliefLaws
from tests.models.learner_laws import plain

ARMS = {"arm": objects(["a", "b", "c"])}


class TestLaws(BeliefLaws):
    def make(self):
        return NormalBelief()


class TestWithinAWindow(BeliefLaws):
    def make(self):
        return NormalBelief(window="2h", strength=3)


def test_means_lie_between_their_own_and_that_of_all():
    examples = plain({"arm": objects(["a", "a", "a", "b"])}, cents=[10.0, 12, 14, 40])
    scores = NormalBelief(strength=2).fit(examples, 0).score(ARMS)
    assert scores["cents"] == pytest.approx([(3 * 12 + 2 * 19) / 5, (40 + 2 * 19) / 3, 19])
    assert scores[SEEN].tolist() == [3, 1, 0]
    noise = np.sqrt((8 + np.mean((np.array([10, 12, 14, 40]) - 19) ** 2)) / (4 - 2 + 1))
    assert scores[SPREAD] == pytest.approx(noise / np.sqrt([5, 3, 2]))


def test_with_many_rows_it_is_as_sure_as_the_mean_of_a_sample():
    g = np.random.default_rng(0)
    arm = g.integers(0, 2, 20_000)
    examples = plain({"arm": objects(("a", "b")[one] for one in arm)}, cents=g.normal(5 + 3 * arm, 2))
    scores = NormalBelief().fit(examples, 0).score(ARMS)
    assert scores["cents"][:2] == pytest.approx([5, 8], abs=0.1)
    assert scores[SPREAD][:2] == pytest.approx(2 / np.sqrt(10_000), rel=0.05)


def test_outcomes_that_are_all_alike_leave_something_to_learn():
    scores = NormalBelief().fit(plain({"arm": objects(["a", "b"])}, cents=[3.0, 3.0]), 0).score(ARMS)
    assert scores["cents"] == pytest.approx([3, 3, 3])
    assert (scores[SPREAD] > 0).all()


def test_a_reset_forgets():
    g = np.random.default_rng(0)
    examples = plain({"arm": objects(["a"] * 400)}, cents=g.normal(np.repeat([10.0, 20.0], 200), 1))
    assert NormalBelief(reset=True).fit(examples, 0).score(ARMS)["cents"][0] == pytest.approx(20, abs=0.5)


def test_a_strength_is_positive():
    with pytest.raises(DeclarationError, match=r"NormalBelief\(strength=0\)"):
        NormalBelief(strength=0)
