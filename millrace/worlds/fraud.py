"""Payments: honest cards with habits, gangs and thieves, a new attack, and labels that come weeks late or never."""

from __future__ import annotations

import numpy as np

from millrace.errors import Conflict
from millrace.types import DAY, HOUR, MINUTE, Array, Columns, objects, size
from millrace.worlds.chance import Chance
from millrace.worlds.delivery import Delivery
from millrace.worlds.fraud_attacks import HONEST
from millrace.worlds.fraud_money import ACTIONS, Costs
from millrace.worlds.fraud_outcomes import chargebacks, verdicts
from millrace.worlds.fraud_payments import Payments
from millrace.worlds.fraud_people import KINDS, kind, people
from millrace.worlds.fraud_rings import LOOKS_BACK, rings
from millrace.worlds.ledger import Ledger
from millrace.worlds.naming import codes, names, numbers, require
from millrace.worlds.world import START

_BANKS = Delivery(median=6 * HOUR, spread=0.5, late=0.03, late_by=(1 * DAY, 3 * DAY))
_DESK = Delivery(median=1 * MINUTE, spread=0.8, late=0.02, late_by=(1 * HOUR, 8 * HOUR))


class FraudWorld:
    """Cards pay; the system approves, reviews or declines; the reward is money.

    Streams: Card(id, country), Device(id, kind), Merchant(id, category), Chargeback(id, payment), Verdict(id, payment, fraudulent),
    Ring(id, device, cards). Requests: Payment(id, at, card, device, merchant, cents). Actions: "approve", "review", "decline".

    Hidden: each card has its own usual amount, merchants, hours and devices. Gangs use stolen cards in bursts from a few devices, at
    merchants whose goods are resold; lone thieves hide closer to a card's habits. From `attack_at` on testers try cards with small amounts
    at other merchants, each time from a new device. A fraud that is let through is disputed after about 20 days, at most 59; a
    payment under review gets a verdict within three days and is let through unless that says fraud; a declined payment never gets a
    label. A graph job publishes the devices that several cards share, honest ones too. A new device is registered at least an
    hour before the day of its first use.

    Args:
        seed: Whose world it is. Equal arguments make equal worlds.
        start: The first instant, in microseconds since 1970 UTC.
        cards, merchants: How many there are.
        payments_per_day: Payments expected each day, before the new attack.
        fraud_share: Share of these that are fraudulent, in [0, 1].
        attack_at: When the new attack starts, in microseconds since 1970 UTC; None: never.
        attack_share: Payments of the new attack for each payment expected, in [0, 1].
        graph_every: Time between two runs of the graph job, in microseconds.
        costs: What outcomes are worth.
        luck: Another number draws other verdicts and disputes in the same world, about the same payments.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        start: int = START,
        cards: int = 3_000,
        merchants: int = 400,
        payments_per_day: int = 4_000,
        fraud_share: float = 0.008,
        attack_at: int | None = None,
        attack_share: float = 0.008,
        graph_every: int = HOUR,
        costs: Costs | None = None,
        luck: int = 0,
    ) -> None:
        self.start = start
        self._chance = Chance(seed)
        self._luck = self._chance.other(luck)
        self._people = people(self._chance, cards, merchants)
        self._payments = Payments(self._chance, start, self._people, payments_per_day, fraud_share, attack_at, attack_share)
        self._graph_every = graph_every
        self._costs = costs or Costs()
        self._ledger = Ledger()
        self._scheduled = 0
        self._answered: set[int] = set()

    def happenings(self, since: int, until: int) -> dict[str, Columns]:
        """Return what becomes known in [since, until), by stream; see `World.happenings`."""
        self._schedule(until)
        told: dict[str, Columns] = {}
        if since <= self.start < until:
            told = {"Card": self._first(self._people.cards()), "Merchant": self._first(self._people.merchants())}
        for stream in ("Device", "Ring", "Verdict", "Chargeback"):
            told[stream] = self._rows(stream, since, until)
        self._ledger.close(until)
        return {name: rows for name, rows in told.items() if size(rows)}

    def requests(self, since: int, until: int) -> Columns:
        """Return the payments asked for in [since, until): `id`, `at`, `card`, `device`, `merchant`, `cents`, in order of `at`."""
        rows = self._payments.between(since, until)
        return {
            "id": names("p", rows["number"]),
            "at": rows["at"],
            "card": names("c", rows["card"]),
            "device": self._device_ids(rows["device"]),
            "merchant": names("m", rows["merchant"]),
            "cents": rows["cents"],
        }

    def react(self, decided: Columns) -> None:
        """Schedule what follows from the actions: verdicts and chargebacks; see `World.react`. Reads `request` and `action`."""
        payments, action = self._decided(decided)
        self._ledger.admit(payments["at"])
        number = payments["number"].tolist()
        again = self._answered.intersection(number)
        if again or len(set(number)) < len(number):
            raise Conflict("a payment was already decided on: pass one row for each payment, once")
        judged = verdicts(payments, action, self._costs, self._luck)
        disputed = chargebacks(payments, action, self._costs, self._luck)
        self._ledger.add("Verdict", _DESK.deliver(judged, self._luck, "Verdict"))
        self._ledger.add("Chargeback", _BANKS.deliver(disputed, self._luck, "Chargeback"))
        self._answered.update(number)

    def value(self, decided: Columns) -> Array:
        """Return the expected money of each row's action, in the currency, knowing whether the payment is fraudulent. Shape (rows,).

        What is earned on honest payments, less what frauds let through cost, less the friction of turning honest customers away
        and of reviews.
        """
        payments, action = self._decided(decided)
        return self._costs.expected(payments["attack"] != HONEST, payments["cents"], action)

    def best(self, requests: Columns, n: int = 1) -> Array:
        """Return the expected money of the best action for each payment, in the currency. Shape (requests,).

        The best knows the truth, which no system can: regret against it stays above zero. `n` is not read.
        """
        payments = self._payments.of(numbers("p", requests["id"]))
        options = [np.full(len(payments["at"]), action) for action in range(len(ACTIONS))]
        fraudulent = payments["attack"] != HONEST
        return np.max([self._costs.expected(fraudulent, payments["cents"], action) for action in options], axis=0)

    def fraudulent(self, requests: Columns) -> Array:
        """Return the hidden truth about payments, for judging scores without waiting for labels. Shape (requests,), boolean."""
        return self._payments.of(numbers("p", requests["id"]))["attack"] != HONEST

    def _decided(self, decided: Columns) -> tuple[Columns, Array]:
        """Return the payments decided on, and their actions as indices of ACTIONS."""
        require(decided, ("request", "action"))
        return self._payments.of(numbers("p", decided["request"])), codes(ACTIONS, decided["action"], "action")

    def _schedule(self, until: int) -> None:
        """Schedule the devices registered and the rings published on the days that begin before an instant."""
        if not self._scheduled:
            self._register(self._payments.first_devices())
            self._register(self._payments.devices(0))
        while self.start + self._scheduled * DAY < until:
            day = self._scheduled
            since = self.start + day * DAY
            read = self._payments.between(since - LOOKS_BACK - self._graph_every, since + DAY)
            self._register(self._payments.devices(day + 1))  # the devices of a day are registered on the day before
            self._ledger.add("Ring", rings(read, self._chance, self.start, since, since + DAY, self._graph_every))
            self._scheduled += 1

    def _register(self, devices: Columns) -> None:
        """Schedule the registration of devices."""
        device, at = devices["device"], devices["at"]
        self._ledger.add("Device", {"key": device, "at": at, "known": at, "kind": kind(self._chance, device)})

    def _rows(self, stream: str, since: int, until: int) -> Columns:
        """Return the rows of a stream that become known in [since, until), numbers turned into ids."""
        rows = self._ledger.between(stream, since, until)
        if not rows:
            return {}
        times = {"at": rows["at"], "known": rows["known"]}
        if stream == "Device":
            return {"id": self._device_ids(rows["key"]), **times, "kind": objects(KINDS[k] for k in rows["kind"])}
        ids = {"id": names(stream[0].lower(), rows["key"]), **times}
        if stream == "Ring":
            return {**ids, "device": self._device_ids(rows["device"]), "cards": rows["cards"]}
        return {**ids, "payment": names("p", rows["payment"]), **({"fraudulent": rows["fraudulent"]} if stream == "Verdict" else {})}

    def _first(self, rows: Columns) -> Columns:
        """Return entities of the beginning with their instants."""
        known = np.full(size(rows), self.start)
        return {"id": rows["id"], "at": known, "known": known, **{name: column for name, column in rows.items() if name != "id"}}

    def _device_ids(self, device: Array) -> Array:
        """Return ids that do not betray what a device is for, as its number would."""
        return objects([f"d{code:012x}" for code in (self._chance.uniform("device id", device) * 2**48).astype(np.int64).tolist()])
