"""Ten thousand experiments without an effect: as few false alarms as promised, intervals that hold, or a warning."""

from collections.abc import Callable

import numpy as np
import pytest

from millrace.experiments.metric import Metric
from millrace.experiments.metrics import Mean, Proportion, Quantile, Ratio
from millrace.experiments.reasons import Reason, Refused
from millrace.experiments.summary import summary_of
from millrace.types import Columns

TIMES = 10_000
WARNINGS = {Reason.SKEWED, Reason.FEW_EVENTS, Reason.FEW_UNITS}
Draw = Callable[[np.random.Generator, int], Columns]


def normal(g: np.random.Generator, n: int) -> Columns:
    return {"x": g.normal(5, 1, n)}


def log_normal(spread: float) -> Draw:
    return lambda g, n: {"x": g.lognormal(0, spread, n)}


def rare(g: np.random.Generator, n: int) -> Columns:
    """Return 0.1 % of hits, in any order."""
    return {"x": np.arange(n) < g.binomial(n, 0.001)}


def clustered(g: np.random.Generator, n: int) -> Columns:
    """Return clicks and views of viewers who differ in how many views they have and how often they click."""
    views = g.poisson(g.gamma(1, 5, n)) + 1
    return {"clicks": g.binomial(views, g.beta(2, 6, n)), "views": views}


def scarce(g: np.random.Generator, n: int) -> Columns:
    """Return 0.05 % of hits."""
    return {"x": np.arange(n) < g.binomial(n, 0.0005)}


def bought(g: np.random.Generator, n: int) -> Columns:
    """Return what one viewer in a hundred spends, with a heavy tail."""
    return {"x": (g.random(n) < 0.01) * g.lognormal(3, 1.5, n)}


def sparse(g: np.random.Generator, n: int) -> Columns:
    """Return clicks and views of viewers of whom one in fifty has any."""
    views = (g.random(n) < 0.02) * (1 + g.poisson(3, n))
    return {"clicks": g.binomial(views, 0.3), "views": views}


def unequal(g: np.random.Generator, n: int) -> Columns:
    """Return clicks and views of viewers a few of whom have nearly all of the views."""
    views = np.ceil(g.lognormal(0, 2, n)).astype(int)
    return {"clicks": g.binomial(views, g.beta(2, 6, n)), "views": views}


def balances(g: np.random.Generator, n: int) -> Columns:
    """Return what is gained and what was moved, whose total is nearly nothing."""
    views = g.normal(0.1, 1, n)
    return {"clicks": views + g.normal(0, 1, n), "views": views}


def counted(g: np.random.Generator, n: int) -> Columns:
    """Return small counts: as many have none as have any, so the median lies between."""
    return {"x": g.poisson(0.7, n).astype(float)}


def mostly_nothing(g: np.random.Generator, n: int) -> Columns:
    """Return what viewers spend of whom 88 % spend nothing: the 0.9-quantile lies just above."""
    return {"x": (g.random(n) > 0.88) * g.lognormal(0, 1, n)}


def nothing_or_much(g: np.random.Generator, n: int) -> Columns:
    """Return what viewers spend of whom 88 % spend nothing, and nobody a little."""
    return {"x": (g.random(n) > 0.88) * (1 + g.random(n))}


def foretold(g: np.random.Generator, n: int) -> Columns:
    """Return values that go with what was known before, ρ = 0.7."""
    before = g.normal(0, 1, n)
    return {"x": 5 + 0.7 * before + np.sqrt(0.51) * g.normal(0, 1, n), "before": before, "noise": g.normal(0, 1, n)}


def run(metric: Metric, draw: Draw, sizes: tuple[int, int], times: int, seed: int = 0) -> tuple[float, float, float]:
    """Return the shares of (false alarms, intervals that hold 0, warnings); what is refused is no alarm, and a warning."""
    needs, g = metric.needs(), np.random.default_rng(seed)
    alarms = held = warned = 0
    for _ in range(times):
        control, treatment = (summary_of(draw(g, n), name, needs, {}) for name, n in zip("ab", sizes, strict=True))
        try:
            found = metric.compare(control, treatment)
        except Refused:
            held, warned = held + 1, warned + 1
            continue
        assert found.low is not None
        assert found.high is not None
        alarms += found.is_significant
        held += found.low <= 0 <= found.high
        warned += bool(WARNINGS & {caution.reason for caution in found.cautions})
    return alarms / times, held / times, warned / times


def keep(metric: Metric, draw: Draw, sizes: tuple[int, int], times: int) -> float:
    """Check that false alarms are within 3 standard errors of 5 %, and coverage within 1 point of 95 %; return the warnings' share."""
    alarms, held, warned = run(metric, draw, sizes, times)
    assert abs(alarms - 0.05) < 3 * np.sqrt(0.05 * 0.95 / times), (alarms, held, warned)
    assert abs(held - 0.95) < max(0.01, 3 * np.sqrt(0.05 * 0.95 / times)), (alarms, held, warned)
    return warned


