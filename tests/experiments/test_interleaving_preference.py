"""Preferences between interleaved arms: what is refused, what is warned of, and looks at any time."""

import numpy as np
import pytest

from millrace.errors import BadInput
from millrace.experiments.comparison import AT_ANY_LOOK, Asked
from millrace.experiments.interleaving import Credits
from millrace.experiments.interleaving_preference import preference, preferences, votes
from millrace.experiments.reasons import Reason, Refused
from millrace.experiments.sequential_comparison import look, sequential_comparison
from millrace.experiments.stopping import Anytime
from tests.experiments.search_visits import WAYS, by_grade, by_place, experiments
from tests.experiments.search_world import World

WORLD = World.made(0.6, queries=200)


def earned(old: list[float], new: list[float], by: str = "team-draft") -> Credits:
    return Credits(("old", "new"), by, np.array([old, new], dtype=float).T)


def test_the_treatment_is_ahead_by_what_it_earned_more_per_request() -> None:
    found = preference(earned([1, 0, 0, 1], [0, 2, 1, 1]), "old", "new", np.array(["a", "a", "b", "c"]))
    assert (found.control.value, found.treatment.value, found.difference) == (0.5, 1.0, 0.5)
    assert found.control.units == 3
    turned = preference(earned([1, 0, 0, 1], [0, 2, 1, 1]), "new", "old", np.array(["a", "a", "b", "c"]))
    assert (turned.difference, turned.error, turned.p_value) == (-0.5, found.error, found.p_value)


def test_one_sided_questions_are_answered_by_one_side() -> None:
    g = np.random.default_rng(0)
    of = earned(*g.poisson([[0.4], [0.6]], size=(2, 300)).tolist())
    two, one = (preference(of, "old", "new", np.arange(300), Asked(alternative=side)) for side in ("two-sided", "greater"))
    assert one.p_value == pytest.approx(two.p_value / 2)
    assert one.high == float("inf")


def test_a_viewer_that_asks_all_the_time_is_one_viewer() -> None:
    """Ten thousand equal requests of one of three viewers prove nothing."""
    of = earned([1, 0] + [0] * 10_000, [0, 1] + [1] * 10_000)
    unit = np.array([0, 1] + [2] * 10_000)
    found = preference(of, "old", "new", unit)
    assert [one.reason for one in found.cautions] == [Reason.FEW_UNITS]
    assert "no more than 1 units of equal size" in found.cautions[0].said
    assert votes(of, "old", "new", unit).p_value == 1.0


def test_votes_count_units_and_leave_out_those_of_no_opinion() -> None:
    found = votes(earned([1, 0, 0, 0, 2], [0, 1, 0, 1, 0]), "old", "new", np.array([1, 1, 2, 3, 4]))
    assert (found.control, found.treatment, found.ties) == (1, 1, 2)
    nobody = votes(earned([0, 0], [0, 0]), "old", "new", np.array([1, 2]))
    assert (nobody.p_value, nobody.ties) == (1.0, 2)


def test_balanced_interleaving_is_read_with_a_warning() -> None:
    g = np.random.default_rng(0)
    found = preference(earned(*g.poisson(0.5, size=(2, 300)).tolist(), by="balanced"), "old", "new", np.arange(300))
    assert [one.reason for one in found.cautions] == [Reason.BIASED]


@pytest.mark.parametrize(
    ("of", "unit", "reason", "said"),
    [
        (earned([1], [0]), [7], Reason.FEW_UNITS, "1 units asked: at least two are needed to tell a preference from chance"),
        (
            earned([0, 1], [0, 1]),
            [1, 2],
            Reason.NO_VARIANCE,
            "no request tells new from old: nothing was earned, or always as much by both",
        ),
    ],
)
def test_what_says_nothing_is_refused(of: Credits, unit: list[int], reason: Reason, said: str) -> None:
    with pytest.raises(Refused, match=said) as refused:
        preference(of, "old", "new", np.array(unit))
    assert refused.value.reason is reason


def test_arms_and_units_that_do_not_fit_are_refused() -> None:
    of = earned([1, 0], [0, 1])
    with pytest.raises(BadInput, match="'odd' is no arm: these were merged: old, new"):
        preference(of, "old", "odd", np.array([1, 2]))
    with pytest.raises(BadInput, match="1 units for 2 requests: say who asked each"):
        votes(of, "old", "new", np.array([1]))


def test_pairs_that_nothing_tells_apart_are_left_out() -> None:
    g = np.random.default_rng(0)
    one, other = g.poisson(0.5, size=(2, 100)).astype(float)
    found = preferences(Credits(("a", "b", "c"), "team-draft", np.column_stack([one, one, other])), np.arange(100))
    assert [(pair.control.name, pair.treatment.name) for pair in found] == [("a", "c"), ("b", "c")]


@pytest.mark.parametrize("by", WAYS)
def test_every_way_finds_the_better_ranker(by: str) -> None:
    found = [preference(of, "old", "new", unit) for of, unit, _ in experiments(by, np.random.default_rng(0), WORLD, by_grade, 2000, 5)]
    assert all(one.is_significant and one.difference > 0 for one in found)


@pytest.mark.parametrize("by", WAYS)
def test_clicks_that_go_by_the_place_prefer_nobody(by: str) -> None:
    of, unit, total = next(experiments(by, np.random.default_rng(0), WORLD.mirrored(), by_place, 4000, 1))
    assert abs(preference(of, "old", "new", unit).difference) < 0.03
    if by != "balanced":
        np.testing.assert_allclose(of.earned.sum(axis=1), total)


def test_a_preference_may_be_looked_at_any_time() -> None:
    """Its looks go into the same rule as those of any comparison; both arms have the same units, which count twice."""
    of, unit, _ = next(experiments("team-draft", np.random.default_rng(0), WORLD, by_grade, 2000, 1))
    rule = Anytime(planned=4000)
    looks, read = [], None
    for viewers in (500, 1000, 2000):
        part = unit < viewers
        one = preference(Credits(of.arms, of.by, of.earned[part]), "old", "new", unit[part])
        read = sequential_comparison(one, rule, looks)
        looks.append(look(one))
        assert read.low < one.low < one.high < read.high, "more is asked of it than of one look"
    assert read is not None
    assert read.is_significant
    assert read.controls == AT_ANY_LOOK
