from itertools import pairwise

import numpy as np
import pytest

from millrace.errors import BadInput, Conflict, NotFound
from millrace.types import DAY, HOUR, MINUTE, objects, size, take
from millrace.worlds.fraud import FraudWorld
from millrace.worlds.fraud_money import Costs
from millrace.worlds.world import World
from tests.worlds.feeds import assert_same, drive, merged

SMALL = {"cards": 300, "merchants": 60, "payments_per_day": 500, "fraud_share": 0.05}
ACTIONS = ("approve", "review", "decline")


def small(seed=1, **arguments):
    return FraudWorld(seed, **{**SMALL, **arguments})


def by_request(requests):
    """Return actions that depend on the payment's id alone, so that a loop may be cut anywhere."""
    action = objects([ACTIONS[int(name[1:]) % 3] for name in requests["id"]])
    return {"request": requests["id"], "at": requests["at"], "action": action}


def always(requests, action):
    return {"request": requests["id"], "at": requests["at"], "action": objects([action] * size(requests))}


@pytest.fixture(scope="module")
def lived():
    """A small world after ten days of arbitrary actions, with what was asked, decided, and told within three months."""
    world = small()
    asked = world.requests(world.start, world.start + 10 * DAY)
    decided = by_request(asked)
    world.react(decided)
    return world, asked, decided, world.happenings(world.start, world.start + 90 * DAY)


def test_fraud_world_is_a_world():
    assert isinstance(small(), World)


def test_equal_arguments_make_equal_worlds_and_another_seed_another():
    asked = [small(seed).requests(small().start, small().start + DAY) for seed in (1, 1, 2)]
    assert all((asked[0][name] == asked[1][name]).all() for name in asked[0])
    assert not np.array_equal(asked[0]["at"], asked[2]["at"])


def test_requests_are_the_same_however_time_is_cut():
    world, start = small(), small().start
    whole = world.requests(start, start + 3 * DAY)
    cuts = [start, start + 7 * MINUTE, start + 19 * HOUR, start + DAY + 1, start + 3 * DAY]
    parts = [small().requests(a, b) for a, b in pairwise(cuts)]
    for name in whole:
        np.testing.assert_array_equal(whole[name], np.concatenate([part[name] for part in parts]))
    assert (np.diff(whole["at"]) >= 0).all()
    assert len(set(whole["id"])) == size(whole)


def test_happenings_are_the_same_however_time_is_cut():
    fine, coarse = small(), small()
    finely = merged(drive(fine, fine.start, fine.start + 3 * DAY, 50 * MINUTE, by_request))
    coarsely = merged(drive(coarse, coarse.start, coarse.start + 3 * DAY, 17 * HOUR, by_request))
    assert_same(finely, coarsely)
    assert_same(finely, fine.happenings(fine.start, fine.start + 3 * DAY))


def test_nothing_is_known_before_it_happened(lived):
    for rows in lived[3].values():
        assert (rows["known"] >= rows["at"]).all()
        assert (np.diff(rows["known"]) >= 0).all()


def test_entities_are_known_before_they_pay(lived):
    world, asked, _, told = lived
    assert set(asked["card"]) <= set(told["Card"]["id"])
    assert set(asked["merchant"]) <= set(told["Merchant"]["id"])
    assert len(set(told["Device"]["id"])) == size(told["Device"])
    known = dict(zip(told["Device"]["id"], told["Device"]["known"], strict=True))
    for device, at in zip(asked["device"], asked["at"], strict=True):
        assert known[device] == world.start or known[device] <= at - HOUR
    assert size(told["Device"]) > (told["Device"]["known"] == world.start).sum() > SMALL["cards"]


def test_fraud_has_the_stated_share_and_the_new_attack_begins_when_it_should():
    start = small().start
    world = small(payments_per_day=4_000, fraud_share=0.01, attack_at=start + 10 * DAY + 7 * HOUR, attack_share=0.02)
    before, after = world.requests(start, start + 10 * DAY), world.requests(start + 11 * DAY, start + 15 * DAY)
    assert world.fraudulent(before).mean() == pytest.approx(0.01, rel=0.3)
    assert world.fraudulent(after).mean() == pytest.approx(0.03, rel=0.3)
    day = world.requests(start + 10 * DAY, start + 11 * DAY)
    tests = world.fraudulent(day) & (day["cents"] < 600)
    assert day["at"][tests].min() >= start + 10 * DAY + 7 * HOUR
    assert np.median(after["cents"][world.fraudulent(after)]) < 600 < np.median(before["cents"][world.fraudulent(before)])


