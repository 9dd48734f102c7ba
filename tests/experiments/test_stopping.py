"""Stop rules: what they decide, what they say they control, and that peeking is said."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.errors import BadInput
from millrace.experiments.comparison import AT_ANY_LOOK, AT_ONE_LOOK
from millrace.experiments.group_sequential import boundaries
from millrace.experiments.horizon import farthest, log_ever
from millrace.experiments.looks import AT_PLANNED_LOOKS, UP_TO_THE_END, Look
from millrace.experiments.reasons import Reason
from millrace.experiments.spending import Pocock
from millrace.experiments.stopping import Anytime, Fixed, GroupSequential, Rule, decide

RULES = [
    Fixed(planned=1000),
    GroupSequential(planned=1000),
    Anytime(planned=1000),
    Anytime(planned=1000, kept=1.0),
    Anytime(planned=1000, kept=0),
]


def looks(*z: float, step: int = 250) -> list[Look]:
    return [Look(step * (n + 1), one * 0.1, 0.1) for n, one in enumerate(z)]


def test_peeking_at_a_test_for_one_look_decides_nothing_and_is_said():
    found = decide(Fixed(planned=1000), looks(2.5, 3.5))
    assert (found.decision, found.look) == ("go on", None)
    assert [caution.reason for caution in found.cautions] == [Reason.PEEKED]
    assert "after 500 of 1,000 planned units" in found.cautions[0].said


def test_a_test_for_one_look_is_the_first_one_with_all_units_and_no_later_one():
    assert decide(Fixed(planned=1000), looks(9.0, 9.0, 9.0, 1.0, 9.0)).decision == "not shown"
    found = decide(Fixed(planned=1000), looks(0.0, 0.0, 0.0, 2.0, 0.0))
    assert (found.decision, found.look, found.controls) == ("benefit", 3, AT_ONE_LOOK)


def test_a_group_sequential_rule_stops_at_its_boundary_and_the_first_crossing_counts():
    bound = boundaries(np.array([0.25, 0.5, 0.75])).high[2]
    rule = GroupSequential(planned=1000)
    assert decide(rule, looks(0.0, 0.0, bound + 1e-6)).said.startswith("stop for benefit: at look 3, with 75 % of the planned units")
    assert decide(rule, looks(0.0, 0.0, bound - 1e-6)).decision == "go on"
    assert decide(rule, looks(0.0, 0.0, bound + 1e-6, 0.0)).look == 2
    assert decide(rule, looks(0.0, 0.0, 0.0, 1.5, 9.0)).decision == "not shown"  # nothing is left to spend after the end


@pytest.mark.parametrize(
    ("rule", "controls"),
    [(GroupSequential(planned=9), AT_PLANNED_LOOKS), (Anytime(planned=9), AT_ANY_LOOK), (Anytime(planned=9, kept=0), UP_TO_THE_END)],
)
def test_a_rule_states_what_it_controls(rule, controls):
    assert decide(rule, [Look(3, 0.1, 1.0)]).controls == controls


def test_harm_and_benefit_are_the_metric_s():
    for rule in (GroupSequential(planned=1000), Anytime(planned=1000)):
        assert decide(rule, looks(-6.0)).decision == "harm"
        assert decide(rule, looks(-6.0), better="less").decision == "benefit"


def test_little_hope_is_said_in_the_direction_of_what_is_to_be_shown():
    rule = GroupSequential(planned=1000, alternative="greater", alpha=0.025, beta=0.2)
    assert decide(rule, looks(-1.0, -1.0)).decision == "futility"
    assert decide(msgspec.structs.replace(rule, alternative="less"), looks(1.0, 1.0)).decision == "futility"
    assert decide(msgspec.structs.replace(rule, alternative="less"), looks(-1.0, -1.9)).decision == "go on"


def test_after_the_planned_end_only_what_was_kept_for_it_decides():
    late = [*looks(0.0, 0.0, 0.0, 1.0), Look(5000, 1.0, 0.1)]
    assert decide(Anytime(planned=1000), late).decision == "benefit"
    assert decide(Anytime(planned=1000, kept=0), late).decision == "not shown"


def test_a_last_look_that_comes_early_spends_what_is_left():
    seen = looks(0.0, 0.0, 2.1)
    assert decide(GroupSequential(planned=1000), seen).decision == "go on"
    assert decide(GroupSequential(planned=1000), seen, final=True).decision == "benefit"
    assert decide(Fixed(planned=1000), seen, final=True).decision == "benefit"
    assert decide(Anytime(planned=1000), seen, final=True).decision == "not shown"


def test_a_margin_moves_what_is_tested():
    plain, margin = Fixed(planned=10, alternative="greater"), Fixed(planned=10, alternative="greater", beyond=-0.5)
    assert decide(plain, [Look(10, 0.1, 0.2)]).decision == "not shown"
    assert decide(margin, [Look(10, 0.1, 0.2)]).decision == "benefit"


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(-5, 5), min_size=1, max_size=5), st.sampled_from(RULES), st.sampled_from(["two-sided", "greater", "less"]))
def test_a_p_value_is_below_the_level_exactly_where_a_boundary_was_crossed(z, rule, alternative):
    """Both are computed by themselves: the boundary at the level, and the least level whose boundary is crossed."""
    rule: Rule = msgspec.structs.replace(rule, alternative=alternative)
    standing = rule.at(looks(*z))
    crossed = bool(((standing.z >= standing.high) | (standing.z <= standing.low)).any())
    nearest = np.min(np.abs(np.concatenate([standing.z - standing.high, standing.z - standing.low])))
    if nearest > 1e-6:
        assert (standing.log_p <= np.log(rule.alpha)) == crossed


@pytest.mark.parametrize("bad", [[], [Look(0, 0.1, 0.1)], [Look(10, 0.1, 0.1), Look(10, 0.1, 0.1)]])
def test_looks_without_more_units_are_refused(bad):
    with pytest.raises(BadInput, match="units that increase"):
        decide(Anytime(planned=100), bad)


@pytest.mark.parametrize("bad", [Look(10, np.nan, 0.1), Look(10, 0.1, 0.0), Look(10, 0.1, np.nan)])
def test_a_look_without_a_figure_is_refused(bad):
    for rule in RULES:
        with pytest.raises(BadInput, match="leave it out"):
            decide(rule, [bad])


def test_no_level_is_too_lax_to_be_tested_at():
    for rule in RULES:
        for alternative in ("two-sided", "greater"):
            lax = msgspec.structs.replace(rule, alpha=0.98, alternative=alternative)
            assert np.isfinite(lax.at(looks(0.1, 0.2, 0.3, 0.1)).log_p)


def test_levels_and_parts_outside_their_range_are_refused():
    for wrong in ({"alpha": 1.0}, {"planned": 0}, {"kept": 1.5}):
        with pytest.raises(BadInput):
            Anytime(**{"planned": 10, **wrong})


def test_so_many_looks_that_they_need_not_be_counted_are_refused():
    many = [Look(n, 0.0, 1.0) for n in range(1, 402)]
    with pytest.raises(BadInput, match="Anytime does not count them"):
        decide(GroupSequential(planned=1000), many)
    assert decide(Anytime(planned=1000), many).decision == "go on"


def test_rules_are_kept_as_they_were_planned():
    kept = msgspec.json.encode(GroupSequential(planned=500, spending=Pocock(), beta=0.1, alternative="greater"))
    assert msgspec.json.decode(kept, type=Rule) == GroupSequential(planned=500, spending=Pocock(), beta=0.1, alternative="greater")


def test_how_far_a_path_ever_goes_is_the_other_series_of_it():
    reach = np.array([0.31, 0.6, 1.0, 2.0, 3.5])
    k = np.arange(60)
    stays = [4 / np.pi * np.sum((-1.0) ** k / (2 * k + 1) * np.exp(-((2 * k + 1) ** 2) * np.pi**2 / (8 * c * c))) for c in reach]
    assert np.exp(log_ever(reach)) == pytest.approx(1 - np.array(stays), rel=1e-9)
    assert farthest(0.05, 1) == pytest.approx(1.959963984540054, rel=1e-9)
    assert log_ever(np.array([200.0]))[0] < -19_000
