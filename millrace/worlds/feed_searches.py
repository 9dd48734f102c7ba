"""Videos that viewers find by themselves, by search or a link from a friend: what makes a video popular before any feed shows it."""

from __future__ import annotations

import numpy as np

from millrace.types import DAY, SECOND, Array, Columns
from millrace.worlds.chance import Chance
from millrace.worlds.feed_appeal import Appeal, likelihood
from millrace.worlds.feed_slates import MOST_PLACES
from millrace.worlds.feed_visits import PER_DAY
from millrace.worlds.rhythm import instants

_CONSIDERED = 40
"""How many videos a search turns up; the viewer takes the one they want most, more or less."""
_RECENT = 3 * DAY
_RECENT_SHARE = 0.4
"""Share of what turns up that was uploaded within the last days."""


def searches(appeal: Appeal, chance: Chance, start: int, day: int, per_day: int) -> Columns:
    """Return the watches of a day that no feed led to: `key`, `at`, `viewer`, `video`, `seconds`, `completed`.

    They depend on nothing that was decided, and tire nobody.

    Args:
        appeal: The truth.
        chance: Where the draws come from.
        start: The first instant of the world.
        day: Which day of the world, from 0.
        per_day: How many are expected.
    """
    rng = chance.generator("searches", day)
    begin = start + day * DAY
    n = rng.poisson(per_day)
    viewer = rng.choice(len(appeal.viewers), size=n, p=appeal.viewers.activity)
    at = begin + instants(rng, n)
    found = _found(rng, appeal, at)
    log_odds = appeal.of(viewer, found, at)
    chosen = (log_odds + rng.gumbel(size=found.shape)).argmax(axis=1)
    video = found[np.arange(n), chosen]
    completed = rng.random(n) < likelihood(log_odds[np.arange(n), chosen])
    seconds = appeal.catalogue.videos["seconds"][video] * np.where(completed, 1.0, rng.uniform(0.1, 0.9, size=n))
    ended_at = at + (seconds * SECOND).astype(np.int64)
    key = (day * PER_DAY + PER_DAY // 2 + np.arange(n)) * MOST_PLACES  # the upper half of the day's numbers: requests use the lower
    return {"key": key, "at": ended_at, "viewer": viewer, "video": video, "seconds": seconds, "completed": completed}


def _found(rng: np.random.Generator, appeal: Appeal, at: Array) -> Array:
    """Return the numbers of the videos that turn up in each search, many of them recent. Shape (n, _CONSIDERED)."""
    appeal.catalogue.until(int(at.max(initial=0)))
    uploaded_at = appeal.catalogue.videos["uploaded_at"]
    shape = (len(at), _CONSIDERED)
    end = np.searchsorted(uploaded_at, at)[:, None]
    recent = np.minimum(np.searchsorted(uploaded_at, at - _RECENT)[:, None], end - 1)
    first = np.where(rng.random(shape) < _RECENT_SHARE, recent, 0)
    return first + (rng.random(shape) * (end - first)).astype(np.int64)