def test_chargebacks_come_weeks_later_and_only_for_fraud_that_was_let_through(lived):
    world, asked, decided, told = lived
    back = told["Chargeback"]
    at, action = dict(zip(asked["id"], asked["at"], strict=True)), dict(zip(asked["id"], decided["action"], strict=True))
    fraud = dict(zip(asked["id"], world.fraudulent(asked), strict=True))
    released = {payment for payment, bad in zip(told["Verdict"]["payment"], told["Verdict"]["fraudulent"], strict=True) if not bad}
    for payment, when in zip(back["payment"], back["at"], strict=True):
        assert fraud[payment]
        assert action[payment] == "approve" or (action[payment] == "review" and payment in released)
        assert 3 * DAY < when - at[payment] < 60 * DAY
    waits = np.array([when - at[payment] for payment, when in zip(back["payment"], back["at"], strict=True)]) / DAY
    assert 15 < np.median(waits) < 26
    let_through = sum(fraud[payment] and action[payment] == "approve" for payment in fraud)
    approved = {payment for payment in back["payment"] if action[payment] == "approve"}
    assert 0.85 < len(approved) / let_through < 1.0


def test_verdicts_come_within_days_only_for_reviews_and_are_mostly_right(lived):
    world, asked, decided, told = lived
    verdict = told["Verdict"]
    assert set(verdict["payment"]) == set(asked["id"][decided["action"] == "review"])
    at, fraud = dict(zip(asked["id"], asked["at"], strict=True)), dict(zip(asked["id"], world.fraudulent(asked), strict=True))
    waits = np.array([when - at[payment] for payment, when in zip(verdict["payment"], verdict["at"], strict=True)])
    assert 0 < waits.min() < HOUR < waits.max() < 3 * DAY
    right = np.mean([bad == fraud[payment] for payment, bad in zip(verdict["payment"], verdict["fraudulent"], strict=True)])
    assert right == pytest.approx(0.95, abs=0.02)


def test_some_verdicts_arrive_late_and_some_twice(lived):
    verdict = lived[3]["Verdict"]
    assert 0.005 < (verdict["known"] - verdict["at"] > HOUR).mean() < 0.05
    names, counts = np.unique(verdict["id"], return_counts=True)
    assert 0.001 < (counts > 1).mean() < 0.02
    twice = take(verdict, verdict["id"] == names[counts.argmax()])
    assert twice["known"][0] < twice["known"][1]
    assert all(column[0] == column[1] for name, column in twice.items() if name != "known")


def test_rings_are_what_counting_cards_on_devices_gives(lived):
    world, asked, _, told = lived
    ring = told["Ring"]
    early = take(ring, ring["at"] <= world.start + 10 * DAY)
    assert size(early) > 20
    for device, cards, at, known in zip(*(early[name] for name in ("device", "cards", "at", "known")), strict=True):
        read = (asked["device"] == device) & (asked["at"] < at) & (asked["at"] >= at - 7 * DAY)
        assert len(set(asked["card"][read])) == cards >= 3
        assert asked["at"][read].max() < at < known < at + 30 * MINUTE


def test_ring_is_published_again_only_when_its_cards_have_changed(lived):
    last = {}
    for device, cards, at in zip(*(lived[3]["Ring"][name] for name in ("device", "cards", "at")), strict=True):
        assert last.get(device) != (cards, at - HOUR)
        last[device] = cards, at


def test_every_device_with_several_cards_is_published(lived):
    world, asked, _, told = lived
    now = world.start + 9 * DAY
    recent = (asked["at"] < now) & (asked["at"] >= now - 7 * DAY)
    pairs = set(zip(asked["device"][recent], asked["card"][recent], strict=True))
    devices = [device for device, _ in pairs]
    shared = {device for device in set(devices) if devices.count(device) >= 3}
    ring = take(told["Ring"], told["Ring"]["at"] <= now)
    last = dict(zip(ring["device"], ring["cards"], strict=True))
    assert shared
    assert all(last[device] == devices.count(device) for device in shared)


