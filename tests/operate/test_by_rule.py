"""Arms compared by the rule on record, with the looks on record: what was looked at twice, or by fewer since, is no fault."""

import msgspec
import numpy as np
import pytest

from millrace.experiments.comparison import Arm, Asked, Comparison
from millrace.experiments.contrast import contrast
from millrace.experiments.looks import Look
from millrace.experiments.metrics import Mean
from millrace.experiments.stopping import Anytime, GroupSequential, Rule
from millrace.experiments.summary import Summary, summarise
from millrace.operate.by_rule import ByRule, earlier_looks, past_looks
from millrace.stores.experiments import Course, Registered
from tests.operate.stand import START

KEY = "paid of coffee"
PLAN = Registered(
    hypothesis="Coffee pays.",
    primary="paid",
    arms=["tea", "coffee"],
    shares=[0.5, 0.5],
    confidence=0.95,
    rule="anytime",
    planned=1_000,
)


def on_record(*looks: Look) -> dict[str, list[Look]]:
    """Return looks as a course has them."""
    seen = [{"at": START + place, "looks": {KEY: msgspec.to_builtins(one)}} for place, one in enumerate(looks)]
    return past_looks(Course(began=START, who="ada", plan=PLAN, looks=seen))


def arms(apart: float = 0.4) -> tuple[Summary, Summary]:
    """Return two arms of 150 units each."""
    paid = [place % 7 + (apart if place % 2 else 0.0) for place in range(300)]
    of = ["coffee" if place % 2 else "tea" for place in range(300)]
    found = summarise({"paid": np.array(paid)}, np.array(of), Mean("paid").needs())
    return found["tea"], found["coffee"]


def compared(rule: type[Rule], past: dict[str, list[Look]]) -> Comparison:
    return ByRule(rule, PLAN.planned, past)(Mean("paid", name="paid"), *arms(), Asked())


@pytest.mark.parametrize("rule", [Anytime, GroupSequential])
def test_two_looks_at_the_same_units_are_one_as_last_seen(rule: type[Rule]) -> None:
    first, again, then = Look(100, 0.9, 0.4), Look(100, 0.5, 0.4), Look(200, 0.6, 0.3)
    assert compared(rule, on_record(first, again, then)) == compared(rule, on_record(again, then))
    assert compared(rule, on_record(first, again, then, Look(300, 0.4, 0.2))) == compared(rule, on_record(again, then)), "nor is this one"


@pytest.mark.parametrize("rule", [Anytime, GroupSequential])
def test_look_after_somebody_was_forgotten_is_read_all_the_same(rule: type[Rule]) -> None:
    looks = Look(100, 0.9, 0.4), Look(98, 0.5, 0.4), Look(200, 0.6, 0.3)
    assert compared(rule, on_record(*looks)) == compared(rule, on_record(looks[1], looks[0], looks[2]))


def test_earlier_looks_are_those_of_the_same_arm_at_fewer_units() -> None:
    past = {KEY: [Look(100, 0.9, 0.4), Look(300, 0.9, 0.4)], "paid of milk": [Look(50, 0.1, 0.4)]}
    assert earlier_looks(past, KEY, Look(300, 0.5, 0.2)) == [Look(100, 0.9, 0.4)]
    assert earlier_looks(past, "paid of water", Look(300, 0.5, 0.2)) == []


def test_figures_of_one_look_are_the_metric_s_own() -> None:
    alone = ByRule(Anytime, PLAN.planned, {})
    found = alone(Mean("paid", name="paid"), *arms(), Asked())
    control, treatment = Mean("paid", name="paid").figures(*arms())
    plain = contrast("paid", control, treatment, Asked())
    assert isinstance(found.control, Arm)
    assert (found.difference, found.error) == (plain.difference, plain.error)
    assert alone.seen == {KEY: Look(300, plain.difference, plain.error)}
    assert found.log_p > plain.log_p, "more is needed where one may look at any time"