KEPT = {
    "normal": (Mean("x"), normal, (50, 50)),
    "normal, unequal": (Mean("x"), normal, (20, 200)),
    "log-normal": (Mean("x"), log_normal(1), (500, 500)),
    "log-normal, capped": (Mean("x", cap=20.0), log_normal(1), (2000, 6000)),
    "rare": (Proportion("x"), rare, (20_000, 20_000)),
    "scarce": (Proportion("x"), scarce, (20_000, 80_000)),
    "rare, unequal": (Proportion("x"), rare, (20_000, 60_000)),
    "ratio": (Ratio("clicks", "views"), clustered, (300, 300)),
    "ratio, unequal": (Ratio("clicks", "views"), clustered, (300, 1200)),
    "CUPED": (Mean("x", covariates=("before", "noise")), foretold, (100, 200)),
    "median": (Quantile("x", 0.5), log_normal(1), (200, 200)),
    "upper tenth": (Quantile("x", 0.9), log_normal(1), (500, 500)),
}
DOUBTFUL = {
    "log-normal, a small arm": (Mean("x"), log_normal(1), (200, 2000)),
    "heavy log-normal": (Mean("x"), log_normal(2), (200, 200)),
    "heavy log-normal, a small arm": (Mean("x"), log_normal(2), (1000, 10_000)),
    "a handful of events": (Proportion("x"), rare, (4000, 4000)),
    "a ratio of few": (Ratio("clicks", "views"), clustered, (20, 200)),
    "heavy log-normal, unequal": (Mean("x"), log_normal(2), (5000, 20_000)),
    "rare purchases": (Mean("x"), bought, (5000, 20_000)),
    "a ratio that few have any of": (Ratio("clicks", "views"), sparse, (1000, 1000)),
    "a ratio that a few decide": (Ratio("clicks", "views"), unequal, (500, 5000)),
    "a ratio to nearly nothing": (Ratio("clicks", "views"), balances, (500, 500)),
    "a median between two counts": (Quantile("x", 0.5), counted, (500, 500)),
    "the last hundredth of few": (Quantile("x", 0.99), log_normal(1), (300, 300)),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", KEPT)
def test_what_is_promised_is_kept(case: str) -> None:
    keep(*KEPT[case], TIMES)


@pytest.mark.slow
@pytest.mark.parametrize("case", DOUBTFUL)
def test_what_may_not_be_kept_is_told(case: str) -> None:
    """Four in five are warned: whether a tail is heavy is itself seen in the few that there are."""
    _, held, warned = run(*DOUBTFUL[case], TIMES // 5)
    print(case, "held", held, "warned", warned)
    assert warned > 0.8


@pytest.mark.slow
def test_no_warning_where_there_is_nothing_to_warn_of() -> None:
    assert keep(Mean("x"), log_normal(0.5), (2000, 2000), TIMES) < 0.01
    assert keep(Ratio("clicks", "views"), clustered, (2000, 2000), TIMES) < 0.01


@pytest.mark.parametrize("case", ["normal", "ratio", "CUPED", "upper tenth"])
def test_what_is_promised_is_kept_in_a_few_hundred(case: str) -> None:
    keep(*KEPT[case], 400)


@pytest.mark.slow
@pytest.mark.parametrize("draw", [mostly_nothing, nothing_or_much])
@pytest.mark.parametrize("units", [200, 400, 1000, 3000])
def test_a_quantile_just_above_a_value_that_most_units_share_is_held_by_its_interval(draw: Draw, units: int) -> None:
    """By the distance of both ends it was in as few as 82 %; more than 98 % only where nobody is between."""
    alarms, held, warned = run(Quantile("x", 0.9), draw, (units, units), TIMES // 2)
    print(draw.__name__, units, "held", held, "warned", warned)
    assert alarms + held == pytest.approx(1.0)
    assert 0.94 < held < (0.98 if draw is mostly_nothing else 0.995)
    assert warned > 0.8 or units > 200


def test_views_taken_one_by_one_alarm_falsely_and_viewers_do_not() -> None:
    """The same clicks: as if each view were a unit by itself, and by viewer."""
    g, alarms = np.random.default_rng(0), 0
    metric = Proportion("x")
    for _ in range(300):
        arms: list[Columns] = []
        for _ in "ab":
            rows = clustered(g, 300)
            arms.append({"x": np.arange(rows["views"].sum()) < rows["clicks"].sum()})
        control, treatment = (summary_of(rows, name, metric.needs(), {}) for name, rows in zip("ab", arms, strict=True))
        alarms += metric.compare(control, treatment).is_significant
    assert alarms / 300 > 0.15
