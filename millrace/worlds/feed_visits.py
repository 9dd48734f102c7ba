"""Who refreshes the feed and when: few at night, most from a few eager viewers, sometimes several times in one sitting."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from millrace.errors import BadInput
from millrace.types import DAY, MINUTE, Array, Columns, stack, take
from millrace.worlds.chance import Chance
from millrace.worlds.feed_appeal import DEVICES
from millrace.worlds.feed_viewers import Viewers
from millrace.worlds.rhythm import instants

PER_DAY = 10_000_000
"""Refresh numbers run from day × PER_DAY, so that a day can be drawn without the days before it; at most half of them are used."""

_PAUSE = 3 * MINUTE
"""Usual time between two refreshes of a sitting."""
_DEVICE_SHARES = (0.7, 0.12, 0.18)
_ON_USUAL_DEVICE = 0.85


class Visits:
    """The refreshes of every day, drawn day by day when first needed."""

    def __init__(self, chance: Chance, start: int, viewers: Viewers, per_day: int, sitting: float) -> None:
        if not 0 < per_day <= PER_DAY // 4 or sitting < 1:
            raise BadInput(f"{per_day} requests a day, {sitting} a sitting: give 1 to {PER_DAY // 4} a day, and at least 1 a sitting")
        self._chance = chance
        self._start = start
        self._viewers = viewers
        self._per_day = per_day
        self._sitting = sitting
        self._days: dict[int, Columns] = {}

    def between(self, since: int, until: int) -> dict[str, Array]:
        """Return the refreshes in [since, until) as numbers (`number`, `at`, `viewer`, `device`), in order of (at, number)."""
        first = (since - self._start) // DAY - 1  # a sitting may run past midnight
        last = (until - self._start - 1) // DAY
        rows = stack([self._day(day) for day in range(max(first, 0), max(last, 0) + 1)])
        rows = take(rows, (rows["at"] >= since) & (rows["at"] < until))
        return take(rows, np.lexsort((rows["number"], rows["at"])))

    @cached_property
    def _usual_device(self) -> Array:
        return self._chance.generator("devices").choice(len(DEVICES), size=len(self._viewers), p=_DEVICE_SHARES)

    def _day(self, day: int) -> Columns:
        """Return the refreshes of the sittings that begin on a day, in order of `at`."""
        if day not in self._days:
            self._days[day] = self._drawn(day)
        return self._days[day]

    def _drawn(self, day: int) -> Columns:
        rng = self._chance.generator("visits", day)
        sittings = rng.poisson(self._per_day / self._sitting)
        length = rng.geometric(1.0 / self._sitting, size=sittings)
        sitting = np.repeat(np.arange(sittings), length)
        n = len(sitting)
        gap = np.where(np.diff(sitting, prepend=-1) > 0, 0.0, _PAUSE * rng.lognormal(0.0, 0.6, size=n)).cumsum()
        into = np.minimum(gap - np.repeat(gap[length.cumsum() - length], length), DAY - 1)
        viewer = rng.choice(len(self._viewers), size=sittings, p=self._viewers.activity)[sitting]
        away = rng.random(sittings)[sitting] >= _ON_USUAL_DEVICE
        device = np.where(away, rng.choice(len(DEVICES), size=sittings)[sitting], self._usual_device[viewer])
        at = self._start + day * DAY + instants(rng, sittings)[sitting] + into.astype(np.int64)
        order = np.argsort(at, kind="stable")
        return {"number": day * PER_DAY + np.arange(n), "at": at[order], "viewer": viewer[order], "device": device[order]}
