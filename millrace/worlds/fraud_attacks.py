"""The other side of the fraud world: gangs with rings of stolen cards, lone thieves, and card testers, who come later."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millrace.types import DAY, HOUR, MINUTE, Array, Columns, stack
from millrace.worlds.chance import Chance
from millrace.worlds.fraud_people import CATEGORIES, KIOSKS, People, kiosk, new_devices, usual_cents

HONEST, GANG, THIEF, TESTER = range(4)
"""What a payment is."""

_GANG_SHARE = 0.7
"""Share of the fraud that was there from the beginning that is the work of gangs."""
_SHORTEST, LONGEST = 3, 10
"""Fewest and most days a gang is active."""
_STRIKES = 0.8
"""Chance that a gang strikes on a day after its first."""
_PER_STRIKE = 7.0
_PER_GANG = _PER_STRIKE * (1 + _STRIKES * ((_SHORTEST + LONGEST) / 2 - 1))
_PER_THIEF = 2.0
_CAMPAIGNS = 3
"""How many bouts of card testing a day has."""
_RESOLD = ("electronics", "gift cards", "jewellery", "travel")
"""Where stolen cards are turned into money."""
_TESTED = ("charity", "gaming", "streaming", "transit")
"""Where testers try cards with small amounts."""
_GANG_DEVICES, _THIEF_DEVICES, _TESTER_DEVICES = 100_000, 300_000, 500_000
"""Where the numbers of each kind's new devices begin within a day."""


@dataclass(frozen=True)
class Gang:
    """A few devices, from which stolen cards are used in bursts for some days."""

    number: int
    begins: int
    days: int
    devices: Array
    categories: Array
    hour: float


def gangs(chance: Chance, day: int, fraud_per_day: float) -> list[Gang]:
    """Return the gangs that begin on a day, which may be before the world began."""
    rng = chance.generator("gangs", day + LONGEST)
    begun = []
    for number in range(rng.poisson(_GANG_SHARE * fraud_per_day / _PER_GANG)):
        devices = new_devices(day, _GANG_DEVICES + 10 * number, int(rng.integers(1, 4)))
        resold = rng.choice(_codes(_RESOLD), size=2, replace=False)
        begun.append(Gang(number, day, int(rng.integers(_SHORTEST, LONGEST + 1)), devices, resold, float(rng.uniform(0, 24))))
    return begun


def gang_payments(chance: Chance, people: People, day: int, fraud_per_day: float) -> Columns:
    """Return the payments of a day by all gangs active on it, as `honest` does, with `attack`."""
    active = [gang for begun in range(day - LONGEST + 1, day + 1) for gang in gangs(chance, begun, fraud_per_day)]
    strikes = [_strike(chance, people, gang, day) for gang in active if day < gang.begins + gang.days]
    return stack([_no_payments(), *strikes])


def thief_payments(chance: Chance, people: People, day: int, fraud_per_day: float) -> Columns:
    """Return the payments of a day by lone thieves: one card, from a new device, a kiosk or the card's own; not far off its habits."""
    rng = chance.generator("thieves", day)
    thieves = rng.poisson((1 - _GANG_SHARE) * fraud_per_day / _PER_THIEF)
    thief = np.repeat(np.arange(thieves), rng.integers(1, 4, size=thieves))
    card = rng.integers(0, len(people.country), size=thieves)
    source = np.searchsorted([0.6, 0.8], rng.random(thieves))
    device = new_devices(day, _THIEF_DEVICES, thieves)
    device = np.where(source == 1, kiosk(rng.integers(0, KIOSKS, size=thieves)), device)
    device = np.where(source == 2, people.main_device(card, day), device)
    begins = rng.integers(0, DAY - 2 * HOUR, size=thieves)
    merchant = people.merchant_of(rng, rng.choice(_codes(_RESOLD), size=len(thief)))
    cents = (usual_cents(rng, people, card[thief], merchant) * rng.lognormal(0.5, 0.4, size=len(thief))).astype(np.int64)
    into = begins[thief] + rng.integers(0, 90 * MINUTE, size=len(thief))
    return _payments(into, card[thief], device[thief], merchant, cents, THIEF)


def tester_payments(chance: Chance, people: People, day: int, expected: float) -> Columns:
    """Return the payments of a day by card testers: many small amounts, each from a device never seen, in a few bouts."""
    rng = chance.generator("testers", day)
    n = rng.poisson(expected)
    bout = rng.integers(0, _CAMPAIGNS, size=n)
    into = rng.integers(0, DAY - 4 * HOUR, size=_CAMPAIGNS)[bout] + rng.integers(0, 4 * HOUR, size=n)
    card = rng.integers(0, len(people.country), size=n)
    merchant = people.merchant_of(rng, rng.choice(_codes(_TESTED), size=n))
    return _payments(into, card, new_devices(day, _TESTER_DEVICES, n), merchant, rng.integers(50, 600, size=n), TESTER)


def _strike(chance: Chance, people: People, gang: Gang, day: int) -> Columns:
    """Return a gang's payments on a day: a handful of stolen cards within two hours, or nothing."""
    rng = chance.generator("strike", gang.begins + LONGEST, gang.number, day)
    if day > gang.begins and rng.random() >= _STRIKES:
        return _no_payments()
    cards = rng.integers(0, len(people.country), size=rng.integers(2, 6))
    card = np.repeat(cards, rng.integers(1, 4, size=len(cards)))
    n = len(card)
    begins = int(rng.normal(gang.hour, 1.0) % 22 * HOUR)
    merchant = people.merchant_of(rng, rng.choice(gang.categories, size=n))
    dollars = np.maximum(rng.lognormal(np.log(160), 0.6, size=n), 20).astype(np.int64)
    cents = 100 * dollars - np.where(rng.random(n) < 0.5, 1, 0)
    return _payments(begins + rng.integers(0, 2 * HOUR, size=n), card, rng.choice(gang.devices, size=n), merchant, cents, GANG)


def _payments(into: Array, card: Array, device: Array, merchant: Array, cents: Array, attack: int) -> Columns:
    kind = np.full(len(card), attack)
    return {"into": into, "card": card, "device": device, "merchant": merchant, "cents": cents, "attack": kind}


def _no_payments() -> Columns:
    nothing = np.zeros(0, np.int64)
    return _payments(nothing, nothing, nothing, nothing, nothing, HONEST)


def _codes(categories: tuple[str, ...]) -> Array:
    """Return the numbers of categories."""
    kinds = list(CATEGORIES)
    return np.array([kinds.index(category) for category in categories])
