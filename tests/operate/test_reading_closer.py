"""A closer look from the log says what the same arrays say by themselves, and finds what was put into the world."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from millrace.errors import BadInput, DeclarationError
from millrace.experiments.bayes import Belief
from millrace.experiments.comparison import Asked
from millrace.experiments.novelty import by_exposure_age
from millrace.experiments.reasons import Caution, Reason
from millrace.experiments.segments import by_segment
from millrace.types import DAY
from tests.operate.stand import MODULE, Stand, stand
from tests.operate.test_reading_out import planned, primary, reader
from tests.operate.towns import DAYS, TOWN_MODULE, TOWNS, Lived, lived

GUESTS = 240


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    return lived(tmp_path_factory.mktemp("towns"), GUESTS)


def as_declared(world: Lived, folder: Path, *changes: tuple[str, str]) -> Stand:
    """Return the same world under another declaration."""
    module = TOWN_MODULE
    for old, new in changes:
        assert old in module
        module = module.replace(old, new)
    return Stand(world.of.module, world.of.folder, stand(folder, module).loaded)


def totals(world: Lived) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (who is treated, town, what was paid in all) by guest."""
    paid = np.bincount([one.guest for one in world.paid], weights=[one.amount for one in world.paid])
    treated = np.array([world.arm[n] == "coffee" for n in range(GUESTS)])
    return treated, np.array([TOWNS[n % 4] for n in range(GUESTS)]), paid


def test_segments_are_those_of_the_units_and_differ_where_the_world_does(world: Lived) -> None:
    found = reader(world.of, planned("fixed")).read(world.now, closer=True).closer["coffee"]
    assert list(found.segments) == ["Visit.town", "paid_before"]
    treated, town, paid = totals(world)
    slow = by_segment("paid", paid, treated, town)
    read = found.segments["Visit.town"]
    assert [one.name for one in read.segments] == sorted(TOWNS)
    np.testing.assert_allclose([one.difference for one in read.segments], [one.difference for one in slow.segments], rtol=1e-9)
    np.testing.assert_allclose([one.alone.low for one in read.segments], [one.alone.low for one in slow.segments], rtol=1e-9)
    assert read.log_p == pytest.approx(slow.log_p)
    assert read.log_p < np.log(0.001)
    assert max(read.segments, key=lambda one: one.difference).name == "rome"
    assert found.segments["paid_before"].log_p > np.log(0.01)


def test_ages_are_those_of_the_units_and_fade_where_the_world_does(world: Lived) -> None:
    found = reader(world.of, planned("fixed")).read(world.now, closer=True).closer["coffee"]
    treated, _, _ = totals(world)
    guest, day, amount = (np.array(column) for column in zip(*world.paid, strict=True))
    slow = by_exposure_age(guest, treated[guest], day, amount, Asked(), relative=True)
    assert found.age == "1d"
    assert [one.age for one in found.ageing.ages] == list(range(DAYS))
    np.testing.assert_allclose([one.difference for one in found.ageing.ages], [one.difference for one in slow.ages], rtol=1e-9)
    assert found.ageing.trend == pytest.approx(slow.trend)
    assert found.ageing.verdict == "novelty"


def test_other_metric_is_looked_at_as_it_would_be_were_it_the_primary_one(world: Lived, tmp_path: Path) -> None:
    again = ("secondary=[", 'secondary=[Mean(Pay.amount, name="paid again", within="7d"), ')
    guarded = ('Proportion(Complaint, name="complained", better="less", within="1d")', 'Mean(Pay.amount, name="guarded", within="7d")')
    of, first = as_declared(world, tmp_path, again, guarded), ('name="paid", within="7d"),', 'name="paid", within="4d"),')
    found = reader(of, planned("fixed")).read(world.now, closer=True, also=["paid again", "guarded"])
    assert list(found.closer) == ["coffee", "paid again of coffee", "guarded of coffee"]
    one, other = found.closer["coffee"], found.closer["paid again of coffee"]
    assert (other.metric, other.role, other.arm) == ("paid again", "secondary", "coffee")
    assert other.ageing == one.ageing
    assert [each.difference for each in other.segments["Visit.town"].segments] == [
        each.difference for each in one.segments["Visit.town"].segments
    ]
    guardrail = found.closer["guarded of coffee"]
    assert (guardrail.role, guardrail.worth) == ("guardrail", None)
    assert [each.age for each in guardrail.ageing.ages] == [each.age for each in one.ageing.ages]
    assert found.verdicts == reader(of, planned("fixed")).read(world.now, closer=True).verdicts, "verdicts are of the primary metric"
    apart = reader(as_declared(world, tmp_path, again, first), planned("fixed")).read(world.now, closer=True, also=["paid again"]).closer
    assert apart["paid again of coffee"].ageing == other.ageing
    assert len(apart["coffee"].ageing.ages) < len(other.ageing.ages)
    with pytest.raises(BadInput, match="there is no metric 'paied': look at one of paid, paid again, visits, "):
        reader(of, None).read(world.now, closer=True, also=["paied"])


