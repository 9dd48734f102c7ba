"""Boundaries, futility, inflation and figures after stopping, against published tables and what other implementations print."""

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from millrace.experiments.group_sequential import Boundaries, boundaries, classical, drift_for, futility, inflation
from millrace.experiments.repeated import repeated_log_p
from millrace.experiments.spending import HwangShihDeCani, ObrienFleming, Pocock, Power
from millrace.experiments.stagewise import stagewise


def evenly(looks):
    return np.arange(1, looks + 1) / looks


# Jennison & Turnbull (2000), tables 2.1 and 2.3: two-sided constants by number of looks, from one on.
POCOCK = {
    0.01: [2.576, 2.772, 2.873, 2.939, 2.986, 3.023],
    0.05: [1.960, 2.178, 2.289, 2.361, 2.413, 2.453, 2.485, 2.512, 2.535, 2.555],
    0.1: [1.645, 1.875, 1.992, 2.067, 2.122],
}
OBRIEN_FLEMING = {
    0.01: [2.576, 2.580, 2.595, 2.609, 2.621],
    0.05: [1.960, 1.977, 2.004, 2.024, 2.040, 2.053, 2.063, 2.072, 2.080, 2.087],
    0.1: [1.645, 1.678, 1.710, 1.733, 1.751],
}


@pytest.mark.parametrize(("shape", "table"), [(0.5, POCOCK), (0.0, OBRIEN_FLEMING)])
@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.1])
def test_classical_constants_are_those_of_jennison_and_turnbull(shape, table, alpha):
    found = [classical(evenly(looks + 1), alpha, shape).high[-1] for looks in range(len(table[alpha]))]
    assert found == pytest.approx(table[alpha], abs=0.00051)


# ldbounds: bounds(c(1:5)/5, iuse = 1 and 2, alpha = 0.025 to either side), and a printed example at 0.10, 0.33 and 1. It integrates on a
# grid, so its fourth decimal may be off by one.
def test_spent_boundaries_are_those_of_ldbounds():
    assert boundaries(evenly(5)).high == pytest.approx([4.8769, 3.3569, 2.6803, 2.2898, 2.0310], abs=1.5e-4)
    assert boundaries(evenly(5), spending=Pocock()).high == pytest.approx([2.4380, 2.4268, 2.4101, 2.3966, 2.3859], abs=1e-4)
    plan = boundaries(np.array([0.1, 0.33, 1.0]))
    assert plan.high == pytest.approx([6.9913, 3.7308, 1.9605], abs=2e-4)
    assert plan.spent == pytest.approx([2.7227e-12, 1.9097e-04, 0.05], rel=1e-4)


def test_second_boundary_is_that_of_the_bivariate_normal_law():
    z = stats.norm.isf(0.0125)
    spent = [2 * stats.norm.sf(z / np.sqrt(t)) for t in (0.2, 0.4)]
    first = stats.norm.isf(spent[0])

    def crosses(bound):
        def at(x):
            return stats.norm.pdf(x) * stats.norm.sf((bound * np.sqrt(0.4) - x * np.sqrt(0.2)) / np.sqrt(0.2))

        return integrate.quad(at, -first, first, epsabs=1e-15, epsrel=1e-12, limit=400)[0]

    second = optimize.brentq(lambda bound: crosses(bound) - (spent[1] - spent[0]), 2, 5, xtol=1e-13)
    assert boundaries(np.array([0.2, 0.4])).high == pytest.approx([first, second], rel=1e-9)


# rpact 3.0, its test design_group_sequential: one-sided, to seven digits.
@pytest.mark.parametrize(
    ("times", "alpha", "spending", "high"),
    [
        ([0.2, 0.4, 1.0], 0.03, HwangShihDeCani(0.0), [2.5121443, 2.4228747, 2.0280392]),
        ([0.2, 0.4, 1.0], 0.07, HwangShihDeCani(-1.0), [2.364813, 2.1928805, 1.5660474]),
        ([0.3, 0.7, 1.0], 0.03, Power(2.2), [2.8594012, 2.2435708, 1.9735737]),
        ([1 / 3, 2 / 3, 1.0], 0.03, ObrienFleming(), [3.5815302, 2.417863, 1.9175839]),
    ],
)
def test_one_sided_boundaries_are_those_of_rpact(times, alpha, spending, high):
    assert boundaries(np.array(times), alpha, spending, 1).high == pytest.approx(high, rel=1e-6)


