"""An experiment in a small world: its true lift lies in the interval, the verdict is right, and looks are judged by the plan."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from millrace.errors import MillraceError, NotFound
from millrace.experiments.comparison import AT_ANY_LOOK, Arm
from millrace.experiments.design import Design
from millrace.experiments.group_sequential import inflation
from millrace.experiments.looks import Look
from millrace.experiments.power import units_for
from millrace.experiments.reasons import Reason
from millrace.experiments.spending import Pocock
from millrace.experiments.spread import mean
from millrace.operate.exposures import experiment_of
from millrace.operate.planning_ahead import Ahead, ahead
from millrace.operate.reading_out import Reader, Reading
from millrace.serve.home import Home
from millrace.stores.audit import Change
from millrace.stores.experiments import Course, Registered
from millrace.types import DAY, HOUR
from tests.operate.stand import LIFT, MODULE, START, Open, Stand, lived, stand

GUESTS = 240


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Stand, int]:
    of = stand(tmp_path_factory.mktemp("world"))
    return of, lived(of, GUESTS)


def planned(rule: str, units: int = GUESTS, **found: list[dict]) -> Course:
    plan = Registered(
        hypothesis="Coffee pays.",
        primary="paid",
        arms=["tea", "coffee"],
        shares=[0.5, 0.5],
        confidence=0.95,
        rule=rule,
        planned=units,
    )
    return Course(began=START, who="ada", plan=plan, looks=found.get("looks", []))


def reader(of: Stand, course: Course | None) -> Reader:
    _, history = of.opened()
    return Reader(of.loaded, history, experiment_of(of.loaded)[1], course)


def primary(found: Reading):
    [one] = found.found.of("primary")
    return one


@pytest.mark.parametrize("rule", [None, "anytime", "fixed", "group", "pocock"])
def test_true_lift_lies_in_the_interval_and_the_verdict_is_right(world: tuple[Stand, int], rule: str | None) -> None:
    of, now = world
    found = reader(of, planned(rule) if rule else None).read(now)
    comparison = primary(found).comparison
    assert comparison.low < LIFT < comparison.high
    [verdict] = found.verdicts
    assert verdict.decision == "better"
    assert verdict.sentences[0].startswith("coffee was shown to be better than tea in paid")
    assert sum(found.found.shares.units.values()) == GUESTS
    assert not found.found.shares.is_mismatch
    assert [one.covariate for one in found.balance["coffee"]] == ["Pay.amount before 7d"]
    assert any(one.reason == Reason.PEEKED for one in found.found.cautions) == (rule is None)


def test_covariates_of_the_time_before_take_most_of_the_variance(world: tuple[Stand, int], tmp_path: Path) -> None:
    of, now = world
    plain = Stand(of.module, of.folder, stand(tmp_path, MODULE.replace(', covariates=(Pay.amount,), before="7d"', "")).loaded)
    assert primary(reader(of, None).read(now)).comparison.error < 0.6 * primary(reader(plain, None).read(now)).comparison.error


def test_nothing_is_shown_where_there_is_nothing(tmp_path: Path) -> None:
    of = stand(tmp_path)
    now = lived(of, 120, seed=11, lift=0.0)
    found = reader(of, planned("anytime", 120)).read(now)
    assert primary(found).shown == "nothing"
    assert found.verdicts[0].decision == "not shown"


def test_look_before_the_planned_end_of_a_test_for_one_decides_nothing(world: tuple[Stand, int]) -> None:
    of, now = world
    found = reader(of, planned("fixed", 10 * GUESTS)).read(now)
    assert primary(found).shown == "nothing"
    assert Reason.PEEKED in {one.reason for one in primary(found).comparison.cautions}
    assert primary(reader(of, planned("anytime", 10 * GUESTS)).read(now)).shown == "better"


def test_earlier_looks_on_record_count(world: tuple[Stand, int]) -> None:
    of, now = world
    key = "paid of coffee"
    first = reader(of, planned("anytime")).read(now)
    assert first.looks[key] == Look(GUESTS, primary(first).comparison.difference, primary(first).comparison.error)
    earlier = {"at": START + DAY, "looks": {key: {"n": 100, "difference": 1.9, "error": 0.01}}}
    again = reader(of, planned("anytime", looks=[earlier])).read(now)
    assert primary(again).comparison.high - primary(again).comparison.low < primary(first).comparison.high - primary(first).comparison.low


def test_course_is_what_would_have_been_read_all_along(world: tuple[Stand, int]) -> None:
    of, now = world
    found = reader(of, planned("anytime")).course(now, steps=6)
    assert len(found) == 6
    units = [sum(one.found.shares.units.values()) for one in found]
    assert units == sorted(units)
    assert units[-1] == GUESTS
    assert found[-1].waiting == 0
    widths = [primary(one).comparison.high - primary(one).comparison.low for one in found if primary(one).comparison]
    assert np.all(np.diff(widths) <= 1e-9), "intervals narrow as looks agree"


def test_course_is_read_once_and_says_what_reading_anew_at_each_instant_says(tmp_path: Path) -> None:
    """With a feature, a segment, and decisions that nobody reads any more: what was read first is cut at each instant."""
    module = MODULE.replace("covariates=(Pay.amount,)", "covariates=(Pay.amount, paid_before)").replace(
        "    guardrails=", "    segments=[Guest.town],\n    guardrails="
    )
    of = stand(tmp_path, module)
    now = lived(of, 60)
    home = Home(of.folder, of.loaded)
    home.log.compact()
    home.close()
    past: dict[str, list[Look]] = {}
    read = reader(of, planned("anytime"))
    whole = read.read(now)
    instants = [one.at for one in reader(of, planned("anytime")).course(now, steps=7)]
    slowly = []
    for at in instants:
        slowly.append(reader(of, planned("anytime")).read(at, past))
        for key, one in slowly[-1].looks.items():
            past.setdefault(key, []).append(one)
    for part in of.folder.rglob("*.parquet"):
        part.unlink()
    found = read.course(now, steps=7)
    assert len(found) == 7
    assert [msgspec.json.encode(one) for one in found] == [msgspec.json.encode(one) for one in slowly]
    assert read.read(now).found == whole.found
    with pytest.raises(MillraceError):
        reader(of, planned("anytime")).read(now)  # nobody else can read it any more


def test_nobody_old_enough_is_said(world: tuple[Stand, int]) -> None:
    of, _ = world
    with pytest.raises(NotFound, match="no unit is old enough to be read yet"):
        reader(of, planned("anytime")).read(START + 5 * HOUR)


def test_units_in_two_arms_leave_nothing_to_conclude(tmp_path: Path) -> None:
    of = stand(tmp_path)
    lived(of, 30)
    moved = stand(tmp_path, MODULE.replace("scorecard=card)", "shares=(0.01, 0.99), scorecard=card)"))
    again = Open(moved, START + 5 * DAY)
    for n in range(30):
        again.visit(f"g{n}", f"w{n}")
    again.close()
    found = reader(moved, planned("anytime")).read(START + 20 * DAY)
    assert [one.reason for one in found.found.faults] == [Reason.TWO_ARMS]
    assert found.verdicts[0].decision == "invalid"


def test_guardrail_with_a_relative_margin_is_read_by_the_rule(world: tuple[Stand, int], tmp_path: Path) -> None:
    of, now = world
    module = MODULE.replace(
        'NonInferior(Proportion(Complaint, name="complained", better="less", within="1d"), margin=0.2)',
        'NonInferior(Mean(Pay.amount, name="paid all told", within="1d"), margin=0.05, relative=True)',
    )
    relative = Stand(of.module, of.folder, stand(tmp_path, module).loaded)
    [one] = reader(relative, planned("anytime")).read(now).found.of("guardrail")
    assert one.shown == "no worse"
    assert one.comparison.controls == AT_ANY_LOOK
    few = reader(relative, planned("anytime", 100 * GUESTS)).read(now).found.of("guardrail")[0]
    assert few.comparison.log_p > one.comparison.log_p, "early in a long plan more is needed"


def test_experiment_without_a_scorecard_is_not_read(tmp_path: Path) -> None:
    of = stand(tmp_path, MODULE.replace(", scorecard=card", ""))
    Home(of.folder, of.loaded).close()
    with pytest.raises(NotFound, match="served declares no scorecard="):
        reader(of, None)


# ---- plans


def test_plan_follows_the_variance_and_the_units_of_the_log(world: tuple[Stand, int]) -> None:
    of, now = world
    _, history = of.opened()
    experiment = experiment_of(of.loaded)[1]
    found = ahead(of.loaded, history, experiment, now, over="7d")
    assert found.units[0] == pytest.approx(GUESTS * 7 / 3, rel=0.1), "of all weeks the log has seen three days"
    np.testing.assert_allclose(np.diff(found.units), found.units[0], atol=1)
    seen = found.detectable[np.isfinite(found.detectable)]
    assert np.all(np.diff(seen) < 0)
    weeks, units = found.weeks_for(float(found.detectable[2]) * 1.001)
    assert (weeks, units) == (3, int(found.units[2]))
    assert found.weeks_for(1e-6) is None
    assert found.figure.units == GUESTS
    with pytest.raises(NotFound, match="0 units were decided about"):
        ahead(of.loaded, history, experiment, now + 90 * DAY, over="7d")


# ---- the arm that is kept


def test_arm_that_is_kept_is_everyone_s_in_every_process_and_over_a_restart(tmp_path: Path) -> None:
    of = stand(tmp_path)
    now = Open(of)
    now.stock()
    now.time.now += HOUR
    before = {now.visit(f"g{n}", f"v{n}").arm for n in range(20)}
    assert before == {"tea", "coffee"}
    other = Home(of.folder, of.loaded, read_only=True)  # as the command line opens it beside the server
    other.experiments.start("stand", "served", planned("anytime").plan, Change(START, "ada", "to know"))
    other.experiments.stop("stand", "served", {}, Change(START + 1, "ada", "it pays"), keep="coffee")
    other.close()
    now.engine.reload()
    after = [now.visit(f"g{n}", f"w{n}") for n in range(20)]
    assert {(one.arm, one.arm_share, one.candidate[0]) for one in after} == {("everyone/coffee", 1.0, "coffee")}
    now.close()
    again = Open(of, now.time.now + HOUR)
    assert again.visit("g1", "x1").arm == "everyone/coffee"
    again.home.experiments.start("stand", "served", planned("anytime").plan, Change(START + 2, "ada", "again"))
    again.engine.reload()
    assert {again.visit(f"g{n}", f"y{n}").arm for n in range(20)} == before
    again.close()


def test_plans_that_look_early_pay_for_it() -> None:
    """Units come by the ten; of `Anytime` 7 % more are needed than of one look, of fourteen looks 4 % more."""
    spread = mean(10.0, 400.0)
    once = units_for(spread, 1.0)
    coming = np.arange(1, 2_000) * 10
    plan = Ahead("paid", Arm(name="all", value=10.0, variance=1.0, units=400, df=399.0), coming, coming * 0.0, 0.8, Design(), spread)
    found = {rule: plan.weeks_for(1.0, rule) for rule in ("fixed", "group", "pocock", "anytime")}
    assert found["fixed"][1] == pytest.approx(once, abs=10)
    assert found["group"][1] == pytest.approx(1.04 * once, rel=0.01)
    assert found["pocock"][1] == pytest.approx(inflation(np.arange(1, 15) / 14, spending=Pocock()) * once, rel=0.01)
    assert found["pocock"][1] > 1.2 * once
    assert found["anytime"][1] == pytest.approx(1.073 * once, rel=0.005)


@pytest.mark.parametrize(
    ("rule", "said"), [("group", "O'Brien-Fleming-like spending, each side its half"), ("pocock", "Pocock-like spending")]
)
def test_read_out_names_how_its_rule_spends(world: tuple[Stand, int], rule: str, said: str) -> None:
    of, now = world
    assert said in primary(reader(of, planned(rule)).read(now)).comparison.method
