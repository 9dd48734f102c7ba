"""One metric object analyses, plans and simulates; what it cannot know it refuses, and what is doubtful it says."""

from dataclasses import replace

import numpy as np
import pytest

from millrace.errors import DeclarationError
from millrace.experiments.comparison import Asked, Comparison
from millrace.experiments.metric import Metric
from millrace.experiments.metrics import Count, Mean, Proportion, Quantile, Ratio, Retention
from millrace.experiments.reasons import Reason, Refused
from millrace.experiments.spread import Spread
from millrace.experiments.summary import Summary, summary_of
from millrace.types import Array, Columns


def arm(name: str, columns: Columns, metric: Metric) -> Summary:
    return summary_of(columns, name, metric.needs(), {})


def compared(metric: Metric, control: Columns, treatment: Columns, asked: Asked | None = None) -> Comparison:
    return metric.compare(arm("a", control, metric), arm("b", treatment, metric), asked or Asked())


def reasons(found: Comparison) -> set[Reason]:
    return {caution.reason for caution in found.cautions}


def people(n: int = 5000, seed: int = 0) -> dict[str, Array]:
    g = np.random.default_rng(seed)
    before = g.normal(5, 1, n)
    views = g.poisson(5, n) + 1.0
    watched = 5 + 0.7 * (before - 5) + np.sqrt(0.51) * g.normal(0, 1, n)
    return {"before": before, "watched": watched, "views": views, "clicks": g.binomial(views.astype(int), 0.3), "back": g.random(n) < 0.4}


METRICS = [
    Mean("watched"),
    Mean("watched", covariates=("before",)),
    Count("clicks"),
    Ratio("clicks", "views"),
    Ratio("clicks", "views", covariates=("before",)),
    Proportion("back"),
    Retention("back", covariates=("before",)),
    Quantile("watched", 0.8),
]


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_units_that_are_drawn_have_the_figure_and_the_variance_they_were_to_have(metric: Metric) -> None:
    like = arm("a", people(), metric)
    drawn = arm("b", metric.draw(np.random.default_rng(1), 40_000, like, effect=0.05), metric)
    there, here = metric.figure(like), metric.figure(drawn)
    assert abs(here.value - there.value - 0.05) < 4.5 * np.sqrt(here.variance)
    assert here.variance * here.units == pytest.approx(there.variance * there.units, rel=0.2)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_the_planned_effect_is_found(metric: Metric) -> None:
    """At 3.24 standard errors of the difference (1.96 + 1.28) nine of ten experiments find it."""
    like = arm("a", people(), metric)
    effect = 3.2415 * np.sqrt(2 * Spread.of(metric.figure(like)).variance / 2000)
    g = np.random.default_rng(3)
    found = [compared(metric, metric.draw(g, 2000, like), metric.draw(g, 2000, like, effect)).is_significant for _ in range(300)]
    assert abs(np.mean(found) - 0.9) < 4 * np.sqrt(0.09 / 300)


def test_cuped_removes_what_the_covariate_explains() -> None:
    like = arm("a", people(100_000), Mean("watched", covariates=("before",)))
    plain = arm("a", people(100_000), Mean("watched"))
    left = Mean("watched", covariates=("before",)).figure(like).variance / Mean("watched").figure(plain).variance
    assert left == pytest.approx(1 - 0.7**2, abs=0.01)


def test_the_coefficient_is_that_of_the_pair_and_not_of_all_arms() -> None:
    """In a third arm the value falls with the covariate; what is said of the first two must not know that."""
    metric, g = Mean("watched", covariates=("before",)), np.random.default_rng(5)
    one, other = people(2000, 1), people(2000, 2)
    third = {"before": g.normal(5, 1, 20_000)}
    third["watched"] = 10 - third["before"]
    found = compared(metric, one, other)
    assert found.error == pytest.approx(np.sqrt(2 * 0.51 / 2000), rel=0.05)
    of_all = {name: np.concatenate([one[name], other[name], third[name]]) for name in third}
    slope = np.cov(of_all["watched"], of_all["before"])[0, 1] / of_all["before"].var(ddof=1)
    by_all = [side["watched"] - slope * side["before"] for side in (one, other)]
    assert found.error < 0.7 * np.sqrt(sum(side.var(ddof=1) / 2000 for side in by_all))


def test_several_covariates_and_those_that_repeat_one_another() -> None:
    rows, more = people(seed=1), people(seed=2)
    for each in (rows, more):
        each["again"], each["same"] = 2 * each["before"], np.full(5000, 3.0)
    once = compared(Mean("watched", covariates=("before",)), rows, more)
    thrice = compared(Mean("watched", covariates=("before", "again", "same")), rows, more)
    assert (thrice.difference, thrice.error) == (pytest.approx(once.difference), pytest.approx(once.error))


