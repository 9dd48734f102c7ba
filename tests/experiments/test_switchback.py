from datetime import UTC, datetime

import numpy as np
import pytest

from millrace.errors import BadInput
from millrace.experiments.comparison import Asked
from millrace.experiments.reasons import Reason, Refused
from millrace.experiments.slots import boundaries, observed, schedule
from millrace.experiments.switchback import block_means, by_chance, slot_means, switchback
from millrace.types import HOUR, MINUTE, objects, take

EDGES = boundaries(datetime(2026, 1, 5, tzinfo=UTC), "1h", 240)


def town(seed=0, effect=0.0, lingers=0, n=30_000, size=4, regions=("a", "b")):
    """Return (plan, region, at, value): days have a shape, blocks a mood, and the treatment lingers into the next slot."""
    g = np.random.default_rng(seed)
    plan = schedule(EDGES, regions, f"salt{seed}", size)
    row = g.integers(0, len(plan["slot"]), n)
    into = g.integers(0, HOUR, n)
    at = plan["start"][row] + into
    before = np.where(plan["slot"] > 0, np.roll(plan["treated"], 1), False)
    share = np.where(into < lingers, before[row], plan["treated"][row])
    mood = g.normal(0, 1, plan["block"].max() + 1)
    value = 10 + np.sin(2 * np.pi * (at % (24 * HOUR)) / (24 * HOUR)) + mood[plan["block"][row]] + effect * share + g.normal(0, 1, n)
    return plan, plan["region"][row], at, value


def test_the_effect_is_found_and_the_moods_of_blocks_do_not_count():
    found = switchback("wait", *town(effect=0.3))
    assert found.low < 0.3 < found.high
    assert found.is_significant
    assert found.method == "switchback, errors by block"
    assert found.error < 0.1  # slots differ by more than 1
    assert found.cautions == ()


def test_what_lingers_makes_the_effect_smaller_and_a_washout_mends_it():
    world = town(effect=1.0, lingers=20 * MINUTE, n=60_000)
    bare, washed = switchback("wait", *world), switchback("wait", *world, washout=20 * MINUTE)
    assert bare.high < 0.95
    assert washed.low < 1.0 < washed.high
    assert [caution.reason for caution in bare.cautions] == [Reason.CARRY_OVER]
    assert washed.cautions == ()


def test_a_washout_leaves_out_the_first_minutes_after_a_switch_only():
    plan = {name: column[:4] for name, column in schedule(EDGES, ["a"], "x", 4).items()}
    plan["treated"] = np.array([False, False, True, True])
    at = np.concatenate([plan["start"] + 10 * MINUTE, plan["start"] + 50 * MINUTE])
    value = np.repeat([100.0, 1.0], 4)
    assert slot_means(plan, objects(["a"] * 8), at, value, 30 * MINUTE).tolist() == [1.0, 50.5, 1.0, 50.5]


def test_blocks_that_lost_a_slot_are_left_out_and_said():
    plan, region, at, value = town()
    dark = (at >= EDGES[10]) & (at < EDGES[12]) & (region == "a")
    found = switchback("wait", plan, region[~dark], at[~dark], value[~dark])
    assert [caution.reason for caution in found.cautions] == [Reason.FEW_EVENTS]
    assert found.cautions[0].said.startswith("2 of 480 slots have no events to read")
    assert found.control.units + found.treatment.units == 480 - 4


def test_a_block_with_a_changed_clock_is_left_out_and_said():
    plan, region, at, value = town()
    plan["end"][0] -= HOUR // 2
    found = switchback("wait", plan, region, at, value)
    assert [caution.reason for caution in found.cautions] == [Reason.CLOCK_CHANGED]
    assert found.control.units + found.treatment.units == 476


def test_too_few_blocks_are_refused():
    plan, region, at, value = town(size=48, regions=("a",))
    with pytest.raises(Refused, match="5 blocks have slots of both arms, and 8 are the fewest") as refused:
        switchback("wait", plan, region, at, value)
    assert refused.value.reason is Reason.FEW_CLUSTERS


@pytest.mark.parametrize(("washout", "message"), [(HOUR, "a washout of 60 minutes leaves nothing"), (-1, "leaves nothing")])
def test_a_washout_as_long_as_a_slot_is_refused(washout, message):
    with pytest.raises(Refused, match=message):
        switchback("wait", *town(), washout=washout)


def test_no_number_is_refused():
    plan, region, at, value = town()
    value[7] = np.nan
    with pytest.raises(Refused, match="wait is no number in place 7"):
        switchback("wait", plan, region, at, value)