def test_declared_prior_is_the_primary_metric_s_alone(world: Lived, tmp_path: Path) -> None:
    prior = ("margin=0.2)],", 'margin=0.2)],\n    prior=EffectPrior(0.0, 0.3, why="past changes"),')
    again = ("secondary=[", 'secondary=[Mean(Pay.amount, name="paid again", within="7d"), ')
    of = as_declared(world, tmp_path, prior, again, ("Entity, Event,", "EffectPrior, Entity, Event,"))
    found = reader(of, planned("fixed")).read(world.now, closer=True, also=["paid again"]).closer
    assert found["paid again of coffee"].belief.prior.endswith("a tenth of the control's value")
    assert found["coffee"].belief.prior == "normal, mean 0, standard deviation 0.3, past changes"
    with pytest.raises(DeclarationError, match=r"prior=0\.3: write EffectPrior\(mean, spread\), in the primary metric's unit"):
        as_declared(world, tmp_path, ("margin=0.2)],", "margin=0.2)],\n    prior=0.3,"))


def test_verdict_tells_what_a_closer_look_found(world: Lived) -> None:
    near = reader(world.of, planned("anytime")).read(world.now, closer=True)
    said = near.verdicts[0].text
    assert "The effect fades with exposure, by -" in said
    assert "It differs between segments by Visit.town (p = " in said
    assert " in rome" in said
    assert "by paid_before" not in said, "what may be chance is not in the verdict"
    far = reader(world.of, planned("anytime")).read(world.now)
    assert far.closer == {}
    assert "fades" not in far.verdicts[0].text
    assert far.verdicts[0].decision == near.verdicts[0].decision


def test_prior_is_the_effect_planned_for_else_a_tenth_of_the_control(world: Lived) -> None:
    course = planned("anytime")
    wanted = msgspec.structs.replace(course, plan=msgspec.structs.replace(course.plan, effect=0.5))
    beliefs = [reader(world.of, one).read(world.now, closer=True).closer["coffee"].belief for one in (course, wanted)]
    assert all(isinstance(one, Belief) for one in beliefs)
    assert beliefs[0].prior.endswith("a tenth of the control's value")
    assert beliefs[1].prior == "normal, mean 0, standard deviation 0.5, the effect that was planned for"
    assert beliefs[1].difference < beliefs[0].difference, "the narrower prior draws in more"
    assert beliefs[0].better > 0.999


def test_what_was_shown_is_corrected_by_the_rule_it_was_shown_by(world: Lived) -> None:
    found = reader(world.of, None).read(world.now, closer=True).closer["coffee"]
    assert found.worth.difference == pytest.approx(found.worth.kept * found.found.difference)
    assert found.worth.low < found.worth.difference < found.worth.high
    early = reader(world.of, planned("fixed", 10 * GUESTS)).read(world.now, closer=True).closer["coffee"]
    assert early.worth is None, "before its end nothing was shown"


def test_looks_at_the_same_units_are_one(world: Lived) -> None:
    seen = [{"at": at, "looks": {"paid of coffee": {"n": 100, "difference": 5.0, "error": 1.5}}} for at in range(2)]
    twice, once = (reader(world.of, planned("anytime", looks=looks)).read(world.now, closer=True) for looks in (seen, seen[:1]))
    assert twice.closer["coffee"].worth is not None
    assert twice.closer["coffee"].worth == once.closer["coffee"].worth