def test_classical_boundaries_are_those_of_rpact():
    assert classical(evenly(3), 0.025, 0.0, 1).high == pytest.approx([3.4710914, 2.4544323, 2.0040356], rel=1e-7)
    assert classical(np.array([0.2, 0.4, 0.6, 1.0]), 0.025, 0.45, 1).high == pytest.approx(
        [2.4878815, 2.4031352, 2.3549063, 2.2955206], rel=1e-7
    )


@pytest.mark.parametrize(
    ("times", "alpha", "beta", "spending", "of_beta", "futile", "shift"),
    [
        ([0.2, 0.4, 1.0], 0.07, 0.14, HwangShihDeCani(-1.0), HwangShihDeCani(-2.0), [-1.1063623, -0.35992438], 7.1015943),
        ([0.3, 0.7, 1.0], 0.03, 0.34, Power(2.2), Power(3.2), [-1.1558435, 0.72836893], 5.5513711),
        ([1 / 3, 2 / 3, 1.0], 0.03, 0.2, ObrienFleming(), Pocock(), [0.42062972, 1.2539286], None),
    ],
)
def test_futility_boundaries_and_the_effect_planned_for_are_those_of_rpact(times, alpha, beta, spending, of_beta, futile, shift):
    times = np.array(times)
    high = boundaries(times, alpha, spending, 1).high
    drift = drift_for(times, high, beta, of_beta)
    assert futility(times, high, beta, of_beta, drift)[:-1] == pytest.approx(futile, rel=1e-6)
    if shift:
        assert drift**2 == pytest.approx(shift, rel=1e-7)


def test_inflation_is_that_of_rpact():
    assert inflation(np.array([0.2, 0.4, 1.0]), 0.03, 0.14, HwangShihDeCani(0.0), 1) == pytest.approx(1.0788327, rel=1e-7)


# Jennison & Turnbull (2000), tables 2.2 and 2.4.
@pytest.mark.parametrize(("shape", "beta", "factor"), [(0.5, 0.2, 1.229), (0.5, 0.1, 1.207), (0.0, 0.2, 1.028), (0.0, 0.1, 1.026)])
def test_inflation_of_five_looks_is_that_of_jennison_and_turnbull(shape, beta, factor):
    plan = classical(evenly(5), 0.05, shape)
    single = 1.959963984540054 + {0.2: 0.8416212335729143, 0.1: 1.2815515655446004}[beta]
    assert (drift_for(plan.times, plan.high, beta, None, 2) / single) ** 2 == pytest.approx(factor, abs=0.00051)


# rpact 3.0, its test analysis_base_survival: log-rank z of 1.52, 1.38 and 2.9 at 8, 15 and 22 (or 23) events; the log hazard ratio's error
# is 2 / sqrt(events).
@pytest.mark.parametrize(("events", "low", "median"), [(22, 1.1500043, 3.0385051), (23, 1 / 0.87223737, 1 / 0.33724786)])
def test_figures_after_stopping_are_those_of_rpact(events, low, median):
    plan = classical(np.array([0.2, 0.4, 0.6, 1.0]), 0.025, 0.45, 1)
    taken = Boundaries(*(part[:3] for part in (plan.times, plan.high, plan.low, plan.futile, plan.spent)), plan.said)
    found = stagewise(taken, 2.9, 2 / np.sqrt(events), 0.975, "greater")
    assert found.p_value == pytest.approx(0.013371274, rel=1e-7)
    assert np.exp([found.low, found.estimate]) == pytest.approx([low, median], rel=1e-6)


def test_repeated_p_value_is_the_level_at_which_the_boundary_is_met():
    times, z = np.array([0.3, 0.6, 1.0]), np.array([1.1, 2.3, 1.9])
    log_p = repeated_log_p(times, z, HwangShihDeCani(-2.0))
    apart = boundaries(times, float(np.exp(log_p)), HwangShihDeCani(-2.0)).high - z
    assert apart.min() == pytest.approx(0.0, abs=1e-8)


def test_both_conventions_of_obrien_and_fleming_are_named_and_differ():
    each, both = boundaries(evenly(5)), boundaries(evenly(5), spending=ObrienFleming("both sides"))
    assert each.spent[0] == pytest.approx(4 * stats.norm.sf(stats.norm.isf(0.0125) / np.sqrt(0.2)), rel=1e-9)
    assert both.spent[0] == pytest.approx(2 * stats.norm.sf(stats.norm.isf(0.025) / np.sqrt(0.2)), rel=1e-9)
    assert "4(1 - Φ(z(α/4)/√t))" in each.said
    assert "2(1 - Φ(z(α/2)/√t))" in both.said
    assert both.high[0] == pytest.approx(1.959963984540054 / np.sqrt(0.2), rel=1e-9)  # z(α/2)/√t with all of it spent by both sides
    assert each.high[-1] < both.high[-1]
