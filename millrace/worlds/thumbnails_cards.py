"""Which cards are shown to whom, and when: a viewer, a video and a row of the page; the artwork is what is decided."""

from __future__ import annotations

import numpy as np

from millrace.errors import BadInput
from millrace.types import DAY, Array, Columns, stack, take
from millrace.worlds.chance import Chance
from millrace.worlds.rhythm import instants

PER_DAY = 10_000_000
"""Card numbers run from day × PER_DAY, so that a day can be drawn without the days before it."""

ROWS = 5
"""How many rows a page has; each is reached by four in five of those who reached the one above."""


class Cards:
    """The cards of every day, drawn day by day when first needed."""

    def __init__(self, chance: Chance, start: int, activity: Array, popularity: Array, per_day: int) -> None:
        if not 0 < per_day <= PER_DAY // 4:
            raise BadInput(f"{per_day} requests a day: give 1 to {PER_DAY // 4}", field="requests_per_day")
        self._chance, self._start, self._per_day = chance, start, per_day
        self._activity, self._popularity = activity, popularity
        self._days: dict[int, Columns] = {}

    def between(self, since: int, until: int) -> dict[str, Array]:
        """Return the cards in [since, until) as numbers (`number`, `at`, `viewer`, `video`, `row`), in order of `at`."""
        first, last = (since - self._start) // DAY, (until - self._start - 1) // DAY
        rows = stack([self._day(day) for day in range(max(first, 0), max(last, 0) + 1)])
        return take(rows, (rows["at"] >= since) & (rows["at"] < until))

    def _day(self, day: int) -> Columns:
        if day not in self._days:
            self._days[day] = self._drawn(day)
        return self._days[day]

    def _drawn(self, day: int) -> Columns:
        rng = self._chance.generator("cards", day)
        n = rng.poisson(self._per_day)
        return {
            "number": day * PER_DAY + np.arange(n),
            "at": np.sort(self._start + day * DAY + instants(rng, n)),
            "viewer": rng.choice(len(self._activity), size=n, p=self._activity),
            "video": rng.choice(len(self._popularity), size=n, p=self._popularity),
            "row": np.minimum(rng.geometric(0.2, size=n) - 1, ROWS - 1),
        }
