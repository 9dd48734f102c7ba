"""An experiment over time slots is read as a switchback: slot by slot, without the washout, with errors by block."""

from pathlib import Path

import numpy as np
import pytest

from millrace.errors import DeclarationError, NotFound
from millrace.experiments.reasons import Reason
from millrace.experiments.slots import observed
from millrace.experiments.summary import summarise
from millrace.experiments.switchback import switchback
from millrace.operate.exposures import experiment_of, exposures
from millrace.operate.planning_ahead import ahead
from millrace.operate.reading_out import Reader, Reading
from millrace.operate.slot_units import settled, whole
from millrace.operate.unit_columns import Units
from millrace.types import DAY, EVER, MINUTE, Columns, objects
from tests.operate.stand import MODULE, START, Stand, lived, stand

GUESTS = 240
CARD = MODULE[MODULE.index("card = Scorecard(") : MODULE.index("served = ")]
PLAIN = """card = Scorecard(
    Ratio(Pay.amount, Visit, name="paid per visit"),
    secondary=[Mean(Pay.amount, name="paid"), Proportion(sipped, name="sipped")],
    guardrails=[NonInferior(Count(Complaint, name="complaints", better="less"), margin=2.0)],
)
"""


def module(slot: str = 'TimeSlot("30m", washout="6m")', card: str = PLAIN) -> str:
    changed = MODULE.replace(CARD, card).replace("unit=Visit.guest", f"unit={slot}")
    return changed.replace("System, Top", "System, TimeSlot, Top")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Stand, int]:
    of = stand(tmp_path_factory.mktemp("slots"), module())
    return of, lived(of, GUESTS)


def reader(of: Stand) -> Reader:
    _, history = of.opened()
    return Reader(of.loaded, history, experiment_of(of.loaded)[1], None)


def comparison(found: Reading, metric: str):
    [one] = [one for one in found.found.findings if one.metric == metric]
    assert one.comparison is not None, one.refused
    return one.comparison


def by_hand(of: Stand) -> tuple[Columns, np.ndarray, np.ndarray]:
    """Return (slots with visits, when somebody paid, how much)."""
    home, history = of.opened()
    made = [(one.at, one.arm == "coffee") for _, one in home.log.decisions(system="stand")]
    at, treated = np.array([at for at, _ in made]), np.array([yes for _, yes in made])
    pays = history.events(of.loaded.streams["Pay"], START + 30 * DAY)
    return observed(objects([""] * len(at)), at, treated, "30m"), pays["at"], pays["amount"]


def test_figures_are_those_of_a_switchback_by_hand(world: tuple[Stand, int]) -> None:
    of, now = world
    found = reader(of).read(now)
    plan, at, value = by_hand(of)
    switched = np.ones(len(plan["slot"]), dtype=bool)
    switched[1:] = (plan["treated"][1:] != plan["treated"][:-1]) | (np.diff(plan["slot"]) != 1)
    begins = plan["start"] + np.where(switched, 6 * MINUTE, 0)
    totals = np.array([value[(at >= begin) & (at < end)].sum() for begin, end in zip(begins, plan["end"], strict=True)])
    totals *= 30 * MINUTE / (plan["end"] - begins)
    mine = comparison(found, "paid")
    theirs = switchback("paid", plan, plan["region"], plan["end"] - 1, totals, washout=6 * MINUTE)
    assert mine.difference == pytest.approx(theirs.difference, rel=1e-9)
    assert mine.error == pytest.approx(theirs.error, rel=1e-9)
    assert mine.p_value == pytest.approx(theirs.p_value, rel=1e-9)
    assert mine.method == "switchback, errors by block"
    assert (mine.control.units + mine.treatment.units) == 96  # half hours of two days


def test_true_lift_is_found_per_visit(world: tuple[Stand, int]) -> None:
    of, now = world
    found = comparison(reader(of).read(now), "paid per visit")
    assert found.low < 2.0 < found.high
    assert found.is_significant


def test_slots_that_are_not_over_wait(world: tuple[Stand, int]) -> None:
    of, _ = world
    with pytest.raises(NotFound, match="1 are waiting"):
        reader(of).read(START + 5 * 60 * MINUTE + 2 * MINUTE)


def test_course_ends_with_all_slots_and_plan_counts_them(world: tuple[Stand, int]) -> None:
    of, now = world
    read = reader(of)
    last = read.course(now, steps=3)[-1]
    assert comparison(last, "paid").difference == comparison(read.read(now), "paid").difference
    _, history = of.opened()
    found = ahead(of.loaded, history, experiment_of(of.loaded)[1], now, over="7d")
    assert found.figure.units == 96
    assert found.figure.df == 24, "blocks of four, and what is left of the first and of the last"


def test_few_blocks_are_refused(tmp_path: Path) -> None:
    of = stand(tmp_path, module('TimeSlot("6h")'))
    now = lived(of, 60)
    found = reader(of).read(now)
    assert {one.refused.reason for one in found.found.findings if one.refused} == {Reason.FEW_CLUSTERS}
    assert "are the fewest that an error can be taken from" in found.verdicts[0].text


@pytest.mark.parametrize(
    ("slot", "card", "message"),
    [
        ('TimeSlot("30m", washout="30m")', PLAIN, "nothing is left of a slot"),
        ('TimeSlot("30m")', CARD, "what was known before one slot belongs to another: leave covariates out"),
        ('TimeSlot("30m")', 'card = Scorecard(Retention(Visit, after="1h", name="back"))\n', "is when the slot is over"),
        ('TimeSlot("30m")', 'card = Scorecard(Mean(Pay.amount, name="paid"), by=Clustered())\n', "leave by= out"),
    ],
)
def test_what_says_nothing_of_slots_is_refused_at_load(tmp_path: Path, slot: str, card: str, message: str) -> None:
    changed = module(slot, card).replace(
        "from millrace.experiments.scorecard", "from millrace import Clustered\nfrom millrace.experiments.scorecard"
    )
    with pytest.raises(DeclarationError, match=message):
        stand(tmp_path, changed)


@pytest.mark.slow
def test_level_is_kept_where_arms_of_slots_are_drawn_anew(tmp_path: Path) -> None:
    """One log without an effect, read again and again as if its slots had been drawn otherwise."""
    of = stand(tmp_path, module())
    now, draws = lived(of, 2 * GUESTS, seed=5, lift=0.0), 1_000
    _, history = of.opened()
    one, read = experiment_of(of.loaded)[1], reader(of)
    seen = exposures(of.loaded, history, one, EVER, now).units
    g, wrong = np.random.default_rng(0), 0
    for _ in range(draws):
        drawn = {**seen, "arm": objects(np.where(g.random(len(seen["unit"])) < 0.5, "coffee", "tea").tolist())}
        units = settled(drawn, one.unit, read.reads, EVER, now)
        columns = Units(of.loaded, history, one, units, now).columns(read.reads)
        wrong += significant(read, {**units, **whole(columns, units, one.unit, read.reads)})
    rate = wrong / draws
    print("type-I error of a switchback through the log", rate)
    assert rate < 0.05 + 3 * np.sqrt(0.05 * 0.95 / draws)


def significant(read: Reader, units: Columns) -> bool:
    needs = read.card.needs()
    summaries = summarise(units, units["arm"], needs)
    return read.card.primary.compare(summaries["tea"], summaries["coffee"]).is_significant
