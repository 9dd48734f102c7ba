from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.errors import BadInput
from millrace.experiments.reasons import Reason, Refused
from millrace.experiments.slots import boundaries, clock_changes, observed, placed, schedule
from millrace.types import DAY, HOUR, objects

VIENNA = ZoneInfo("Europe/Vienna")
EDGES = boundaries(datetime(2026, 1, 5, tzinfo=UTC), "1h", 240)


@given(salt=st.text(max_size=5), size=st.sampled_from([2, 4, 6]), regions=st.integers(1, 4))
def test_each_arm_has_half_of_every_block(salt, size, regions):
    plan = schedule(EDGES, [f"r{k}" for k in range(regions)], salt, size)
    assert (np.bincount(plan["block"], weights=plan["treated"]) == size / 2).all()
    assert (np.bincount(plan["block"]) == size).all()
    assert [len(set(plan["region"][plan["block"] == block])) for block in np.unique(plan["block"])] == [1] * len(np.unique(plan["block"]))


def test_a_plan_is_its_salts_and_another_salt_is_another_draw():
    one, again, other = (schedule(EDGES, ["a", "b"], salt)["treated"] for salt in ("x", "x", "y"))
    assert (one == again).all()
    assert 0.35 < (one == other).mean() < 0.65
    assert 0.35 < (one[:240] == one[240:]).mean() < 0.65  # regions are switched apart


def test_a_region_added_later_changes_no_other():
    assert (schedule(EDGES, ["a"], "x")["treated"] == schedule(EDGES, ["a", "b"], "x")["treated"][:240]).all()


def test_the_treatment_comes_first_in_half_of_the_blocks():
    first = np.concatenate([schedule(EDGES, ["a"], str(k))["treated"][::2] for k in range(40)])
    assert abs(first.mean() - 0.5) < 4 * np.sqrt(0.25 / len(first))


def test_slots_after_the_last_whole_block_are_left_out():
    assert len(schedule(EDGES[:12], ["a"], "x", 4)["slot"]) == 8


def test_days_by_the_wall_have_23_and_25_hours_and_are_found():
    spring = schedule(boundaries(datetime(2026, 3, 20, tzinfo=VIENNA), "1d", 20), ["a"], "x")
    odd, cautions = clock_changes(spring)
    assert (spring["end"] - spring["start"])[odd].tolist() == [23 * HOUR]
    assert cautions[0].reason is Reason.CLOCK_CHANGED
    assert cautions[0].said == "1 of 20 slots are not 1d long but 23h, as when clocks are changed: their blocks are left out"
    autumn = schedule(boundaries(datetime(2026, 10, 15, tzinfo=VIENNA), "1d", 20), ["a"], "x")
    assert (autumn["end"] - autumn["start"])[clock_changes(autumn)[0]].tolist() == [25 * HOUR]


def test_hours_by_the_wall_that_do_not_exist_are_refused():
    with pytest.raises(Refused, match="the clock was changed in it; plan in UTC") as refused:
        schedule(boundaries(datetime(2026, 3, 29, tzinfo=VIENNA), "1h", 24), ["a"], "x")
    assert refused.value.reason is Reason.CLOCK_CHANGED


def test_slots_that_overlap_are_refused():
    plan = schedule(EDGES, ["a"], "x")
    plan["end"] = plan["end"] + HOUR // 2
    with pytest.raises(Refused, match="slots 0 and 1 of a overlap by 30m"):
        placed(plan, objects(["a"]), EDGES[:1])


def test_slots_of_many_lengths_are_refused():
    edges = np.cumsum(np.r_[0, np.random.default_rng(0).integers(HOUR, 3 * HOUR, 40)])
    with pytest.raises(Refused, match="they were not planned by one clock"):
        clock_changes(schedule(edges, ["a"], "x"))


def test_events_fall_into_their_slot_as_looked_for_one_by_one():
    g = np.random.default_rng(1)
    plan = schedule(EDGES, ["a", "b"], "x")
    order = g.permutation(len(plan["slot"]))[:400]  # some slots were never run
    plan = {name: column[order] for name, column in plan.items()}
    region, at = objects(g.choice(["a", "b", "c"], 500)), EDGES[0] + g.integers(-DAY, 12 * DAY, 500)
    at[:20] = plan["start"][:20]
    region[:20] = plan["region"][:20]
    for k, found in enumerate(placed(plan, region, at)):
        inside = np.flatnonzero((plan["region"] == region[k]) & (plan["start"] <= at[k]) & (at[k] < plan["end"]))
        assert found == (inside[0] if len(inside) else -1)


@pytest.mark.parametrize("size", [0, 1, 3])
def test_odd_blocks_are_refused(size):
    with pytest.raises(BadInput, match="an even number"):
        schedule(EDGES, ["a"], "x", size)


def test_too_few_slots_for_a_block_are_refused():
    with pytest.raises(Refused, match="3 slots make no block of 4"):
        schedule(EDGES[:4], ["a"], "x", 4)


def test_a_plan_without_slots_or_zone_is_refused():
    with pytest.raises(BadInput, match="at least one slot"):
        boundaries(datetime(2026, 1, 1, tzinfo=UTC), "1h", 0)
    with pytest.raises(BadInput, match="no time zone"):
        boundaries(datetime(2026, 1, 1), "1h", 3)


def test_a_plan_is_read_back_from_what_was_decided():
    g = np.random.default_rng(2)
    plan = schedule(EDGES, ["a", "b"], "x", 4)
    row = np.concatenate([np.arange(480), g.integers(0, 480, 500)])
    at = plan["start"][row] + g.integers(0, HOUR, len(row))
    found = observed(plan["region"][row], at, plan["treated"][row], "1h")
    for name in ("region", "start", "end", "treated"):
        np.testing.assert_array_equal(found[name], plan[name])
    np.testing.assert_array_equal(np.diff(found["block"]), np.diff(plan["block"]))  # both begin at midnight UTC


def test_slots_of_another_length_than_assigned_are_refused():
    plan = schedule(EDGES, ["a"], "x")
    with pytest.raises(Refused, match="slots have events of both arms") as refused:
        observed(plan["region"], plan["start"], plan["treated"], "2h")
    assert refused.value.reason is Reason.TWO_ARMS
