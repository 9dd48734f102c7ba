import numpy as np
import pytest

from millrace.errors import BadInput, DeclarationError, TrainingError
from millrace.models.belief import SEEN, SPREAD, reach
from millrace.models.beta_belief import BetaBelief
from millrace.types import DAY, HOUR, objects
from tests.models.belief_laws import BeliefLaws
from tests.models.learner_laws import plain

ARMS = {"arm": objects(["a", "b", "c"])}


class TestLaws(BeliefLaws):
    def make(self):
        return BetaBelief()


class TestThatForget(BeliefLaws):
    def make(self):
        return BetaBelief(decay="1h", reset=True)

    def test_the_order_of_rows_does_not_matter(self):
        """Not here: to see that something changed it takes them in the order of the log."""


def pulls(**outcomes):
    arm = objects(name for name, labels in outcomes.items() for _ in labels)
    return plain({"arm": arm}, won=np.concatenate([np.asarray(one, dtype=float) for one in outcomes.values()]))


def test_successes_and_failures_are_counted():
    scores = BetaBelief(prior=(1, 3)).fit(pulls(a=[1, 1, 0], b=[0.5]), 0).score(ARMS)
    assert scores["won"] == pytest.approx([3 / 7, 1.5 / 5, 1 / 4])
    assert scores[SPREAD] == pytest.approx(np.sqrt([3 / 7 * 4 / 7 / 8, 0.3 * 0.7 / 6, 0.25 * 0.75 / 5]))
    assert scores[SEEN].tolist() == [3, 1, 0]


def test_every_combination_is_of_its_own():
    rows = {"arm": objects(["a", "a", "b"]), "who": np.array([1.0, np.nan, np.nan]), "new": np.array([True, True, False])}
    version = BetaBelief().fit(plain(rows, won=[1, 0, 0]), 0)
    assert version.score(rows)["won"] == pytest.approx([2 / 3, 1 / 3, 1 / 3])
    assert version.score({**rows, "who": np.array([2.0, np.nan, np.nan])})[SEEN].tolist() == [0, 1, 1]


def test_a_half_life_halves():
    examples = plain({"arm": objects(["a", "a", "b"])}, at=np.array([0, 2 * HOUR, 3 * HOUR]), won=[1, 1, 0])
    scores = BetaBelief(decay="1h").fit(examples, 0).score(ARMS)
    assert scores[SEEN] == pytest.approx([1 / 8 + 1 / 2, 1, 0])
    assert scores["won"][0] == pytest.approx((1 + 5 / 8) / (2 + 5 / 8))


def test_a_window_drops_what_is_older():
    examples = plain({"arm": objects(["a", "a", "b"])}, at=np.array([0, 2 * HOUR, 3 * HOUR]), won=[1, 1, 0])
    assert BetaBelief(window="1h").fit(examples, 0).score(ARMS)[SEEN].tolist() == [1, 1, 0]


def test_a_reset_forgets_what_came_before_any_of_them_changed():
    g = np.random.default_rng(0)
    arm = objects(["a", "b"] * 400)
    chance = np.where(arm == "a", np.repeat([0.1, 0.7], 400), 0.4)
    examples = plain({"arm": arm}, won=(g.random(800) < chance).astype(float))
    scores = BetaBelief(reset=True).fit(examples, 0).score(ARMS)
    assert scores[SEEN][:2] == pytest.approx([200, 200], abs=20)
    assert scores["won"][:2] == pytest.approx([0.7, 0.4], abs=0.1)


def test_where_nothing_changed_nothing_is_reset():
    examples = pulls(a=np.tile([0, 1, 0], 100), b=np.tile([1, 1, 0], 100))
    assert BetaBelief(reset=True).fit(examples, 0).score(ARMS)[SEEN].tolist() == [300, 300, 0]


def test_how_far_back_it_reads_follows_from_how_it_forgets():
    assert reach(BetaBelief()) is None
    assert reach(BetaBelief(window="7d")) == 7 * DAY
    assert reach(BetaBelief(decay="1d")) == 16 * DAY


def test_what_is_no_chance_is_refused():
    with pytest.raises(TrainingError, match=r"labels of 'won' lie in \[0, 1\]: 1 of 2 do not, such as 3.0"):
        BetaBelief().fit(pulls(a=[0, 3]), 0)


def test_a_column_that_is_missing_is_named():
    with pytest.raises(BadInput, match="feature 'arm' is missing"):
        BetaBelief().fit(pulls(a=[0, 1]), 0).score({"other": np.zeros(2)})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"prior": (0, 1)}, r"BetaBelief\(prior=\(0, 1\)\): prior is two numbers above 0"),
        ({"prior": 3}, "prior is two numbers"),
        ({"decay": "fast"}, r"BetaBelief\(decay='fast'\): 'fast' is not a duration"),
        ({"decay": "1d", "window": "2d"}, "two ways to forget; give one of them"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, said):
    with pytest.raises(DeclarationError, match=said):
        BetaBelief(**settings)
