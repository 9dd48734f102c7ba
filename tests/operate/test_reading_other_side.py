"""The other side read from a log is what the same arrays say by themselves, and finds what was put into the world."""

from pathlib import Path

import numpy as np
import pytest

from millrace.errors import DeclarationError
from millrace.experiments.comparison import Comparison
from millrace.experiments.meetings import meetings
from millrace.experiments.meetings_compared import SideFound, compare_meetings
from millrace.experiments.reasons import Caution, Reason
from tests.operate.farms import FARM_MODULE, FARMS, SIDE, Lived, lived
from tests.operate.stand import Stand, stand
from tests.operate.test_reading_out import planned, reader

GUESTS = 160


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    return lived(tmp_path_factory.mktemp("farms"), GUESTS)


def as_declared(world: Lived, folder: Path, side: str) -> Stand:
    """Return the same world under another declaration."""
    return Stand(world.of.module, world.of.folder, stand(folder, FARM_MODULE.replace(SIDE, side)).loaded)


def read(world: Lived, of: Stand | None = None) -> SideFound | Caution:
    [found] = reader(of or world.of, planned("anytime", GUESTS)).read(world.now, closer=True).other_side["coffee"].values()
    return found


def by_hand(world: Lived, farm: dict[str, str] | None = None, *, counted: bool = False) -> SideFound:
    unit = np.array(sorted(world.arm))
    guest, farms, amount = (np.array(column) for column in zip(*world.bought, strict=True))
    value = np.ones(len(amount)) if counted else amount
    met = meetings(unit, np.array([world.arm[one] == "coffee" for one in unit]), guest, farms, value, FARMS + 1)
    return compare_meetings("farms", met, arms=("tea", "coffee"), top=0.25)


def test_it_is_what_the_same_arrays_say(world: Lived) -> None:
    found, slow = read(world), by_hand(world)
    assert (found.name, found.control, found.arm, found.sellers) == ("farms", "tea", "coffee", FARMS + 1)
    assert found.viewers == slow.viewers
    for name, one in found.figures.items():
        assert isinstance(one, Comparison)
        same = slow.figures[name]
        assert one.control.value == pytest.approx(same.control.value, rel=1e-9), name
        assert one.treatment.value == pytest.approx(same.treatment.value, rel=1e-9), name
        assert one.control.variance == pytest.approx(same.control.variance, rel=1e-9), name


def test_it_finds_what_was_put_into_the_world(world: Lived) -> None:
    found = read(world)
    assert {name: found.shown[name] for name in ("reached", "effective", "at top")} == {
        "reached": "more",
        "effective": "more",
        "at top": "less",
    }
    assert found.figures["effective"].control.value == pytest.approx(3, abs=0.4), "of three farms, evenly"
    assert 7 < found.figures["effective"].treatment.value < 12, "of ten, one of which sells what two did"
    assert found.figures["each"].p_value > 0.01


def test_events_are_counted_where_no_value_is_named(world: Lived, tmp_path: Path) -> None:
    found = read(world, as_declared(world, tmp_path, 'other_side=OtherSide(Buy, per=Buy.cup.farm, name="farms", within="2d", top=0.25)'))
    slow = by_hand(world, counted=True)
    assert found.figures["effective"].treatment.value == pytest.approx(slow.figures["effective"].treatment.value, rel=1e-9)


def test_a_field_of_the_event_itself_names_the_other_side(world: Lived, tmp_path: Path) -> None:
    found = read(world, as_declared(world, tmp_path, "other_side=[OtherSide(Buy.amount, per=Cup)]"))
    assert found.name == "Cup"
    assert found.sellers == FARMS + 1, "eleven cups of farms, one of none and one of a farm without a record"


def test_without_a_closer_look_it_is_not_read(world: Lived) -> None:
    assert reader(world.of, planned("anytime", GUESTS)).read(world.now).other_side == {}


def test_arms_of_wrong_shares_are_not_read(world: Lived) -> None:
    wrong = {"at": 0, "looks": {}, "units": {"tea": 0, "coffee": 60}}
    seen = reader(world.of, planned("anytime", GUESTS, looks=[wrong])).read(world.now, closer=True)
    assert Reason.WRONG_SHARES in {one.reason for one in seen.found.faults}
    assert seen.other_side == {}


def test_negative_values_are_refused_and_the_rest_is_read(world: Lived, tmp_path: Path) -> None:
    of = as_declared(world, tmp_path, 'other_side=[OtherSide(Buy.amount - 3, per=Cup.farm, name="farms", within="2d")]')
    seen = reader(of, None).read(world.now, closer=True)
    found = seen.other_side["coffee"]["farms"]
    assert isinstance(found, Caution)
    assert found.reason is Reason.OUT_OF_BOUNDS
    assert seen.found.of("primary")


def test_units_wait_until_what_they_did_with_the_other_side_is_whole(world: Lived, tmp_path: Path) -> None:
    of = as_declared(world, tmp_path, 'other_side=[OtherSide(Buy.amount, per=Cup.farm, name="farms", within="30d")]')
    assert reader(of, None).units(world.now)[1] == GUESTS


def test_share_that_goes_to_some_of_the_other_side_is_a_ratio(world: Lived, tmp_path: Path) -> None:
    """What leads on to an attribute is read as it was known when the event was."""
    old = 'Ratio(sipped, Visit, name="sips per visit", within="1d")'
    assert old in FARM_MODULE
    new = 'Ratio(Buy.cup.farm.land == "nl", Buy, name="bought in nl", within="2d")'
    of = Stand(world.of.module, world.of.folder, stand(tmp_path, FARM_MODULE.replace(old, new)).loaded)
    found = reader(of, None).read(world.now).found.of("secondary")
    [one] = [each.comparison for each in found if each.metric == "bought in nl"]
    in_nl = [one.farm[4:].isdigit() and int(one.farm[4:]) % 2 for one in world.bought if world.arm[one.guest] == "tea"]
    assert one.control.value == pytest.approx(np.mean(in_nl))


WRONG = {
    "way": ("other_side=[OtherSide(Sip, per=Drink)]", None),
    "text": ('other_side=["farms"]', "other_side='farms' is none: write OtherSide("),
    "nobody": ("other_side=[OtherSide(Buy, per=Buy.amount)]", "Buy.amount refers to nobody"),
    "route": ("other_side=[OtherSide(Buy, per=Drink)]", "Buy has no reference to Drink"),
}


@pytest.mark.parametrize("side, said", WRONG.values(), ids=WRONG)
def test_what_cannot_be_read_is_refused_at_load(tmp_path: Path, side: str, said: str | None) -> None:
    module = FARM_MODULE.replace(SIDE, side)
    if said is None:
        stand(tmp_path, module)
        return
    with pytest.raises(DeclarationError) as refused:
        stand(tmp_path, module)
    assert said in str(refused.value)


def test_slots_of_time_have_no_other_side(tmp_path: Path) -> None:
    module = FARM_MODULE.replace("unit=Visit.guest", 'unit=TimeSlot("1d")').replace("Event, Experiment", "TimeSlot, Event, Experiment")
    module = module.replace(', covariates=(Pay.amount,), before="7d"', "")
    with pytest.raises(DeclarationError, match="other_side= is of units that meet others"):
        stand(tmp_path, module)
