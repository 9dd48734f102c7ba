"""The honest side of the fraud world: cards with habits of their own, the devices they pay from, and the merchants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millrace.errors import BadInput
from millrace.types import DAY, MINUTE, Array, Columns, objects
from millrace.worlds.chance import Chance
from millrace.worlds.naming import names
from millrace.worlds.rhythm import SHOPS, instants

COUNTRIES = ("br", "de", "gb", "in", "us")
CATEGORIES = {
    "charity": 0.05,
    "electronics": 1.3,
    "fashion": 0.6,
    "fuel": 0.4,
    "gaming": -0.4,
    "gift cards": 0.5,
    "groceries": 0.2,
    "jewellery": 1.6,
    "restaurants": 0.1,
    "streaming": -0.8,
    "transit": -1.6,
    "travel": 1.8,
}
"""Categories of merchants, and how much dearer than usual a payment there is (difference of logarithms)."""

KINDS = ("phone", "laptop", "tablet", "kiosk")
KIOSKS = 20
"""Public terminals (hotels, libraries) that many honest cards share."""

_FAVOURITES = 6
_PER_OUTING = 1.2
_MAIN, _SECOND, _KIOSK = 0.86, 0.10, 0.015
"""Shares of honest payments from the card's main device, its second one and a kiosk; the rest come from a device borrowed once."""
_GENERATIONS = 10_000
"""Own devices are numbered card × _GENERATIONS + generation; the last generation is the second device, which is never replaced."""
_KIOSK_NUMBERS = 10**11
_NEW_NUMBERS = 10**12
_LONGEST_PAST = 1_000
"""How many days before the world a device may have been new."""


