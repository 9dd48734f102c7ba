"""A scorecard says how its arms are compared, and the log is read for it: clusters, strata, permutation, bootstrap."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from millrace.errors import BadInput, DeclarationError
from millrace.experiments.allocation import within_strata
from millrace.experiments.clustered import clustered
from millrace.experiments.matched_pairs import matched_pairs
from millrace.experiments.needs import Needs
from millrace.experiments.permutation import permutation
from millrace.experiments.reasons import Reason
from millrace.experiments.resampling import bootstrap
from millrace.experiments.scorecard import Scorecard
from millrace.experiments.stopping import Anytime, Fixed
from millrace.experiments.stratified import stratified
from millrace.experiments.summary import summarise
from millrace.experiments.two_arms import two_arms
from millrace.experiments.ways import Bootstrap, Permutation
from millrace.operate.by_rule import check_rule
from millrace.operate.exposures import experiment_of
from millrace.operate.planning_ahead import ahead
from millrace.operate.reading_out import Reader, Reading
from millrace.stores.experiments import Course, Registered
from millrace.types import DAY, EVER, HOUR, MINUTE, Columns, objects
from tests.operate.stand import MODULE, START, Open, Stand, stand

HOMES, EACH, TOWNS = 40, 4, 4
CARD = MODULE[MODULE.index("card = Scorecard(") : MODULE.index("served = ")]


def module(by: str, metric: str = 'Mean(Pay.amount, name="paid", within="1d")', unit: str = "guest") -> str:
    changed = MODULE.replace(CARD, f"card = Scorecard({metric}, by={by})\n").replace("    town: str\n", "    town: str\n    home: str\n")
    changed = changed.replace("    guest: Ref[Guest]\n\nclass Pay", "    guest: Ref[Guest]\n    home: str\n\nclass Pay")
    changed = changed.replace("unit=Visit.guest", f"unit=Visit.{unit}")
    return changed.replace("System, Top", "System, Bootstrap, Clustered, Compared, Paired, Permutation, Quantile, Stratified, Top")


class Town(Open):
    """A stand whose guests live together: what a home pays goes together, and what a town pays."""

    def visit(self, guest: str, name: str):
        from millrace.types import moment

        home = f"h{int(guest[1:]) // EACH}"
        [made] = self.engine.decide([self.kinds["Visit"](id=name, at=moment(self.time.now), guest=guest, home=home)])
        return made


def lived(of: Stand, lift: float = 0.0, seed: int = 7) -> int:
    chance, now = random.Random(seed), Town(of)
    now.stock()
    homes = [10.0 + 3.0 * (home % TOWNS) + chance.gauss(0.0, 1.5) for home in range(HOMES)]
    for n in range(HOMES * EACH):
        home = n // EACH
        now.engine.ingest([now.kinds["Guest"](id=f"g{n}", town=f"t{home % TOWNS}", home=f"h{home}")])
    now.time.now += HOUR
    for n in range(HOMES * EACH):
        now.time.now += 5 * MINUTE
        made = now.visit(f"g{n}", f"v{n}")
        now.time.now += MINUTE
        now.pay(f"g{n}", homes[n // EACH] + chance.gauss(0.0, 1.0) + lift * (made.arm == "coffee"))
    now.time.now += 2 * DAY
    now.pay("passer-by", 1.0)
    now.close()
    return now.time.now


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Stand, int]:
    of = stand(tmp_path_factory.mktemp("town"), module("Clustered(Guest.home)"))
    return of, lived(of, lift=2.0)


def by(of: Stand, folder: Path, way: str, *args: str) -> Stand:
    """Return a stand read in another way."""
    return Stand(of.module, of.folder, stand(folder, module(way, *args)).loaded)


def reader(of: Stand, course: Course | None = None) -> Reader:
    _, history = of.opened()
    return Reader(of.loaded, history, experiment_of(of.loaded)[1], course)


def comparison(found: Reading):
    [one] = found.found.of("primary")
    assert one.comparison is not None, one.refused
    return one.comparison


def rows(of: Stand, now: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return (paid, treated, home, town) of every guest, from the world's own rules."""
    home, history = of.opened()
    arms = {one.id: one.arm for _, one in home.log.decisions(system="stand")}
    pays = history.events(of.loaded.streams["Pay"], now)
    paid = dict(zip(pays["guest"].tolist(), pays["amount"].tolist(), strict=True))
    guests = range(HOMES * EACH)
    treated = np.array([arms[f"v{n}"] == "coffee" for n in guests])
    homes = np.array([n // EACH for n in guests])
    return np.array([paid[f"g{n}"] for n in guests]), treated, homes, homes % TOWNS


@pytest.mark.parametrize("way", ["Clustered(Guest.home)", "Clustered(Visit.home)", "Clustered()", "Stratified(Guest.town)"])
def test_figures_are_those_of_arrays_by_hand(world: tuple[Stand, int], tmp_path: Path, way: str) -> None:
    of, now = world
    mine = comparison(reader(by(of, tmp_path, way)).read(now))
    paid, treated, home, town = rows(of, now)
    theirs = {
        "Clustered(Guest.home)": lambda: clustered("paid", paid, treated, home),
        "Clustered(Visit.home)": lambda: clustered("paid", paid, treated, home),
        "Clustered()": lambda: clustered("paid", paid, treated, np.arange(len(paid))),
        "Stratified(Guest.town)": lambda: stratified("paid", paid, treated, town),
    }[way]()
    assert mine.difference == pytest.approx(theirs.difference, rel=1e-9)
    assert mine.error == pytest.approx(theirs.error, rel=1e-9)
    assert mine.p_value == pytest.approx(theirs.p_value, rel=1e-7)
    assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high), rel=1e-9)
    assert mine.method == theirs.method
    assert (mine.control.name, mine.treatment.name) == ("tea", "coffee")
    assert mine.control.units + mine.treatment.units == HOMES * EACH


