"""Every payment of the fraud world with its truth, drawn day by day, and the devices that come with them."""

from __future__ import annotations

import numpy as np

from millrace.errors import BadInput, NotFound
from millrace.types import DAY, HOUR, Array, Columns, stack, take
from millrace.worlds.chance import Chance
from millrace.worlds.fraud_attacks import HONEST, LONGEST, gang_payments, gangs, tester_payments, thief_payments
from millrace.worlds.fraud_people import People, honest, new_on

PER_DAY = 10_000_000
"""Payment numbers run from day × PER_DAY, so that a day can be drawn without the days before it."""


class Payments:
    """The payments of every day: they come from outside and depend on nothing that was decided.

    Columns by row: `number`, `at`, `card`, `device`, `merchant`, `cents`, `attack` (the hidden truth: see `fraud_attacks`).
    """

    def __init__(
        self, chance: Chance, start: int, people: People, per_day: int, fraud_share: float, attack_at: int | None, attack_share: float
    ) -> None:
        if not 0 < per_day <= PER_DAY // 4 or not 0 <= fraud_share <= 1 or not 0 <= attack_share <= 1:
            given = f"{per_day} payments a day, shares of {fraud_share} and {attack_share}"
            raise BadInput(f"{given}: give 1 to {PER_DAY // 4} payments a day, and shares in [0, 1]")
        self._chance = chance
        self._start = start
        self._people = people
        self._honest_per_day = round(per_day * (1 - fraud_share))
        self._fraud_per_day = per_day * fraud_share
        self._tests_per_day = per_day * attack_share
        self._attack_at = attack_at
        self._days: dict[int, dict[str, Array]] = {}

    def between(self, since: int, until: int) -> dict[str, Array]:
        """Return the payments in [since, until), in order of (at, number)."""
        first = max((since - self._start) // DAY, 0)
        last = max((until - self._start - 1) // DAY, first)
        rows = stack([self.day(day) for day in range(first, last + 1)])
        return take(rows, (rows["at"] >= since) & (rows["at"] < until))

    def of(self, numbers: Array) -> dict[str, Array]:
        """Return the payments with these numbers, in their order.

        Raises:
            NotFound: A number is no payment's.
        """
        day, row = np.divmod(numbers, PER_DAY)
        out = {name: np.empty(len(numbers), column.dtype) for name, column in self.day(0).items()}
        for number in np.unique(day):
            at = np.flatnonzero(day == number)
            rows = self.day(int(number))
            if row[at].max() >= len(rows["at"]):
                raise NotFound(f"this world has no payment 'p{numbers[at][row[at].argmax()]}': use the ids it gave out")
            for name, column in rows.items():
                out[name][at] = column[row[at]]
        return out

    def day(self, day: int) -> dict[str, Array]:
        """Return the payments of a day of the world, in order of `at`."""
        if day not in self._days:
            self._days[day] = self._drawn(day)
        return self._days[day]

    def devices(self, day: int) -> Columns:
        """Return the devices first used on a day: `device` and `at`, when it was registered, in the small hours or the evening before."""
        used = self.day(day)["device"]
        fresh = np.unique(np.concatenate([self._gang_devices(day), used[new_on(used, day)], self._people.replaced(day)]))
        ahead = HOUR * (1.0 + 3.0 * self._chance.uniform("registered", fresh))
        return {"device": fresh, "at": np.maximum(self._start + day * DAY - ahead.astype(np.int64), self._start)}

    def first_devices(self) -> Columns:
        """Return the devices that exist when the world begins, those of gangs already at work among them: `device` and `at`."""
        at_work = [self._gang_devices(day) for day in range(-LONGEST, 0)]
        device = np.concatenate([self._people.devices(), *at_work])
        return {"device": device, "at": np.full(len(device), self._start)}

    def _gang_devices(self, day: int) -> Array:
        """Return the devices of the gangs that begin on a day."""
        begun = [gang.devices for gang in gangs(self._chance, day, self._fraud_per_day)]
        return np.concatenate([np.zeros(0, np.int64), *begun])

    def _drawn(self, day: int) -> dict[str, Array]:
        usual = honest(self._chance.generator("honest", day), self._people, day, self._honest_per_day)
        parts = [
            {**usual, "attack": np.full(len(usual["card"]), HONEST)},
            gang_payments(self._chance, self._people, day, self._fraud_per_day),
            thief_payments(self._chance, self._people, day, self._fraud_per_day),
            self._tests(day),
        ]
        rows = stack(parts)
        at = self._start + day * DAY + np.minimum(rows.pop("into"), DAY - 1)
        rows["at"] = at
        return {"number": day * PER_DAY + np.arange(len(at)), **take(rows, np.argsort(at, kind="stable"))}

    def _tests(self, day: int) -> Columns:
        """Return the card testers' payments of a day: none before their attack begins."""
        tests = tester_payments(self._chance, self._people, day, self._tests_per_day)
        begins = np.inf if self._attack_at is None else self._attack_at - (self._start + day * DAY)
        return take(tests, tests["into"] >= begins)