@dataclass(frozen=True)
class People:
    """Cards and merchants by number, with the habits of the cards.

    Attributes:
        country: Of each card. Shape (cards,).
        activity: Share of all honest payments. Shape (cards,).
        usual: Logarithm of the usual amount, in cents. Shape (cards,).
        hour: When the card is mostly used, in hours of the day. Shape (cards,).
        favourites: Merchants it keeps going to, best first. Shape (cards, _FAVOURITES).
        household: The card whose main device it pays from: mostly itself. Shape (cards,).
        has_second: Whether it has a second device. Shape (cards,).
        lasts: After how many days its main device is replaced. Shape (cards,).
        worn: How many days old its main device was at the start. Shape (cards,).
        category: Of each merchant. Shape (merchants,).
        draw: Share of the payments that go to no favourite. Shape (merchants,).
    """

    country: Array
    activity: Array
    usual: Array
    hour: Array
    favourites: Array
    household: Array
    has_second: Array
    lasts: Array
    worn: Array
    category: Array
    draw: Array

    def cards(self) -> Columns:
        """Return the cards as rows of the stream Card, without instants."""
        return {"id": names("c", np.arange(len(self.country))), "country": objects(COUNTRIES[c] for c in self.country)}

    def merchants(self) -> Columns:
        """Return the merchants as rows of the stream Merchant, without instants."""
        kinds = list(CATEGORIES)
        return {"id": names("m", np.arange(len(self.category))), "category": objects(kinds[c] for c in self.category)}

    def main_device(self, card: Array, day: int) -> Array:
        """Return the device numbers of the cards' main devices on a day of the world. Shape as `card`."""
        owner = self.household[card]
        return owner * _GENERATIONS + (day + self.worn[owner]) // self.lasts[owner]

    def second_device(self, card: Array) -> Array:
        """Return the device numbers of the second devices of cards that have one. Shape as `card`."""
        return card * _GENERATIONS + _GENERATIONS - 1

    def replaced(self, day: int) -> Array:
        """Return the device numbers of the main devices that cards begin to use on a day of the world."""
        cards = np.arange(len(self.lasts))
        begun = cards * _GENERATIONS + (day + self.worn) // self.lasts
        return begun[begun != cards * _GENERATIONS + (day - 1 + self.worn) // self.lasts]

    def devices(self) -> Array:
        """Return the device numbers that exist when the world begins: main and second devices and kiosks."""
        cards = np.arange(len(self.lasts))
        main = cards * _GENERATIONS + self.worn // self.lasts
        return np.concatenate([main, self.second_device(cards[self.has_second]), kiosk(np.arange(KIOSKS))])

    def merchant_of(self, rng: np.random.Generator, categories: Array) -> Array:
        """Return a merchant of each category, as often as customers go there. Shape as `categories`."""
        merchant = np.empty(len(categories), np.int64)
        for category in np.unique(categories):
            at = np.flatnonzero(categories == category)
            options = np.flatnonzero(self.category == category)
            weight = self.draw[options]
            merchant[at] = rng.choice(options, size=len(at), p=weight / weight.sum())
        return merchant


def people(chance: Chance, cards: int, merchants: int) -> People:
    """Draw cards and merchants; every category has merchants.

    Raises:
        BadInput: There are no cards, or fewer merchants than categories.
    """
    if cards < 1 or merchants < len(CATEGORIES):
        raise BadInput(f"{cards} cards and {merchants} merchants: give at least 1 card and {len(CATEGORIES)} merchants, one a category")
    rng = chance.generator("people")
    category = rng.permutation(np.arange(merchants) % len(CATEGORIES))
    draw = rng.lognormal(0.0, 1.0, size=merchants)
    activity = rng.lognormal(0.0, 0.7, size=cards)
    lasts = rng.integers(150, 600, size=cards)
    household = np.where(rng.random(cards) < 0.15, rng.integers(0, cards, size=cards), np.arange(cards))
    return People(
        country=rng.integers(0, len(COUNTRIES), size=cards),
        activity=activity / activity.sum(),
        usual=rng.normal(np.log(2_500), 0.5, size=cards),
        hour=instants(rng, cards, SHOPS) / (DAY / 24),
        favourites=rng.choice(merchants, size=(cards, _FAVOURITES), p=draw / draw.sum()),
        household=household,
        has_second=rng.random(cards) < 0.4,
        lasts=lasts,
        worn=rng.integers(1, lasts),
        category=category,
        draw=draw / draw.sum(),
    )


def kiosk(number: Array) -> Array:
    """Return the device numbers of kiosks 0 … KIOSKS − 1."""
    return _KIOSK_NUMBERS + number


def new_devices(day: int, first: int, n: int) -> Array:
    """Return the numbers of `n` devices never used before a day: the day's new devices from number `first` on. Shape (n,)."""
    return _NEW_NUMBERS + (day + _LONGEST_PAST) * 1_000_000 + first + np.arange(n)


def new_on(device: Array, day: int) -> Array:
    """Return which device numbers are among a day's new devices. Shape as `device`."""
    return device // 1_000_000 == _NEW_NUMBERS // 1_000_000 + day + _LONGEST_PAST


def kind(chance: Chance, device: Array) -> Array:
    """Return the kind of each device, as an index of KINDS. Shape as `device`."""
    drawn = np.searchsorted([0.6, 0.9], chance.uniform("device kind", device))
    return np.where((device >= _KIOSK_NUMBERS) & (device < _NEW_NUMBERS), KINDS.index("kiosk"), drawn)


def honest(rng: np.random.Generator, people: People, day: int, expected: int) -> Columns:
    """Return the honest payments of a day: `into` (microseconds after midnight), `card`, `device`, `merchant`, `cents`.

    A card pays on outings, now and then several times within the hour: mostly at its own hours, favourite merchants and usual amounts,
    from its own device.
    """
    outings = rng.poisson(expected / _PER_OUTING)
    length = rng.geometric(1.0 / _PER_OUTING, size=outings)
    outing = np.repeat(np.arange(outings), length)
    n = len(outing)
    card = rng.choice(len(people.country), size=outings, p=people.activity)
    habitual = (rng.normal(people.hour[card], 2.5) % 24 * (DAY / 24)).astype(np.int64)
    begins = np.where(rng.random(outings) < 0.75, habitual, instants(rng, outings, SHOPS))
    card, into = card[outing], begins[outing] + rng.integers(0, 40 * MINUTE, size=n)
    favourite = people.favourites[card, np.minimum(rng.geometric(0.35, size=n) - 1, _FAVOURITES - 1)]
    merchant = np.where(rng.random(n) < 0.8, favourite, rng.choice(len(people.draw), size=n, p=people.draw))
    device = _honest_device(rng, people, card, day)
    return {"into": into, "card": card, "device": device, "merchant": merchant, "cents": usual_cents(rng, people, card, merchant)}


def usual_cents(rng: np.random.Generator, people: People, card: Array, merchant: Array) -> Array:
    """Return amounts in cents as the cards usually pay at the merchants, with a splurge now and then. Shape as `card`."""
    dearer = np.array(list(CATEGORIES.values()))[people.category[merchant]]
    splurge = np.where(rng.random(len(card)) < 0.03, np.log(4.0), 0.0)
    return np.maximum(np.exp(people.usual[card] + dearer + splurge + rng.normal(0.0, 0.45, size=len(card))), 50).astype(np.int64)


def _honest_device(rng: np.random.Generator, people: People, card: Array, day: int) -> Array:
    """Return the devices that honest payments come from. Shape as `card`."""
    source = np.searchsorted(np.cumsum([_MAIN, _SECOND, _KIOSK]), rng.random(len(card)))
    device = people.main_device(card, day)
    device = np.where(source == 1, np.where(people.has_second[card], people.second_device(card), device), device)
    device = np.where(source == 2, kiosk(rng.integers(0, KIOSKS, size=len(card))), device)
    device[source == 3] = new_devices(day, 0, int((source == 3).sum()))
    return device