@pytest.mark.parametrize("way", ["Permutation(draws=999)", "Bootstrap(draws=999)"])
def test_draws_say_the_same_whatever_the_order_of_rows(world: tuple[Stand, int], tmp_path: Path, way: str) -> None:
    of, now = world
    found = [comparison(reader(by(of, tmp_path, way)).read(now)) for _ in range(2)]
    assert found[0] == found[1]
    paid, treated, *_ = rows(of, now)
    test = permutation if way.startswith("Permutation") else bootstrap
    theirs = test("paid", two_arms(paid, treated), seed=1, draws=9_999)
    assert found[0].difference == pytest.approx(theirs.difference, rel=1e-9)
    assert found[0].p_value == pytest.approx(theirs.p_value, abs=0.02)
    assert found[0].relative is None, "a relative interval would be of another method"


def test_strata_take_what_towns_differ_by_out_of_chance(world: tuple[Stand, int], tmp_path: Path) -> None:
    of, now = world
    within, plain = (comparison(reader(by(of, tmp_path, way)).read(now)) for way in ("Stratified(Guest.town)", "None"))
    assert plain.method == "Welch"
    assert within.error < 0.7 * plain.error
    assert within.low < 2.0 < within.high


def test_covariates_go_with_every_way(world: tuple[Stand, int], tmp_path: Path) -> None:
    of, now = world
    metric = 'Mean(Pay.amount, name="paid", within="1d", covariates=(paid_before,))'
    for way in ("Clustered(Guest.home)", "Permutation(draws=199)"):
        [one] = reader(by(of, tmp_path, way, metric)).read(now).found.of("primary")
        assert one.comparison is not None, one.refused


def planned(rule: str, units: int, looks: list[dict] | None = None) -> Course:
    plan = Registered(
        hypothesis="Coffee pays.",
        primary="paid",
        arms=["tea", "coffee"],
        shares=[0.5, 0.5],
        confidence=0.95,
        rule=rule,
        planned=units,
    )
    return Course(began=EVER, who="ada", plan=plan, looks=looks or [])


def test_clusters_are_read_by_a_rule_with_the_width_that_few_of_them_need(world: tuple[Stand, int]) -> None:
    of, now = world
    at_one_look = comparison(reader(of).read(now))
    by_rule = comparison(reader(of, planned("fixed", HOMES * EACH)).read(now))
    assert (by_rule.low, by_rule.high) == pytest.approx((at_one_look.low, at_one_look.high), rel=1e-9)
    assert by_rule.control.units + by_rule.treatment.units == HOMES * EACH, "looks count units, as the plan does"