def money(world, asked, decided, told):
    """Return what each payment brought in the end, counted from the events alone and the truth about who paid."""
    costs, fraud, amount = Costs(), world.fraudulent(asked), asked["cents"] / 100
    bad = dict(zip(told["Verdict"]["payment"], told["Verdict"]["fraudulent"], strict=True))
    back = set(told["Chargeback"]["payment"])
    reviewed, lost = decided["action"] == "review", np.array([payment in back for payment in asked["id"]])
    through = (decided["action"] == "approve") | (reviewed & ~np.array([bool(bad.get(payment)) for payment in asked["id"]]))
    earned = np.where(fraud, -(lost * (amount + costs.fee)), np.where(through, costs.margin * amount, -costs.friction))
    return earned - reviewed * (costs.review + np.where(fraud, 0.0, costs.wait))


def test_value_is_the_mean_of_the_money_that_many_reactions_bring():
    """Within four standard errors for each action on each kind of payment, plain and weighted by the amount."""
    draws, sizes = 20, {"payments_per_day": 600, "fraud_share": 0.3, "graph_every": 90 * DAY}
    world = small(**sizes)
    asked = world.requests(world.start, world.start + DAY)
    decided, error = by_request(asked), []
    for luck in range(1, draws + 1):
        world = small(**sizes, luck=luck)
        world.react(decided)
        told = world.happenings(world.start, world.start + 66 * DAY)
        error.append(money(world, asked, decided, told) - world.value(decided))
    error, fraud = np.array(error), world.fraudulent(asked)
    for action in ACTIONS:
        for kind in (fraud, ~fraud):
            for weight in (np.ones(size(asked)), asked["cents"] / 1e4):
                part = (error * weight)[:, kind & (decided["action"] == action)]
                assert part.size > 800
                assert abs(part.mean()) <= 4 * part.std() / np.sqrt(part.size) + 1e-9


def test_best_is_the_best_action_for_each_payment():
    world = small()
    asked = world.requests(world.start, world.start + DAY)
    values = [world.value(always(asked, action)) for action in ACTIONS]
    np.testing.assert_array_equal(world.best(asked, 1), np.max(values, axis=0))
    assert world.best(asked, 1).sum() > max(value.sum() for value in values) + 100
    fraud = world.fraudulent(asked)
    assert (values[0][fraud] < values[1][fraud]).all()
    assert (values[1][fraud] < values[2][fraud]).all()
    assert (values[0][~fraud] > values[1][~fraud]).all()


def test_ids_of_devices_do_not_betray_fraud():
    world = small()
    asked = world.requests(world.start, world.start + 10 * DAY)
    assert {len(name) for name in asked["device"]} == {13}
    code = np.array([int(name[1:], 16) for name in asked["device"]], float)
    assert abs(np.corrcoef(code, world.fraudulent(asked))[0, 1]) < 0.1


def test_deciding_twice_or_too_late_is_refused():
    world = small()
    decided = by_request(world.requests(world.start, world.start + DAY))
    world.react(decided)
    with pytest.raises(Conflict, match="already decided on"):
        world.react(take(decided, slice(0, 1)))
    tomorrow = by_request(world.requests(world.start + DAY, world.start + 2 * DAY))
    with pytest.raises(Conflict, match="already decided on"):
        world.react(take(tomorrow, np.array([0, 0])))
    world.happenings(world.start, world.start + 2 * DAY)
    with pytest.raises(Conflict, match=r"call react\(...\) for a slice of time before happenings"):
        world.react(tomorrow)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"action": "hide"}, BadInput, "action 'hide' is none of approve, review, decline"),
        ({"request": "p9999999"}, NotFound, "no payment 'p9999999'"),
        ({"request": "q1"}, NotFound, "nothing called 'q1'"),
    ],
)
def test_rows_the_world_does_not_understand_are_refused(change, error, message):
    world = small()
    decided = by_request(world.requests(world.start, world.start + HOUR * 12))
    for name, value in change.items():
        decided[name] = decided[name].copy()
        decided[name][0] = value
    with pytest.raises(error, match=message):
        world.react(decided)


@pytest.mark.parametrize("arguments", [{"fraud_share": 1.5}, {"attack_share": -0.1}, {"payments_per_day": 0}, {"merchants": 5}])
def test_sizes_that_make_no_sense_are_refused(arguments):
    with pytest.raises(BadInput, match=r"give (1 to|at least 1)"):
        small(**arguments)
