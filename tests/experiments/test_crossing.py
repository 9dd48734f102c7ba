"""Crossing chances against the multivariate normal law, drift by drift, and refusals of looks that are none."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from millrace.errors import BadInput
from millrace.experiments.crossing import Path, crossings
from millrace.experiments.design import Design
from millrace.experiments.group_sequential import boundaries, classical, inflation
from millrace.experiments.horizon import farthest, inflation_at_any_time
from millrace.experiments.power import units_for
from millrace.experiments.spending import HwangShihDeCani, ObrienFleming, Pocock, Power
from millrace.experiments.spread import Spread

SPENDING = [ObrienFleming(), ObrienFleming("both sides"), Pocock(), Power(2.0), HwangShihDeCani(-4.0), HwangShihDeCani(1.0)]


@pytest.mark.parametrize("drift", [0.0, 2.8, -1.5])
def test_chance_to_cross_is_that_of_the_normal_law_of_all_looks(drift):
    times, low, high = np.array([0.3, 0.45, 1.0]), np.array([-2.5, -np.inf, -1.9]), np.array([2.7, 2.2, 2.0])
    correlation = np.sqrt(np.minimum.outer(times, times) / np.maximum.outer(times, times))
    law = stats.multivariate_normal(drift * np.sqrt(times), correlation, maxpts=2 * 10**6, abseps=1e-8, releps=0)
    stays = law.cdf(high, lower_limit=low, rng=np.random.default_rng(0))
    down, up = crossings(times, low, high, drift)
    assert 1 - down.sum() - up.sum() == pytest.approx(stays, abs=2e-7)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.floats(0.02, 1.0), min_size=1, max_size=6, unique_by=lambda t: round(t, 2)),
    st.sampled_from(SPENDING),
    st.sampled_from([1, 2]),
)
def test_no_more_is_spent_than_the_function_allows_whenever_one_looks(times, spending, sides):
    times = np.sort(np.array(times))
    plan = boundaries(times, 0.05, spending, sides, final=True)
    down, up = crossings(times, plan.low, plan.high)
    np.testing.assert_allclose(np.cumsum(up + (down if sides == 2 else 0)), plan.spent, rtol=1e-6, atol=1e-12)
    assert plan.spent[-1] == pytest.approx(0.05)


@pytest.mark.parametrize("spending", SPENDING)
def test_spending_functions_begin_at_nothing_grow_and_end_at_all(spending):
    for sides in (1, 2):
        spent = spending.spent(np.linspace(1e-9, 1, 200), 0.05, sides)
        assert spent[0] == pytest.approx(0.0, abs=1e-9)
        assert spent[-1] == pytest.approx(0.05)
        assert (np.diff(spent) >= 0).all()
        assert spending.said(sides)


def test_a_boundary_does_not_depend_on_later_looks():
    early = boundaries(np.array([0.2, 0.5])).high
    assert boundaries(np.array([0.2, 0.5, 0.9, 1.0])).high[:2] == pytest.approx(early, rel=1e-12)


def test_looks_that_overran_and_looks_cut_short_spend_all_that_is_left():
    over = boundaries(np.array([0.5, 1.25]))
    down, up = crossings(over.times, over.low, over.high)
    assert down.sum() + up.sum() == pytest.approx(0.05, rel=1e-9)
    short = boundaries(np.array([0.5, 0.8]), final=True)
    assert short.spent[-1] == 0.05
    assert short.high[-1] < boundaries(np.array([0.5, 0.8])).high[-1]


def test_many_looks_come_near_to_looking_all_the_time():
    """Siegmund (1985): looks at steps of size s see a boundary as if it were 0.5826 times the root of s further away."""
    assert classical(np.arange(1, 65) / 64).high[-1] == pytest.approx(farthest(0.05) - 0.5826 / 8, abs=0.006)


def test_a_path_of_one_look_is_the_normal_law():
    begun = Path.begun()
    assert begun.above(0.5, 1.3) == pytest.approx(stats.norm.sf(1.3), rel=1e-12)
    assert begun.log_above(0.5, 60.0) == pytest.approx(stats.norm.logsf(60.0), rel=1e-12)
    assert begun.upper(0.5, 0.0) == np.inf


def test_a_plan_takes_what_looking_early_costs():
    """Both say it of (level, chance to miss), which is what a design asks."""
    single = units_for(Spread(value=0.0, variance=1.0, per_df=0), 0.1, 0.8, Design())
    for inflated in (partial(inflation, np.arange(1, 6) / 5), inflation_at_any_time):
        planned = units_for(Spread(value=0.0, variance=1.0, per_df=0), 0.1, 0.8, Design(inflation=inflated))
        assert planned / single == pytest.approx(inflated(0.05, 0.2), rel=0.002)


def test_futility_that_is_not_heeded_costs_no_level_and_one_that_is_saves_units():
    times = np.array([0.25, 0.5, 0.75, 1.0])
    plain, hopeful = boundaries(times, 0.025, sides=1), boundaries(times, 0.025, sides=1, beta=0.2)
    assert plain.high == pytest.approx(hopeful.high, rel=1e-12)
    assert (hopeful.futile[:-1] < hopeful.high[:-1]).all()
    assert hopeful.futile[-1] == pytest.approx(hopeful.high[-1], abs=1e-6)
    assert hopeful.share(0.0) < plain.share(0.0)
    assert inflation(times, 0.025, 0.2, sides=1, futile=True) > inflation(times, 0.025, 0.2, sides=1) > 1


@pytest.mark.parametrize("times", [[], [0.0, 0.5], [0.5, 0.5], [0.5, 0.2], [np.nan]])
def test_times_that_do_not_increase_are_refused(times):
    with pytest.raises(BadInput, match="must increase"):
        boundaries(np.array(times))


def test_a_look_after_the_end_is_refused():
    with pytest.raises(BadInput, match="drop it, or plan for more"):
        boundaries(np.array([0.5, 1.0, 1.2]))


def test_futility_of_two_sides_is_refused():
    with pytest.raises(BadInput, match="sides=1"):
        boundaries(np.array([0.5, 1.0]), beta=0.2)