@pytest.mark.parametrize(
    ("rule", "units", "looks", "message"),
    [
        ("anytime", HOMES * EACH, [], "holds at one look: plan it with --rule fixed"),
        ("fixed", HOMES * EACH + 1, [], "at 161 units, of which there are 160: wait"),
        ("fixed", HOMES * EACH - 20, [150], "at 150 units, the planned end: later looks decide nothing"),
    ],
)
def test_draws_hold_at_one_look(world: tuple[Stand, int], tmp_path: Path, rule: str, units: int, looks: list[int], message: str) -> None:
    of, now = world
    record = [{"at": START, "looks": {"paid of coffee": {"n": n, "difference": 1.0, "error": 0.5}}} for n in looks]
    [one] = reader(by(of, tmp_path, "Permutation(draws=199)"), planned(rule, units, record)).read(now).found.of("primary")
    assert one.refused.reason is Reason.PEEKED
    assert message in one.refused.said


def test_draws_decide_at_the_planned_end(world: tuple[Stand, int], tmp_path: Path) -> None:
    of, now = world
    read = reader(by(of, tmp_path, "Permutation(draws=199)"), planned("fixed", HOMES * EACH))
    assert comparison(read.read(now)).method == "permutation, 199 draws"
    check_rule(read.card, Fixed)
    with pytest.raises(BadInput, match="paid is compared by Permutation, which holds at one look: write --rule fixed"):
        check_rule(read.card, Anytime)


def test_plan_knows_of_clusters(world: tuple[Stand, int], tmp_path: Path) -> None:
    """Four guests to a home that go together by more than two thirds: three times the units and more."""
    of, now = world
    found = {}
    for way in ("None", "Clustered(Guest.home)"):
        each = by(of, tmp_path, way)
        _, history = each.opened()
        found[way] = ahead(each.loaded, history, experiment_of(each.loaded)[1], now, over="7d")
    plain, whole = found["None"].spread, found["Clustered(Guest.home)"].spread
    assert 2.5 < whole.variance / plain.variance < 4.5
    assert whole.per_df == pytest.approx(EACH, rel=0.1)


