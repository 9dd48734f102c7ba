"""Laws of plans, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.errors import BadInput
from millrace.experiments.averages import Mean
from millrace.experiments.comparison import Arm
from millrace.experiments.design import Design
from millrace.experiments.group_sequential import inflation
from millrace.experiments.plan import plan, whole_weeks
from millrace.experiments.power import detectable, mde_curve, power_of, units_for
from millrace.experiments.spread import Spread, mean, share
from millrace.experiments.summary import summarise

SPREADS = st.one_of(
    st.builds(mean, st.floats(-10, 10), st.floats(0.01, 100)),
    st.builds(share, st.floats(0.01, 0.9)),
    st.builds(lambda size: mean(1.0, 1.0).clustered(size, 0.1, 0.5), st.floats(1, 30)),
)
DESIGNS = st.builds(
    lambda alpha, alternative, first, inflation, margin: Design(
        alpha=alpha,
        alternative=alternative,
        shares=(first, 1 - first),
        inflation=inflation,
        beyond={"two-sided": 0.0, "greater": -margin, "less": margin}[alternative],
    ),
    st.sampled_from([0.1, 0.05, 0.001]),
    st.sampled_from(["two-sided", "greater", "less"]),
    st.floats(0.1, 0.9),
    st.sampled_from([1.0, 1.03, 1.5]),
    st.floats(0, 0.001),
)


@given(SPREADS, DESIGNS, st.floats(0.5, 0.99), st.integers(10_000, 10_000_000))
def test_units_power_and_effect_follow_from_one_another(spread, design, power, units):
    effect = detectable(spread, units, power, design)
    assert power_of(spread, units, effect, design) == pytest.approx(power, rel=1e-7)
    again = units_for(spread, effect * (1 + 1e-9), power, design)
    assert again == pytest.approx(units, rel=1e-5, abs=2)
    assert power_of(spread, again, effect * (1 + 1e-9), design) >= power - 1e-7


@given(SPREADS, DESIGNS)
def test_more_units_show_smaller_effects(spread, design):
    curve = np.abs(mde_curve(spread, [200_000, 400_000, 10_000_000], 0.8, design) - design.beyond)
    assert (np.diff(curve) < 0).all()


def test_arms_of_one_size_need_the_fewest_units():
    counts = [units_for(mean(0, 1), 0.1, design=Design(shares=(part, 1 - part))) for part in (0.1, 0.3, 0.5, 0.7, 0.9)]
    assert min(counts) == counts[2]
    assert counts[0] == pytest.approx(counts[2] / (4 * 0.1 * 0.9), rel=0.02)


def test_looking_early_costs_what_the_boundaries_say():
    times = np.arange(1, 6) / 5
    plain = units_for(mean(0, 1), 0.02)
    looked = units_for(mean(0, 1), 0.02, design=Design(inflation=lambda alpha, beta: inflation(times, alpha, beta)))
    assert looked == pytest.approx(plain * inflation(times), rel=1e-4)
    by_number = Design(inflation=inflation(times))
    assert units_for(mean(0, 1), 0.02, design=by_number) == looked
    by_function = Design(inflation=lambda alpha, beta: inflation(times, alpha, beta))
    assert power_of(mean(0, 1), looked, 0.02, by_function) == pytest.approx(0.8, abs=1e-4)


def test_weeks_are_whole_and_what_they_give_is_said():
    made = plan(share(0.1), relative=0.05, daily=10_000)
    assert (made.weeks, made.units) == (2, 140_000)
    assert made.arms == (70_000, 70_000)
    assert made.power == pytest.approx(power_of(share(0.1), 140_000, 0.005))
    assert made.relative == pytest.approx(0.05)
    assert whole_weeks(70_000, daily=10_000) == 1
    assert whole_weeks(70_001, daily=10_000) == 2
    assert whole_weeks(1, daily=10_000) == 1


def test_any_one_of_three_follows_from_the_other_two():
    assert plan(mean(10, 4), units=1000).effect == detectable(mean(10, 4), 1000, 0.8)
    assert plan(mean(10, 4), units=1000, power=0.9).effect == detectable(mean(10, 4), 1000, 0.9)
    assert plan(mean(10, 4), units=1000, effect=0.3).power == power_of(mean(10, 4), 1000, 0.3)
    assert plan(mean(10, 4), effect=0.3, power=0.9).units == units_for(mean(10, 4), 0.3, 0.9)
    assert plan(mean(-10, 4), relative=0.03, power=0.9).units == units_for(mean(-10, 4), 0.3, 0.9)


def test_a_measured_figure_is_planned_with():
    assert Spread.of(Arm(name="control", value=3.0, variance=0.01, units=400, df=399)) == mean(3.0, 4.0)
    clusters = Spread.of(Arm(name="control", value=3.0, variance=0.01, units=400, df=39))
    assert clusters.per_df == 10
    metric = Mean("watched", covariates=("before",))
    g = np.random.default_rng(0)
    before = g.normal(size=4000)
    rows = {"watched": before + g.normal(size=4000), "before": before}
    control = summarise(rows, np.full(4000, "control"), metric.needs())["control"]
    spread = Spread.of(metric.figure(control))
    assert spread.variance == pytest.approx(metric.figure(control).variance * control.units)
    assert spread.variance == pytest.approx(1.0, rel=0.1)


@pytest.mark.parametrize(
    "ask, said",
    [
        (lambda: mean(0, 0.0), "variance per unit is 0"),
        (lambda: mean(0, float("nan")), "variance per unit is nan"),
        (lambda: share(1.0), "does not vary"),
        (lambda: mean(0, 1).explained(1.0), r"\[0, 1\)"),
        (lambda: mean(0, 1).clustered(0.5, 0.1), "size ≥ 1"),
        (lambda: Design(shares=(0.5, 0.4)), "make 1"),
        (lambda: Design(beyond=1.0), "a margin has a side"),
        (lambda: Design(inflation=0.5).more_units(0.8), "1 or more"),
        (lambda: units_for(mean(0, 1), 0.0), "one that the hypothesis allows"),
        (lambda: units_for(mean(0, 1), -0.1, design=Design(alternative="greater")), "one that the hypothesis allows"),
        (lambda: units_for(mean(0, 1), 0.1, power=0.01), "between the level"),
        (lambda: power_of(mean(0, 1), 2, 0.1), "too few"),
        (lambda: power_of(share(0.9), 1000, 0.2), "leave 0 to 1"),
        (lambda: detectable(share(0.9), 10, 0.99), "show no effect"),
        (lambda: plan(mean(1, 1)), "how many units"),
        (lambda: plan(mean(1, 1), units=10, effect=1.0, power=0.8), "leave out"),
        (lambda: plan(mean(0, 1), relative=0.1), "control's value is 0"),
        (lambda: plan(mean(1, 1), relative=0.1, effect=0.1), "twice"),
        (lambda: plan(mean(1, 1), relative=0.1, daily=0), "no units come in"),
    ],
)
def test_what_cannot_be_planned_is_refused(ask, said):
    with pytest.raises(BadInput, match=said):
        ask()
