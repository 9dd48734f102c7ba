"""A metric that is compared in another way is a metric: it says what it needs, and analyses, plans and simulates."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from millrace import Bootstrap, Clustered, Compared, Count, Mean, Paired, Permutation, Proportion, Quantile, Ratio, Scorecard, Stratified
from millrace.errors import DeclarationError
from millrace.experiments.allocation import within_strata
from millrace.experiments.by_slots import REGION, SLOT, BySlots
from millrace.experiments.clustered import clustered
from millrace.experiments.comparison import Asked
from millrace.experiments.design import Design
from millrace.experiments.needs import MOST_ROWS
from millrace.experiments.non_inferior import NonInferior
from millrace.experiments.plan import plan
from millrace.experiments.reasons import Reason, Refused
from millrace.experiments.slots import observed
from millrace.experiments.spread import Spread
from millrace.experiments.summary import Summary, summarise
from millrace.experiments.switchback import switchback
from millrace.operate.scanning import scan
from millrace.types import HOUR, Columns

WAYS = [Clustered("home"), Clustered(), Stratified("town"), Permutation(draws=199), Bootstrap(draws=199)]


def people(n: int = 600, seed: int = 0) -> dict[str, np.ndarray]:
    g = np.random.default_rng(seed)
    home = g.integers(0, n // 5, n)
    before, views = g.normal(size=n), 1.0 + g.poisson(3, n)
    town = np.array(["ulm", "linz", "bern"])[home % 3]
    watched = 10 + 2 * g.normal(size=n // 5)[home] + before + g.normal(size=n) + 3 * (home % 3)
    clicks = g.binomial(views.astype(int), 0.3).astype(float)
    return {"home": home.astype(str), "town": town, "before": before, "views": views, "watched": watched, "clicks": clicks}


def arms(columns: Columns, seed: int = 1) -> np.ndarray:
    g = np.random.default_rng(seed)
    return np.where(g.random(len(columns["home"])) < 0.5, "b", "a")


def summaries(metric: Any, columns: Columns, arm: np.ndarray) -> tuple[Summary, Summary]:
    found = summarise(columns, arm, metric.needs())
    return found["a"], found["b"]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: type(way).__name__)
@pytest.mark.parametrize(
    "metric", [Mean("watched", covariates=("before",)), Proportion("clicks"), Count("clicks")], ids=lambda one: one.name
)
def test_scan_finds_what_summarise_does_and_no_order_matters(metric: Any, way: Any) -> None:
    columns, made = people(), Compared(metric, by=way)
    arm = arms(columns)
    one = made.compare(*summaries(made, columns, arm))
    mixed = np.random.default_rng(2).permutation(len(arm))
    assert made.compare(*summaries(made, {name: column[mixed] for name, column in columns.items()}, arm[mixed])) == one
    read = scan({"arm": arm, **columns}, made.needs(), threads=2)[""]
    other = made.compare(read["a"], read["b"])
    assert (other.difference, other.error) == pytest.approx((one.difference, one.error), rel=1e-9)
    assert other.log_p == pytest.approx(one.log_p, rel=1e-9)


def test_covariates_of_a_mean_are_those_of_a_regression_on_clusters() -> None:
    columns = people()
    arm, made = arms(columns), Compared(Mean("watched", covariates=("before",)), by=Clustered("home"))
    mine = made.compare(*summaries(made, columns, arm))
    theirs = clustered("watched", columns["watched"], arm == "b", columns["home"], covariates=columns["before"])
    assert (mine.difference, mine.error, mine.p_value) == pytest.approx((theirs.difference, theirs.error, theirs.p_value), rel=1e-9)
    plain = Compared(Mean("watched"), by=Permutation(draws=199))
    sharper = Compared(Mean("watched", covariates=("before",)), by=Permutation(draws=199))
    assert sharper.compare(*summaries(sharper, columns, arm)).error < plain.compare(*summaries(plain, columns, arm)).error


def test_scorecard_compares_all_of_its_metrics_so_but_those_that_say_how() -> None:
    card = Scorecard(
        Mean("watched"),
        secondary=[Ratio("clicks", "views"), Compared(Proportion("clicks"), by=Clustered())],
        guardrails=[NonInferior(Count("clicks"), margin=1.0)],
        by=Clustered("home"),
    )
    columns = people()
    found = card.read(summarise(columns, arms(columns), card.needs()), "a", {"a": 1, "b": 1})
    assert {one.comparison.method for one in found.findings} == {"clusters, CR2"}
    dfs = [one.comparison.control.df for one in found.findings]
    assert dfs[2] > 2 * dfs[0], "guests by themselves are worth more degrees of freedom than homes"
    [guard] = found.of("guardrail")
    assert guard.shown == "no worse"


def test_more_units_than_rows_are_read_of_are_refused_by_a_reason() -> None:
    n = MOST_ROWS + 1
    columns, arm = {"watched": np.random.default_rng(0).normal(10, 1, n)}, np.where(np.arange(n) % 2 == 0, "a", "b")
    made = Compared(Mean("watched"), by=Clustered())
    for found in (summarise(columns, arm, made.needs()), scan({"arm": arm, **columns}, made.needs())[""]):
        with pytest.raises(Refused, match="of 1,000,000 units at most, and there are more") as refused:
            made.compare(found["a"], found["b"])
        assert refused.value.reason is Reason.MANY_UNITS
        assert Mean("watched").compare(found["a"], found["b"]).difference, "moments are read of any number"


def test_draws_that_would_take_minutes_are_refused() -> None:
    columns = people(600)
    made = Compared(Mean("watched"), by=Bootstrap(draws=1_000_000))
    with pytest.raises(Refused, match="1,000,000 draws of 600 units would take minutes") as refused:
        made.compare(*summaries(made, columns, arms(columns)))
    assert refused.value.reason is Reason.MANY_UNITS


def test_broken_values_are_refused_as_ever() -> None:
    columns = people(60)
    columns["watched"][3] = np.nan
    arm = arms(columns)
    made = Compared(Mean("watched"), by=Clustered("home"))
    for found in (summarise(columns, arm, made.needs()), scan({"arm": arm, **columns}, made.needs())[""]):
        with pytest.raises(Refused, match="watched is not a finite number for 1 of"):
            made.compare(found["a"], found["b"])
    with pytest.raises(Refused, match="has no units"):
        made.compare(summarise(columns, np.array(["b"] * 60), made.needs(), ["a", "b"])["a"], found["b"])


def test_slots_are_compared_as_by_switchback() -> None:
    g = np.random.default_rng(5)
    number, region = np.tile(np.arange(400_000, 400_080), 2), np.repeat(["north", "south"], 80)
    arm, rides = np.where(g.random(160) < 0.5, "b", "a"), 1.0 + g.poisson(9, 160)
    waits = rides * (8 + np.sin(number / 4) + 0.5 * (arm == "b")) + g.normal(size=160)
    columns = {REGION: region, SLOT: number, "waits": waits, "rides": rides}
    made = Compared(Ratio("waits", "rides"), by=BySlots("1h"))
    mine = made.compare(*summaries(made, columns, arm))
    at = number * HOUR
    theirs = switchback("wait", observed(region, at, arm == "b", "1h"), region, at, waits / rides)
    assert (mine.difference, mine.error, mine.p_value) == pytest.approx((theirs.difference, theirs.error, theirs.p_value), rel=1e-12)


# ---- plans and simulations


@pytest.mark.parametrize("metric, effect", [(Mean("watched"), 0.9), (Ratio("clicks", "views"), 0.05), (Proportion("clicks"), 0.1)])
def test_drawn_units_come_in_clusters_and_move_by_the_effect(metric: Any, effect: float) -> None:
    columns = people(3_000)
    made = Compared(metric, by=Clustered("home"))
    like = summarise(columns, np.array(["a"] * 3_000), made.needs())["a"]
    g = np.random.default_rng(0)
    figures, sizes = [], []
    for _ in range(40):
        drawn = made.draw(g, 3_000, like, effect)
        figures.append(made.figure(summarise(drawn, np.array(["a"] * 3_000), made.needs())["a"]).value)
        sizes.append(np.unique(drawn["home"], return_counts=True)[1].mean())
    assert np.mean(figures) == pytest.approx(made.figure(like).value + effect, abs=4 * np.std(figures) / np.sqrt(40) + 1e-9)
    assert np.mean(sizes) == pytest.approx(5.0, rel=0.1)


def paired(n: int = 80, lift: float = 0.5, seed: int = 4) -> tuple[Columns, np.ndarray]:
    """Pairs that have most in common, one of each treated by lot, in no order."""
    g = np.random.default_rng(seed)
    pair, treated = np.repeat(np.arange(n // 2), 2), within_strata(np.repeat(np.arange(n // 2), 2), seed)
    watched = 10 + 3 * g.normal(size=n // 2)[pair] + g.normal(size=n) + lift * treated
    order = g.permutation(n)
    return {"pair": pair.astype(str)[order], "watched": watched[order]}, np.array(["a", "b"])[treated][order]


def test_pairs_of_a_scorecard_are_a_paired_t_test() -> None:
    columns, arm = paired()
    card = Scorecard(Mean("watched"), by=Paired("pair"))
    [found] = card.read(summarise(columns, arm, card.needs()), control="a").findings
    assert found.comparison is not None
    order = np.lexsort((arm, columns["pair"]))
    told = stats.ttest_rel(columns["watched"][order][1::2], columns["watched"][order][::2])
    assert found.comparison.p_value == pytest.approx(told.pvalue, rel=1e-9)
    assert (found.comparison.low, found.comparison.high) == pytest.approx(tuple(told.confidence_interval()), rel=1e-9)
    plain = Mean("watched").compare(*summaries(Mean("watched"), columns, arm))
    assert found.comparison.error < 0.6 * plain.error, "what pairs share is no chance"


def test_pairs_of_which_one_went_missing_are_left_out_whole_and_most_of_them_are_refused() -> None:
    columns, arm = paired()
    made = Compared(Mean("watched"), by=Paired("pair"))
    there = ~np.isin(columns["pair"], ["3", "7"]) | (arm == "a")
    gone = ~np.isin(columns["pair"], ["3", "7"])
    found, without = (
        made.compare(*summaries(made, {name: one[keep] for name, one in columns.items()}, arm[keep])) for keep in (there, gone)
    )
    assert (found.difference, found.error, found.p_value) == (without.difference, without.error, without.p_value)
    assert [each.said.partition(" and are")[0] for each in found.cautions] == [
        "mean of watched: 2 of 78 units have no partner, or several, in the other arm"
    ]
    lost = {**columns, "pair": np.where(columns["pair"] < "2", columns["pair"], "None")}
    with pytest.raises(Refused, match=r"\d+ of 80 units have no partner, or several, .*: wait until both of a pair can be read") as refused:
        made.compare(*summaries(made, lost, arm))
    assert refused.value.reason == Reason.LONE_STRATA


def test_drawn_units_of_strata_and_of_the_metric_itself_are_as_many_as_asked() -> None:
    columns = people(300)
    for way, extra in ((Stratified("town"), {"town"}), (Paired("home"), {"home"}), (Permutation(), set())):
        made = Compared(Mean("watched"), by=way)
        drawn = made.draw(np.random.default_rng(0), 77, summarise(columns, np.array(["a"] * 300), made.needs())["a"])
        assert set(drawn) == {"watched", *extra}
        assert {len(column) for column in drawn.values()} == {77}


@pytest.mark.slow
def test_effect_that_is_planned_for_clusters_is_found_as_often_as_planned() -> None:
    columns = people(3_000)
    made = Compared(Mean("watched"), by=Clustered("home"))
    like = summarise(columns, np.array(["a"] * 3_000), made.needs())["a"]
    effect, g, found = 0.9, np.random.default_rng(1), 0
    each = plan(Spread.of(made.figure(like)), Design(), effect=effect, power=0.8).units // 2
    for _ in range(1_000):
        control, treatment = (made.draw(g, each, like, moved) for moved in (0.0, effect))
        for drawn, name in ((control, "c"), (treatment, "t")):
            drawn["home"] = np.char.add(name, drawn["home"].astype(str))
        both = {name: np.concatenate([control[name], treatment[name]]) for name in control}
        read = summarise(both, np.repeat(["a", "b"], each), made.needs())
        found += made.compare(read["a"], read["b"], Asked()).is_significant
    print("power of what was planned by clusters", found / 1_000)
    assert found / 1_000 == pytest.approx(0.8, abs=0.04)


def test_slots_vary_in_a_plan_as_they_do_when_they_are_compared() -> None:
    """Hours that go with the day, drawn anew: the variance of the difference is what the plan says it is."""
    g = np.random.default_rng(3)
    number = np.arange(400_000, 400_800)
    columns = {REGION: np.full(800, ""), SLOT: number, "waits": 30 + 9 * np.sin(number / 12) + g.normal(0, 2, 800)}
    made = Compared(Mean("waits"), by=BySlots("1h"))
    planned = made.figure(summarise(columns, np.full(800, "all"), made.needs())["all"])
    seen = [made.compare(*summaries(made, columns, np.where(g.random(800) < 0.5, "b", "a"))).difference for _ in range(600)]
    assert np.var(seen) == pytest.approx(4 * planned.variance, rel=0.2)
    assert planned.df == 199


def test_what_has_no_rows_to_add_up_is_refused() -> None:
    with pytest.raises(DeclarationError, match="only means, counts, ratios and shares"):
        Scorecard(Mean("watched"), secondary=[Quantile("watched", 0.5)], by=Clustered("home"))