def test_ratio_and_share_are_read_by_age_and_a_quantile_is_not(world: Lived, tmp_path: Path) -> None:
    old = 'Mean(Pay.amount, name="paid", within="7d")'
    ratio = as_declared(world, tmp_path, (old, 'Ratio(Pay.amount, Pay, name="paid each time", within="7d")'))
    found = reader(ratio, None).read(world.now, closer=True).closer["coffee"]
    treated, _, _ = totals(world)
    guest, day, amount = (np.array(column) for column in zip(*world.paid, strict=True))
    slow = by_exposure_age(guest, treated[guest], day, amount, Asked(), bottom=np.ones(len(guest)), relative=True)
    assert found.ageing.trend == pytest.approx(slow.trend)
    share = as_declared(world, tmp_path, (old, 'Proportion(Pay.amount > 6, name="paid much", within="7d")'))
    found = reader(share, None).read(world.now, closer=True).closer["coffee"]
    much = by_exposure_age(guest, treated[guest], day, amount > 6, Asked(), relative=True)
    assert [one.difference for one in found.ageing.ages] == pytest.approx([one.difference for one in much.ages])
    module = [(old, 'Quantile(Pay.amount, 0.5, name="usual", within="7d")'), ("import Count, Mean", "import Count, Mean, Quantile")]
    found = reader(as_declared(world, tmp_path, *module), None).read(world.now, closer=True).closer["coffee"]
    assert found.ageing is None
    assert found.segments["Visit.town"].segments


def test_without_a_window_only_steps_that_were_seen_whole_are_read(world: Lived, tmp_path: Path) -> None:
    until = as_declared(world, tmp_path, ('name="paid", within="7d"', 'name="paid"'))
    early = world.now - 11 * DAY // 2  # the first guests came six and a half days before, the last ones four and a half
    found = reader(until, None).read(early, closer=True).closer["coffee"]
    units = [sum(one.units) for one in found.ageing.ages]
    assert found.age == "1d"
    assert units[:4] == [GUESTS] * 4
    assert GUESTS > units[4] > units[5] > 0


def test_too_young_for_two_steps_is_said(world: Lived, tmp_path: Path) -> None:
    short = as_declared(world, tmp_path, ('name="paid", within="7d"', 'name="paid", within="1m"'))
    found = reader(short, None).read(world.now, closer=True)
    if primary(found).comparison is not None:
        assert isinstance(found.closer["coffee"].ageing, Caution)
    else:
        assert found.closer == {}


def test_shares_are_held_against_the_plan_however_often_somebody_looks(world: Lived) -> None:
    once = reader(world.of, planned("fixed")).read(world.now).found.shares
    assert "at one look" in once.controls
    ever = reader(world.of, planned("anytime")).read(world.now).found.shares
    assert "any number of looks" in ever.controls
    assert ever.units == once.units
    wrong = {"at": 0, "looks": {}, "units": {"tea": 0, "coffee": 60}}
    seen = reader(world.of, planned("anytime", looks=[wrong])).read(world.now)
    assert seen.found.shares.is_mismatch, "what was wrong at an earlier look stays wrong"
    assert Reason.WRONG_SHARES in {one.reason for one in seen.found.faults}
    forgotten = {"at": 0, "looks": {}, "units": {"tea": 10 * GUESTS, "coffee": 0}}
    assert not reader(world.of, planned("anytime", looks=[forgotten])).read(world.now).found.shares.is_mismatch


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ('["town"]', "segments=: 'town' is no feature of the request"),
        ("[Pay]", "segments=: Pay is no feature of the request"),
        ("[Pay.amount]", "a row of Visit cannot reach Pay.amount"),
    ],
)
def test_segments_that_are_nothing_known_of_a_unit_are_refused(tmp_path: Path, segments: str, message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        stand(tmp_path, TOWN_MODULE.replace("segments=[Visit.town, paid_before]", f"segments={segments}"))


def test_slots_of_time_have_no_segments(tmp_path: Path) -> None:
    module = MODULE.replace(', covariates=(Pay.amount,), before="7d"', "").replace(
        "margin=0.2)],\n)", "margin=0.2)],\n    segments=[paid_before],\n)"
    )
    module = module.replace("unit=Visit.guest", 'unit=TimeSlot("2d")').replace("System, Top", "System, TimeSlot, Top")
    with pytest.raises(DeclarationError, match="in a slot of time there are many"):
        stand(tmp_path, module)
