"""Two arms' figures are held against arms drawn anew; interval and p-value agree, and what is shown is what was put in."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.errors import BadInput
from millrace.experiments.comparison import Comparison
from millrace.experiments.meeting_figures import FIGURES, tables
from millrace.experiments.meetings import Meetings, meetings
from millrace.experiments.meetings_compared import FEWEST_DRAWS, compare_meetings
from millrace.experiments.multiplicity import holm
from millrace.experiments.other_side_told import minded, rows, told
from millrace.experiments.permutation import lots
from millrace.experiments.reasons import Caution, Reason
from millrace.experiments.ways import MOST_DRAWN
from tests.experiments.markets import Market, market


def drawn(seed: int = 0, control: int = 60, treatment: int = 60, steep: tuple[float, float] = (0.8, 0.8)) -> Market:
    return market(np.random.default_rng(seed), control, treatment, steep=steep)


@pytest.mark.parametrize("name", FIGURES)
def test_p_value_and_interval_are_those_of_a_loop_over_the_same_draws(name: str) -> None:
    of = drawn(2, 30, 45).meetings()
    found = compare_meetings("sellers", of, seed=7, draws=499).figures[name]
    made = tables(of, 0.1)

    def apart(treated: np.ndarray) -> tuple[float, float]:
        control, treatment = (FIGURES[name](made, side.astype(float)[:, None]) for side in (~treated, treated))
        return float(np.log(treatment.value / control.value)[0]), float(np.hypot(control.error, treatment.error)[0])

    difference, error = apart(of.treated)
    far = [abs(one[0]) / one[1] for part in lots(75, 45, 499, 7, width=30) for one in map(apart, part)]
    p = (1 + sum(one >= abs(difference) / error for one in far)) / 500
    reach = max(sorted(far)[474], 1.959963984540054) * error
    assert isinstance(found, Comparison)
    assert found.p_value == pytest.approx(p)
    assert found.relative == pytest.approx(np.exp(difference) - 1)
    assert (found.relative_low, found.relative_high) == pytest.approx((np.exp(difference - reach) - 1, np.exp(difference + reach) - 1))
    assert found.control.units == 30
    assert found.difference == pytest.approx(found.treatment.value - found.control.value)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.3, 1.3))
def test_interval_without_nothing_has_a_small_p_value(seed: int, steep: float) -> None:
    found = compare_meetings("sellers", drawn(seed, 30, 40, (0.8, steep)).meetings(), draws=399)
    for one in found.figures.values():
        if isinstance(one, Comparison):
            assert one.relative_low <= 0 <= one.relative_high or one.p_value <= 0.05 + 1e-12


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_arms_that_are_swapped_turn_the_difference_around(seed: int) -> None:
    of = drawn(seed, 25, 35)
    one, other = (compare_meetings("sellers", each.meetings(), draws=399) for each in (of, of._replace(treated=~of.treated)))
    for name in FIGURES:
        there, back = one.figures[name], other.figures[name]
        if isinstance(there, Comparison):
            assert isinstance(back, Comparison)
            assert there.difference == pytest.approx(-back.difference)
            assert 1 + there.relative == pytest.approx(1 / (1 + back.relative))


def test_arms_that_do_the_same_do_not_differ() -> None:
    of = drawn(4, 30, 30)
    mine = of.viewer < 30
    viewer = np.concatenate([of.viewer[mine], of.viewer[mine] + 30])
    same = meetings(of.unit, of.treated, viewer, np.tile(of.seller[mine], 2), np.tile(of.value[mine], 2), of.sellers)
    found = compare_meetings("sellers", same, draws=399)
    for one in found.figures.values():
        assert one.difference == pytest.approx(0, abs=1e-9)
        assert one.p_value == pytest.approx(1)
        assert one.relative_low < 0 < one.relative_high
    assert set(found.shown.values()) == {"nothing"}


@pytest.mark.parametrize("control, treatment", [(150, 150), (120, 500)])
def test_arm_that_spreads_what_it_does_more_is_shown_to(control: int, treatment: int) -> None:
    found = compare_meetings("sellers", drawn(1, control, treatment, (1.2, 0.2)).meetings(), draws=399)
    assert found.shown == {"reached": "more", "each": "nothing", "effective": "more", "at top": "less"}
    assert found.viewers == control // 2
    text = told(found)[0]
    assert text.startswith("Of sellers, at equal numbers of units: with treatment more of them were reached, it went to more of them in")
    assert "the top 10 % got a smaller part than with control; nothing was shown of what each gets on average." in text
    assert text.endswith("is not what they would get with everybody in treatment, as both arms share them.")
    assert [row[-1] for row in rows(found)] == ["more", "nothing", "more", "less"]


def test_nothing_shown_is_said_as_that() -> None:
    found = compare_meetings("sellers", drawn(0).meetings(), draws=399)
    assert set(found.shown.values()) == {"nothing"}
    assert told(found)[0].startswith(
        "Of sellers, at equal numbers of units: nothing was shown of how many are reached, what each gets on average, to how"
    )


def test_many_figures_read_together_share_the_level() -> None:
    of = drawn(1, 150, 150, (1.2, 0.2)).meetings()
    alone, among = compare_meetings("sellers", of, draws=999), compare_meetings("sellers", of, draws=999, among=3)
    read = [one.log_p for one in alone.figures.values()]
    assert list(alone.adjusted.values()) == pytest.approx(holm(np.array(read)).tolist())
    assert among.adjusted["reached"] == pytest.approx(alone.adjusted["reached"] + np.log(3))
    crowd = compare_meetings("sellers", of, draws=399, among=20)
    assert set(crowd.shown.values()) == {"nothing"}
    assert crowd.cautions[-1].said == "399 draws are too few for 80 figures of sellers: nothing of it can be shown"


def test_figure_that_rests_on_nothing_is_not_said_and_the_others_are() -> None:
    unit = np.arange(12)
    lonely = meetings(unit, unit > 5, unit, unit, known=12)  # no two viewers share a seller
    found = compare_meetings("sellers", lonely, draws=399)
    assert isinstance(found.figures["effective"], Caution)
    assert found.figures["effective"].reason is Reason.FEW_EVENTS
    everybody = meetings(unit, unit > 5, np.repeat(unit, 2), np.tile([0, 1], 12))  # each meets all there are
    found = compare_meetings("sellers", everybody, draws=399)
    reasons = {name: one.reason for name, one in found.figures.items()}
    assert reasons == dict.fromkeys(FIGURES, Reason.NO_VARIANCE) | {"at top": Reason.FEW_EVENTS}, "none is at the top without oneself"
    assert set(found.shown.values()) == {"unread"}
    assert found.adjusted == {}
    assert "nothing could be read" in told(found)[0]
    assert rows(found)[0] == ("reached by 3 units, of 2", "–", "–", "–", "–", "unread")
    assert len(minded(found)) == 5


def test_refused_is_told_without_figures() -> None:
    refused = Caution(Reason.FEW_UNITS, "the control has 3 viewers")
    assert rows(refused) == []
    assert told(refused) == ["Not said: the control has 3 viewers."]


@pytest.mark.parametrize("top", [0.0, 1.0, -0.1])
def test_top_that_is_no_part_is_refused(top: float) -> None:
    with pytest.raises(BadInput, match="is no part of the sellers"):
        compare_meetings("sellers", drawn().meetings(), top=top)


def test_read_out_goes_into_json() -> None:
    found = compare_meetings("sellers", drawn().meetings(), draws=399)
    assert msgspec.json.decode(msgspec.json.encode(found))["shown"]["reached"] == "nothing"


def test_bounds_fit_each_other() -> None:
    assert MOST_DRAWN // FEWEST_DRAWS > 1_000_000
    of = drawn().meetings()
    assert isinstance(of, Meetings)
    assert "399 draws" in compare_meetings("sellers", of, draws=399).figures["each"].method
