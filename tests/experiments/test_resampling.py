"""Laws of permutation and bootstrap: draws stand for all, margins shift, clusters count as one, and both ways of drawing agree."""

import numpy as np
import pytest

from millrace.experiments.comparison import Asked
from millrace.experiments.permutation import permutation
from millrace.experiments.reasons import Reason
from millrace.experiments.resampling import bootstrap
from millrace.experiments.two_arms import two_arms

G = np.random.default_rng(4)
TREATED = np.arange(14) % 2 == 0
ARMS = two_arms(G.normal(5, 1, 14) + 0.9 * TREATED, TREATED)


def test_draws_stand_for_all_allocations():
    exact = permutation("m", ARMS, seed=0)  # 3,432 of them
    drawn = permutation("m", ARMS, seed=0, draws=3000)
    assert (exact.method, drawn.method) == ("permutation, exact", "permutation, 3000 draws")
    assert drawn.p_value == pytest.approx(exact.p_value, abs=4 * np.sqrt(exact.p_value / 3000))
    assert drawn.p_value * 3001 == pytest.approx(round(drawn.p_value * 3001))
    assert (drawn.low, drawn.high) == (None, None)
    assert drawn.log_p == pytest.approx(np.log(drawn.p_value))


def test_a_p_value_of_draws_is_never_0():
    far = two_arms(np.where(TREATED, 100.0, 0.0) + G.normal(size=14), TREATED)
    assert permutation("m", far, seed=0, draws=99).p_value >= 1 / 100
    assert bootstrap("m", far, seed=0, draws=99).p_value >= 1 / 100


def test_the_same_seed_draws_the_same():
    for read in (lambda seed: permutation("m", ARMS, seed=seed, draws=99), lambda seed: bootstrap("m", ARMS, seed=seed, draws=99)):
        assert read(1) == read(1)
    assert bootstrap("m", ARMS, seed=1, draws=99) != bootstrap("m", ARMS, seed=2, draws=99)


@pytest.mark.parametrize("alternative", ["greater", "less"])
def test_a_margin_is_a_shift_of_the_treated(alternative):
    margin = Asked(alternative=alternative, beyond=0.3)
    shifted = two_arms(ARMS.top - 0.3 * TREATED, TREATED)
    for read in (permutation, bootstrap):
        with_margin, without = read("m", ARMS, margin, seed=0), read("m", shifted, Asked(alternative=alternative), seed=0)
        assert with_margin.p_value == without.p_value


@pytest.mark.parametrize("by", ["studentised", "percentile", "BCa"])
def test_an_interval_ends_at_the_margin_where_p_is_the_level(by):
    found = bootstrap("m", ARMS, Asked(confidence=0.9), seed=0, by=by)
    for end, side in ((found.low, "greater"), (found.high, "less")):
        p = bootstrap("m", ARMS, Asked(alternative=side, beyond=end), seed=0, by=by).p_value
        assert p == pytest.approx(0.05, abs=0.002)
    level = bootstrap("m", ARMS, seed=0).p_value
    ends = bootstrap("m", ARMS, Asked(confidence=1 - level), seed=0)
    assert min(abs(ends.low), abs(ends.high)) == pytest.approx(0.0, abs=0.01)


def test_poisson_draws_give_the_same_interval_but_for_chance():
    arms = two_arms(G.lognormal(size=600), np.arange(600) % 2 == 0)
    one, other = (bootstrap("m", arms, seed=0, by="percentile", draws=4000, poisson=poisson) for poisson in (False, True))
    assert (one.low, one.high) == (pytest.approx(other.low, abs=0.03), pytest.approx(other.high, abs=0.03))


def test_clusters_are_drawn_as_a_whole():
    cluster = np.repeat(np.arange(20), 50)
    treated = cluster % 2 == 0
    value = G.normal(size=20)[cluster] + 0.1 * G.normal(size=1000)
    rows, whole = two_arms(value, treated), two_arms(value, treated, cluster=cluster)
    assert whole.top.shape == (20,)
    wide, narrow = (bootstrap("m", arms, seed=0) for arms in (whole, rows))
    assert wide.difference == pytest.approx(narrow.difference, rel=1e-9)
    assert (wide.high - wide.low) > 4 * (narrow.high - narrow.low)
    assert permutation("m", rows, seed=0).p_value < 0.01 < permutation("m", whole, seed=0).p_value


def test_figures_are_those_of_ratios_of_totals():
    bottom = 1.0 + G.poisson(4, 14)
    found = bootstrap("m", two_arms(ARMS.top, TREATED, bottom=bottom), seed=0)
    expected = ARMS.top[TREATED].sum() / bottom[TREATED].sum() - ARMS.top[~TREATED].sum() / bottom[~TREATED].sum()
    assert found.difference == pytest.approx(expected, rel=1e-12)


def test_large_values_that_are_alike_do_not_cancel():
    near, far = (bootstrap("m", two_arms(ARMS.top + shift, TREATED), seed=0) for shift in (0.0, 1e8))
    assert (near.low, near.high) == (pytest.approx(far.low, abs=1e-6), pytest.approx(far.high, abs=1e-6))


def test_a_difference_that_one_unit_decides_is_told():
    value = np.where(np.arange(200) == 0, 1000.0, 1.0) + G.normal(size=200)
    assert Reason.SKEWED in [caution.reason for caution in bootstrap("m", two_arms(value, np.arange(200) % 2 == 0), seed=0).cautions]