def test_without_any_variance_it_is_refused():
    plan, region, at, value = town()
    with pytest.raises(Refused) as refused:
        switchback("wait", plan, region, at, np.ones_like(value))
    assert refused.value.reason is Reason.NO_VARIANCE


def test_the_margin_and_the_side_are_heeded():
    found = switchback("wait", *town(effect=0.3), asked=Asked(alternative="greater", beyond=0.1))
    assert found.high == np.inf
    assert found.is_significant
    assert not switchback("wait", *town(effect=0.3), asked=Asked(alternative="greater", beyond=0.4)).is_significant


def test_chance_counts_all_draws_of_a_small_plan():
    """Six blocks of two: 64 equally likely plans, counted one by one."""
    g = np.random.default_rng(3)
    mean, treated = g.normal(0, 1, 12) + np.tile([0.0, 1.0], 6), np.tile([False, True], 6)
    rows = {"block": np.repeat(np.arange(6), 2), "treated": treated, "mean": mean}
    gaps = mean[1::2] - mean[::2]
    signs = 1 - 2 * ((np.arange(64)[:, None] >> np.arange(6)) & 1)
    exact = (np.abs(signs @ gaps) >= abs(gaps.sum()) - 1e-12).mean()
    assert by_chance(rows, draws=40_000) == pytest.approx(exact, abs=4 * np.sqrt(exact / 40_000))


def test_chance_and_t_agree_where_there_are_many_blocks():
    plan, region, at, value = town(effect=0.05)
    rows = {**plan, "mean": slot_means(plan, region, at, value)}
    found = switchback("wait", plan, region, at, value)
    assert by_chance(rows, 20_000) == pytest.approx(found.p_value, abs=0.02)


def test_chance_needs_whole_blocks():
    plan, region, at, value = town()
    with pytest.raises(BadInput, match="different size"):
        by_chance(take({**plan, "mean": slot_means(plan, region, at, value)}, slice(1, None)))


def test_differences_are_those_counted_block_by_block():
    plan, region, at, value = town(5)
    rows = {**plan, "mean": slot_means(plan, region, at, value)}
    slow = []
    for block in np.unique(plan["block"]):
        mine = take(rows, rows["block"] == block)
        slow.append(mine["mean"][mine["treated"]].mean() - mine["mean"][~mine["treated"]].mean())
    np.testing.assert_allclose(np.diff(block_means(rows))[:, 0], slow, rtol=1e-12)


def test_slots_each_drawn_by_itself_are_read_from_the_log():
    """What a policy that draws every slot alone leaves in the log: blocks without one of the arms are told."""
    g = np.random.default_rng(7)
    slot, region = g.integers(0, 240, 20_000), g.integers(0, 2, 20_000)
    arms, mood = g.random((2, 240)) < 0.5, g.normal(0, 1, (2, 60))
    treated = arms[region, slot]
    value = mood[region, slot // 4] + 0.3 * treated + g.normal(0, 1, 20_000)
    at, names = EDGES[slot] + g.integers(0, HOUR, 20_000), objects(["a" if each else "b" for each in region])
    found = switchback("wait", observed(names, at, treated, "1h"), names, at, value)
    assert found.low < 0.3 < found.high
    assert found.error < 0.1
    caution = found.cautions[0]
    assert caution.reason is Reason.EMPTY_ARM
    assert "of 120 blocks have slots of one arm only" in caution.said


@pytest.mark.parametrize("seed", range(3))
def test_chance_holds_where_blocks_are_not_balanced(seed):
    """Blocks of four with one to three treated: shuffled within blocks, one by one."""
    g = np.random.default_rng(seed)
    treated = np.concatenate([g.permutation([True] * k + [False] * (4 - k)) for k in g.integers(1, 4, 10)])
    rows = {
        "block": np.repeat(np.arange(10), 4),
        "treated": treated,
        "mean": np.repeat(g.normal(0, 5, 10), 4) + g.normal(0, 1, 40) + treated,
    }
    apart = rows["mean"].reshape(10, 4) - rows["mean"].reshape(10, 4).mean(axis=1, keepdims=True)
    seen, sides = abs(apart[treated.reshape(10, 4)].sum()), treated.reshape(10, 4).copy()
    found = [abs(apart[g.permuted(sides, axis=1)].sum()) >= seen for _ in range(20_000)]
    assert by_chance(rows, 20_000) == pytest.approx(np.mean(found), abs=0.012)