@pytest.mark.parametrize(
    ("way", "metric", "message"),
    [
        ("Clustered(Sip)", 'Mean(Pay.amount, name="paid")', "Sip is no feature of the request"),
        ('Clustered("home")', 'Mean(Pay.amount, name="paid")', "is no feature of the request"),
        ("Clustered(Drink.tea)", 'Mean(Pay.amount, name="paid")', "Drink"),
        ("Stratified(Guest.town)", 'Ratio(Pay.amount, Visit, name="paid")', "puts means together, not ratios"),
        ("Permutation()", 'Ratio(Pay.amount, Visit, name="paid", covariates=(paid_before,))', "leave them out, or by="),
        ("Permutation()", 'Quantile(Pay.amount, 0.5, name="paid")', "only means, counts, ratios and shares are compared"),
        ("3", 'Mean(Pay.amount, name="paid")', "by=3 is no way to compare"),
        (
            "Bootstrap(), guardrails=[NonInferior(Count(Visit, name='visits'), margin=0.1, relative=True)]",
            'Mean(Pay.amount, name="paid")',
            "give it in the metric's unit",
        ),
    ],
)
def test_ways_that_do_not_fit_are_refused_at_load(tmp_path: Path, way: str, metric: str, message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        stand(tmp_path, module(way, metric))


def test_one_metric_alone_is_compared_in_another_way(world: tuple[Stand, int], tmp_path: Path) -> None:
    of, now = world
    metric = (
        'Compared(Mean(Pay.amount, name="paid", within="1d"), by=Bootstrap(draws=199)), secondary=[Quantile(Pay.amount, 0.5, name="half")]'
    )
    found = reader(by(of, tmp_path, "None", metric)).read(now)
    assert comparison(found).method.startswith("bootstrap")
    [half] = found.found.of("secondary")
    assert half.comparison.method == "Woodruff"


# ---- levels


@pytest.mark.slow
@pytest.mark.parametrize(
    "way", ["None", "Clustered(Guest.home)", "Stratified(Guest.town)", "Permutation(draws=199)", "Bootstrap(draws=399)"]
)
def test_level_is_kept_where_arms_are_drawn_anew(tmp_path: Path, way: str) -> None:
    """One log without an effect, read again and again as if its arms had been drawn otherwise, homes as a whole for clusters."""
    of, draws = stand(tmp_path, module(way)), 2_000
    read = reader(Stand(of.module, of.folder, of.loaded)) if (now := lived(of)) else None
    units, *_ = read.units(now)
    needs, card = read.card.needs(), read.card
    homes = np.unique([int(one[1:]) // EACH for one in units["unit"]], return_inverse=True)[1]
    g = np.random.default_rng(0)
    whole = way in ("None", "Clustered(Guest.home)")
    wrong = sum(alarms(card, {**units, "arm": drawn(g, homes, whole=whole)}, needs, seed) for seed in range(draws))
    rate = wrong / draws
    print(f"type-I error by {way} through the log", rate)
    if way == "None":
        assert rate > 0.15, "guests of a home taken for independent"
    else:
        assert rate == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / draws))


def drawn(g: np.random.Generator, homes: np.ndarray, *, whole: bool) -> np.ndarray:
    coin = (g.random(HOMES) < 0.5)[homes] if whole else g.random(len(homes)) < 0.5
    return objects(np.where(coin, "coffee", "tea").tolist())


def alarms(card: Scorecard, units: Columns, needs: Needs, seed: int) -> bool:
    summaries = summarise(units, units["arm"], needs)
    metric: Any = card.primary
    if isinstance(getattr(metric, "by", None), Permutation | Bootstrap):  # else all experiments share their few draws
        metric = replace(metric, by=replace(metric.by, seed=seed))
    return metric.compare(summaries["tea"], summaries["coffee"]).is_significant


def test_homes_shared_out_beforehand_are_the_arms_that_are_read(tmp_path: Path) -> None:
    arm = within_strata(np.arange(HOMES) % TOWNS, seed=5)
    lists = {name: [f"g{n}" for n in range(HOMES * EACH) if arm[n // EACH] == k and n < 120] for k, name in enumerate(("tea", "coffee"))}
    declared = module("Clustered(Guest.home)").replace("scorecard=card)", f"allotted={lists!r}, scorecard=card)")
    of = stand(tmp_path, declared)
    now = lived(of, lift=2.0)
    mine = comparison(reader(of).read(now))
    paid, treated, home, _ = rows(of, now)
    assert (mine.control.units, mine.treatment.units) == (len(lists["tea"]), len(lists["coffee"]))
    theirs = clustered("paid", paid[:120], treated[:120], home[:120])
    assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high), rel=1e-9)
    assert mine.low < 2.0 < mine.high
    home_, history = of.opened()
    arms = {one.id: (one.arm, one.arm_share) for _, one in home_.log.decisions(system="stand")}
    assert all(arms[f"v{n}"] == ("outside", 1.0) for n in range(120, HOMES * EACH)), "who is in no list is answered by the control"
    found = ahead(of.loaded, history, experiment_of(of.loaded)[1], now, over="7d")
    assert found.figure.units == found.units.max() == 120, "a plan knows that no others will come"


def test_pairs_shared_out_beforehand_are_compared_pair_by_pair(tmp_path: Path) -> None:
    n, chance = 40, random.Random(2)
    arm = within_strata(np.arange(n) // 2, seed=1)
    lists = {name: [f"g{k}" for k in range(n) if arm[k] == place] for place, name in enumerate(("tea", "coffee"))}
    of = stand(tmp_path, module("Paired(Guest.town)").replace("scorecard=card)", f"allotted={lists!r}, scorecard=card)"))
    now, paid = Town(of), np.zeros(n)
    now.stock()
    for k in range(n):
        now.engine.ingest([now.kinds["Guest"](id=f"g{k}", town=f"pair {k // 2}", home="")])
    now.time.now += HOUR
    for k in range(n):
        now.time.now += 5 * MINUTE
        made = now.visit(f"g{k}", f"v{k}")
        assert made.arm == ("coffee" if arm[k] else "tea")
        paid[k] = 10 + 8 * (k // 2 % 5) + 2.0 * arm[k] + chance.gauss(0.0, 1.0)
        now.pay(f"g{k}", float(paid[k]))
    now.time.now += 2 * DAY
    now.pay("passer-by", 1.0)
    now.close()
    mine = comparison(reader(of).read(now.time.now))
    theirs = matched_pairs("paid", paid, arm == 1, np.arange(n) // 2)
    assert (mine.difference, mine.low, mine.high) == pytest.approx((theirs.difference, theirs.low, theirs.high), rel=1e-9)
    assert mine.method == "matched pairs"
    assert mine.low < 2.0 < mine.high
