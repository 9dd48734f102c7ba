from dataclasses import replace

import numpy as np
import pytest

from millrace.errors import BadInput
from millrace.experiments.placebo import in_space, in_time, leave_one_out
from millrace.experiments.reasons import Reason, Refused
from millrace.experiments.simplex import mixture
from millrace.experiments.synthetic_control import Panel, synthetic_control
from tests.experiments.panels import alike, panel


@pytest.fixture(scope="module")
def fitted():
    world = panel(1)
    return world, synthetic_control(world, starts=8)


def test_the_effect_is_found_and_the_fit_is_told(fitted):
    _, found = fitted
    assert found.effect == pytest.approx(-5.0, abs=1.5)
    assert found.floor <= found.before <= 1.01 * found.floor
    assert found.after > 3 * found.before
    assert found.importance.sum() == pytest.approx(1)
    assert found.weights.sum() == pytest.approx(1)


def test_a_single_start_is_stuck_where_many_are_not(fitted):
    world, found = fitted
    one = synthetic_control(world, starts=1, worst=float("inf"))
    assert one.before > 50 * found.before  # 69 where 0.9 can be reached
    assert found.reached.max() > 4 * found.reached.min()
    assert (np.diff(found.reached) >= 0).all()


def test_without_predictors_the_weights_are_the_best_there_are():
    world = replace(panel(noise=0.01), predictors=None)
    found = synthetic_control(world)
    assert found.before == pytest.approx(found.floor, rel=1e-12)
    assert len(found.reached) == 1
    assert found.effect == pytest.approx(-5.0, abs=0.1)
    gaps = world.outcome[0] - found.weights @ world.outcome[1:]
    np.testing.assert_allclose(found.gaps, gaps, rtol=1e-12)


def test_weights_are_the_exact_answer_for_their_importances(fitted):
    """To the part in 10⁸ that the outcomes themselves count for, to choose among equals."""
    world, found = fitted
    scaled = (world.predictors / world.predictors.std(axis=0, ddof=1)) * np.sqrt(found.importance)
    loss = [float(((scaled[0] - w @ scaled[1:]) ** 2).sum()) for w in (found.weights, mixture(scaled[1:].T, scaled[0]))]
    assert loss[0] <= loss[1] + 1e-6


def test_equal_seeds_give_equal_fits(fitted):
    world, found = fitted
    assert (synthetic_control(world, starts=8).weights == found.weights).all()


def test_a_unit_unlike_all_others_is_refused():
    world = panel()
    world.outcome[0] += 500
    with pytest.raises(Refused, match="no mixture of these donors is like the treated unit") as refused:
        synthetic_control(world, starts=3)
    assert refused.value.reason is Reason.BAD_FIT


def test_more_donors_than_periods_are_said_to_fit_anything():
    g = np.random.default_rng(0)
    world = Panel(g.normal(0, 1, (60, 12)), 0, 6)
    found = synthetic_control(world)
    assert [caution.reason for caution in found.cautions] == [Reason.BAD_FIT]
    assert "fit says nothing" in found.cautions[0].said


@pytest.mark.parametrize(
    ("world", "message"),
    [
        (Panel(np.ones((5, 10)), 5, 6), "treated=5"),
        (Panel(np.ones((5, 10)), 0, 10), "since=10"),
        (Panel(np.ones((5, 10)), 0, 4), "4 periods before the treatment are too few"),
        (Panel(np.ones((2, 10)), 0, 6), "1 donors make no mixture"),
        (Panel(np.full((5, 10), np.nan), 0, 6), "the outcome is no number"),
        (Panel(np.ones((5, 10)), 0, 6, np.full((5, 2), np.inf)), "a predictor is no number"),
    ],
)
def test_bad_panels_are_refused(world, message):
    with pytest.raises(BadInput, match=message):
        synthetic_control(world)


def test_among_placebos_a_true_effect_ranks_first():
    world = replace(panel(effect=-8.0), predictors=None)
    found = in_space(world, synthetic_control(world))
    assert found.p_value == pytest.approx(1 / 30)
    assert found.ratios[0] == found.ratios.max()
    assert found.units.tolist() == list(range(30))
    assert found.cautions == ()


def test_few_placebos_are_said_to_show_nothing():
    world = alike(np.random.default_rng(1), units=8)
    found = in_space(world, synthetic_control(world, worst=10))
    assert found.p_value >= 1 / 8
    assert found.cautions[0].said.startswith("with 7 placebos the p-value cannot be below 0.12")


def test_placebos_that_fit_badly_can_be_left_out():
    world = replace(panel(), predictors=None)
    fit = synthetic_control(world)
    whole, close = in_space(world, fit), in_space(world, fit, at_most=2.0)
    kept = [unit in set(close.units.tolist()) for unit in whole.units.tolist()]
    assert 1 < len(close.ratios) < len(whole.ratios)
    assert (close.ratios == whole.ratios[kept]).all()


def test_a_placebo_never_borrows_from_the_treated_unit():
    world = alike(np.random.default_rng(2), units=8)
    moved = Panel(world.outcome + np.r_[np.ones(1), np.zeros(7)][:, None] * np.linspace(0, 50, 30), 0, 20)
    ratios = [in_space(each, synthetic_control(each, worst=1e9)).ratios[1:] for each in (world, moved)]
    assert (ratios[0] == ratios[1]).all()


def test_before_the_treatment_there_is_no_gap():
    world = replace(panel(), predictors=None)
    early = in_time(world, 14)
    assert abs(early.effect) < 3 * early.before
    assert len(early.gaps) == world.since
    with pytest.raises(BadInput, match="pretend an earlier one"):
        in_time(world, 20)


def test_without_any_one_donor_the_effect_is_told_again():
    world = replace(panel(), predictors=None)
    fit = synthetic_control(world)
    found = leave_one_out(world, fit)
    assert [each.donor for each in found] == (1 + np.flatnonzero(fit.weights > 0.01)).tolist()
    assert all(each.before >= fit.before - 1e-12 for each in found)
    assert max(abs(each.effect - fit.effect) for each in found) < 4


def test_a_donor_that_cannot_be_done_without_is_told():
    world = replace(panel(noise=0.2), predictors=None)
    world.outcome[2:] += 300  # all but one of the donors are far off
    world.outcome[0] = world.outcome[1]
    found = leave_one_out(world, synthetic_control(world))
    assert [each.donor for each in found] == [1]
    assert np.isnan(found[0].effect)