def test_a_covariate_that_the_treatment_moved_is_told() -> None:
    moved = people(seed=2)
    moved["before"] = moved["before"] + 0.2
    assert reasons(compared(Mean("watched", covariates=("before",)), people(seed=1), moved)) == {Reason.TOUCHED}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_empty_arms_lone_units_and_what_never_varies_are_refused(metric: Metric) -> None:
    rows = people(50)
    for few, reason in ((0, Reason.EMPTY_ARM), (1, Reason.FEW_UNITS)):
        with pytest.raises(Refused) as refused:
            compared(metric, {name: column[:few] for name, column in rows.items()}, rows)
        assert refused.value.reason is reason
    flat = {name: np.ones(50) for name in rows}
    with pytest.raises(Refused, match="does not vary") as refused:
        compared(metric, flat, flat)
    assert refused.value.reason is Reason.NO_VARIANCE


def test_one_arm_that_does_not_vary_is_told() -> None:
    found = compared(Mean("x"), {"x": np.full(20, 2.0)}, {"x": np.arange(20.0)})
    assert Reason.NO_VARIANCE in reasons(found)


def test_a_ratio_without_a_bottom_is_refused() -> None:
    with pytest.raises(Refused, match="views is 0 for all 3 units") as refused:
        compared(
            Ratio("clicks", "views"), {"clicks": np.arange(3.0), "views": np.zeros(3)}, {"clicks": np.arange(3.0), "views": np.ones(3)}
        )
    assert refused.value.reason is Reason.NO_BASE


def test_skewed_values_are_told_where_the_interval_is_wrong_and_only_there() -> None:
    g = np.random.default_rng(0)
    few, many = {"x": g.lognormal(0, 1.5, 300)}, {"x": g.lognormal(0, 1.5, 30_000)}
    found = compared(Mean("x"), few, many)
    assert Reason.SKEWED in reasons(found)
    assert "winsorise it, or read it of more units" in found.cautions[0].said
    assert compared(Mean("x"), {"x": g.gamma(3, 1, 5000)}, {"x": g.gamma(3, 1, 5000)}).cautions == ()
    assert Reason.SKEWED not in reasons(compared(Mean("x", cap=5.0), few, many))


def test_rare_events_are_told_and_still_tested_rightly() -> None:
    none, some = {"x": np.zeros(10_000)}, {"x": np.arange(10_000) < 5}
    found = compared(Proportion("x"), none, some)
    assert Reason.FEW_EVENTS in reasons(found)
    assert found.p_value == pytest.approx(2 * 0.012674, abs=1e-4)  # z = √5
    assert found.low is not None
    assert found.low > 0


def test_a_base_of_zero_has_no_relative_difference() -> None:
    g = np.random.default_rng(0)
    found = compared(Mean("x"), {"x": g.normal(0, 1, 100)}, {"x": g.normal(1, 1, 100)})
    assert (found.relative, found.relative_low, reasons(found)) == (None, None, {Reason.NO_BASE})


def test_relative_intervals_by_delta_and_by_log_are_told_apart() -> None:
    g = np.random.default_rng(0)
    rows = {"x": g.gamma(2, 1, 40)}, {"x": g.gamma(2, 2, 40)}
    delta, log = (compared(Mean("x"), *rows, Asked(relative_by=by)) for by in ("delta", "log"))
    assert (delta.relative_by, log.relative_by) == ("delta", "log")
    assert delta.relative == log.relative is not None
    assert delta.relative_high - delta.relative == pytest.approx(delta.relative - delta.relative_low)
    assert (1 + log.relative_high) / (1 + log.relative) == pytest.approx((1 + log.relative) / (1 + log.relative_low))
    assert log.relative_low > delta.relative_low


def test_a_negative_base_makes_more_more() -> None:
    rows = np.linspace(-1, 1, 50)
    found = compared(Mean("x"), {"x": rows - 10}, {"x": rows - 9})
    assert found.relative == pytest.approx(0.1)


def test_p_values_do_not_underflow() -> None:
    rows = np.linspace(-1, 1, 5000)
    found = compared(Mean("x"), {"x": rows}, {"x": rows + 5})
    assert found.p_value == 0
    assert -20_000 < found.log_p < -2000


class Watched:
    """What stands for something on the log."""

    column = "watched"


def test_what_has_a_column_stands_for_it() -> None:
    metric = Mean(Watched(), covariates=[Watched()], within="7d", before="28d", after="24h")
    assert metric.needs() == Mean("watched", covariates=("watched",)).needs()
    assert metric.name == "mean of watched"
    assert replace(metric, value="bound").name == "mean of watched"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: Mean("x", better="most"), 'write "more" or "less"'),  # type: ignore[arg-type]
        (lambda: Mean("x", winsorise=0.9, cap=1.0), "keep one of them"),
        (lambda: Mean("x", winsorise=99), "write a number in (0, 1)"),
        (lambda: Quantile("x", 50), "such as 0.5 for the median"),
        (lambda: Quantile("x", 0.5, covariates=("y",)), "cannot sharpen a quantile"),
        (lambda: Mean(3).needs(), "is no column of units"),
    ],
)
def test_wrong_declarations_are_refused(wrong, said: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        wrong()
    assert said in str(refused.value)
