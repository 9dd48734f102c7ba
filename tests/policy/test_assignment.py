"""Who is in which arm: kept shares, independent layers, ramps that nobody leaves, and what is recorded of those in no arm."""

from typing import Any

import numpy as np
import pytest

from millrace import Experiment, Pipeline, Rules, TimeSlot, Top
from millrace.errors import DeclarationError
from millrace.policy.assignment import Assignment
from millrace.types import DAY, HOUR, Array, objects
from tests.laws.shop import Look, bought, case, ranker, trending
from tests.laws.shop import fresh as newest

PLAIN = Pipeline(trending, Rules(bought["7d"]), Top(2))
RANKED = Pipeline(newest, ranker, Top(3))
DAY_ONE = 1_767_225_600_000_000
"""The first of January 2026."""


def asked(n: int = 40_000, at: int = DAY_ONE) -> dict[str, Array]:
    return {"visitor": objects(f"v{k}" for k in range(n)), "at": np.full(n, at)}


def labels(experiment: Experiment, requests: Any = None, named: str = "compared", kept: str = "") -> Array:
    """Return what is recorded of each request's unit, "arm" by "arm", as facts of a system draw it."""
    facts = case(PLAIN).facts()
    rows = asked() if requests is None else requests
    units = rows["visitor"] if not isinstance(experiment.unit, TimeSlot) else experiment.unit.units(rows)
    positions = experiment.assignment.assign(units, rows["at"], named, facts.chance, kept)
    return np.array(experiment.assignment.labels)[positions]


def compared(**settings: Any) -> Experiment:
    return Experiment({"old": PLAIN, "new": RANKED}, **{"unit": Look.visitor, **settings})


def shares(found: Array) -> dict[str, float]:
    names, counts = np.unique(found, return_counts=True)
    return dict(zip(names.tolist(), (counts / len(found)).tolist(), strict=True))


def test_plain_experiment_is_drawn_as_it_always_was() -> None:
    facts = case(PLAIN).facts()
    draw = facts.chance("compared", asked()["visitor"])
    assert labels(compared(shares=(0.7, 0.3))).tolist() == ["old" if one < 0.7 else "new" for one in draw.tolist()]


def test_shares_are_as_stated_with_a_part_a_ramp_and_a_holdout() -> None:
    experiment = compared(shares=(0.75, 0.25), layer="shop", part=(0.2, 0.8), ramp=0.5, holdout=0.1)
    found = shares(labels(experiment))
    drawn = experiment.assignment
    stated = {name: float(drawn.share(place, DAY_ONE)) for place, name in enumerate(drawn.labels) if name in found}
    assert sum(stated.values()) == pytest.approx(1.0)
    assert stated == pytest.approx({"old": 0.9 * 0.3 * 0.75, "new": 0.9 * 0.3 * 0.25, "outside": 0.63, "holdout": 0.1})
    assert found == pytest.approx(stated, abs=0.01)


def test_experiments_of_one_layer_with_disjoint_parts_share_no_unit() -> None:
    one = labels(compared(layer="shop", part=(0.0, 0.4)), named="one")
    other = labels(compared(layer="shop", part=(0.4, 1.0)), named="other")
    inside = [np.isin(found, ["old", "new"]) for found in (one, other)]
    assert not (inside[0] & inside[1]).any()
    assert (inside[0] | inside[1]).all()


@pytest.mark.parametrize("layers", [("", ""), ("shop", "shop"), ("shop", "till")])
def test_arms_of_one_experiment_say_nothing_of_another_s(layers: tuple[str, str]) -> None:
    one, other = (labels(compared(layer=layer), named=name) == "new" for layer, name in zip(layers, ("one", "other"), strict=True))
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.02


def test_holdout_is_the_same_in_all_experiments_of_a_layer() -> None:
    one, other = (labels(compared(layer="shop", holdout=0.05), named=name) == "holdout" for name in ("one", "other"))
    assert one.tolist() == other.tolist()
    assert one.mean() == pytest.approx(0.05, abs=0.005)


def test_ramp_grows_and_nobody_ever_leaves_an_arm() -> None:
    steps = {"2026-01-02": 0.01, "2026-01-03T12:00+00:00": 0.2, "2026-01-05": 1.0}
    experiment = compared(ramp=steps)
    before: Array | None = None
    for day, share in ((0, 0.0), (1, 0.01), (2, 0.01), (2.6, 0.2), (4, 1.0), (90, 1.0)):
        now = labels(experiment, asked(at=DAY_ONE + int(day * DAY)))
        inside = now != "outside"
        assert inside.mean() == pytest.approx(share, abs=0.01)
        if before is not None:
            assert (now[before != "outside"] == before[before != "outside"]).all()
        before = now


def test_ramp_by_hand_keeps_those_it_had() -> None:
    few, many = labels(compared(ramp=0.1)), labels(compared(ramp=0.6))
    assert (many[few != "outside"] == few[few != "outside"]).all()
    assert labels(compared(ramp=1.0)).tolist() == labels(compared()).tolist()


def test_unit_put_into_an_arm_by_name_is_recorded_so() -> None:
    plain, found = labels(compared(), asked(500)), labels(compared(overrides={"new": ["v3", "v4"], "old": ["v5"]}), asked(500))
    assert found[3:6].tolist() == ["override/new", "override/new", "override/old"]
    others = np.setdiff1d(np.arange(500), [3, 4, 5])
    assert found[others].tolist() == plain[others].tolist()


def test_units_shared_out_beforehand_are_in_the_arm_of_their_list_and_all_others_in_none() -> None:
    lists = {"old": objects(f"v{k}" for k in range(1, 100, 2)), "new": [f"v{k}" for k in range(0, 300, 2)]}
    experiment = compared(allotted=lists, overrides={"new": ["v5"]})
    found = labels(experiment, asked(400))
    expected = ["override/new" if k == 5 else "new" if k < 300 and k % 2 == 0 else "old" if k < 100 else "outside" for k in range(400)]
    assert found.tolist() == [one if k % 2 == 0 or k < 100 else "outside" for k, one in enumerate(expected)]
    assert experiment.assignment.shares == (50 / 200, 150 / 200)
    assert {float(experiment.assignment.share(place, DAY_ONE)) for place in range(4)} == {1.0}, "nothing is drawn"
    assert labels(experiment, asked(400), named="another").tolist() == found.tolist(), "the lists say it, and no salt"


def test_everyone_gets_the_arm_that_is_kept() -> None:
    assert set(labels(compared(holdout=0.2, overrides={"old": ["v3"]}), kept="new")) == {"everyone/new"}
    assert set(labels(compared(), kept="gone")) == {"old", "new"}, "an arm that is no longer declared is kept from nobody"


def test_time_slots_are_assigned_as_a_whole_each_place_by_itself() -> None:
    rows = {**asked(2000), "at": DAY_ONE + np.arange(2000) * HOUR // 10}
    rows["visitor"] = objects(f"v{k % 2}" for k in range(2000))
    alone = labels(Experiment({"old": PLAIN, "new": RANKED}, unit=TimeSlot("1h")), rows)
    slot = (rows["at"] // HOUR).tolist()
    assert all(len(set(alone[[one == here for one in slot]])) == 1 for here in set(slot[:200]))
    assert set(shares(alone)) == {"old", "new"}
    by = labels(Experiment({"old": PLAIN, "new": RANKED}, unit=TimeSlot("1h", by=Look.visitor)), rows)
    mine = [by[(rows["visitor"] == one)][::5] for one in ("v0", "v1")]
    assert mine[0].tolist() != mine[1].tolist()


def test_who_is_in_no_arm_is_answered_by_the_first() -> None:
    drawn = compared(overrides={"new": ["v1"]}).assignment
    assert [drawn.answers(place) for place in range(len(drawn.labels))] == [0, 1, 0, 0, 0, 1, 0, 1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"part": (0.0, 0.5)}, "a part of no layer"),
        ({"layer": "shop", "part": (0.6, 0.5)}, "within 0 and 1"),
        ({"holdout": 1.0}, "from 0 to below 1"),
        ({"ramp": {"2026-01-02": 0.5, "2026-01-03": 0.1}}, "shares must grow with time"),
        ({"ramp": {"2026-01-03": 0.1, "2026-01-02": 0.5}}, "shares must grow with time"),
        ({"ramp": {"2026-01-02T10:00": 0.5}}, "has no time zone"),
        ({"ramp": 1.5}, "shares must grow with time, up to 1"),
        ({"overrides": {"newer": ["v1"]}}, "there is no such arm: use one of old, new"),
        ({"overrides": {"new": ["v1"], "old": ["v1"]}}, "v1 is put into two arms"),
        ({"allotted": {"newer": ["v1"]}}, "there is no such arm: use one of old, new"),
        ({"allotted": {"new": ["v1"], "old": ["v1"]}}, "allotted=.*: v1 is put into two arms"),
        ({"allotted": {"new": ["v1"], "old": []}}, "name units for every arm"),
        ({"allotted": {}}, "name units for every arm"),
        ({"allotted": {"new": ["v1"], "old": ["v2"]}, "ramp": 0.5}, "drop layer=, part=, ramp= and holdout="),
        ({"allotted": {"new": ["v1"], "old": ["v2"]}, "holdout": 0.1}, "drop layer=, part=, ramp= and holdout="),
        ({"allotted": {"new": ["v1"], "old": ["v2"]}, "shares": (0.5, 0.5)}, "leave shares= out"),
        ({"allotted": {"new": ["v1"], "old": ["v2"]}, "unit": TimeSlot("1h")}, "slots of time are drawn as they come"),
    ],
)
def test_assignment_that_cannot_be_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        compared(**settings)


@pytest.mark.parametrize("name", ["outside", "holdout", "override", "everyone", "a/b"])
def test_arm_of_a_name_that_records_mean_otherwise_is_refused(name: str) -> None:
    with pytest.raises(DeclarationError, match="call the arm otherwise"):
        Experiment({"old": PLAIN, name: RANKED}, unit=Look.visitor)


def test_assignment_of_nobody_is_nothing() -> None:
    assert Assignment(("a", "b"), (0.5, 0.5), ramp=((0, 0.5),)).assign(
        objects([]), np.zeros(0), "x", lambda _, ids: np.zeros(len(ids))
    ).tolist() == []  # fmt: skip
