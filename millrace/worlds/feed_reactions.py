"""What viewers do about a slate: look down it, watch, finish, like, follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millrace.types import SECOND, Array, Columns
from millrace.worlds.chance import Chance
from millrace.worlds.feed_appeal import Appeal, likelihood, looking
from millrace.worlds.feed_slates import MOST_PLACES, Slates

_BETWEEN = 0.8
"""Seconds from the end of one video to the start of the next."""
_SWIPED = 0.85
"""Share of the looks at a video nobody would finish that end in a swipe within two seconds."""
_STARTED = 0.3
"""Share of the swiped videos that had begun to play, and so leave a Watch."""


@dataclass(frozen=True)
class Reactions:
    """What happened to slates. All of shape (n, places); times are in microseconds since 1970, lengths in seconds.

    Every place down to where a viewer stops is `looked` at; a video swiped away before it began to play is not `played`.
    """

    looked: Array
    played: Array
    finished: Array
    liked: Array
    seconds: Array
    ended_at: Array


def reactions(shown: Slates, log_odds: Array, appeal: Appeal, chance: Chance) -> Reactions:
    """Draw what viewers do. The draws belong to (request, video), so another slate for the same request meets the same luck.

    Each viewer looks down to a place of the request's own and at all above it.
    """
    request = shown.number[:, None]
    looked = shown.shown & (chance.uniform("looks", shown.number)[:, None] < looking(shown.device[:, None], shown.rank))
    likely = likelihood(log_odds)
    finished = looked & (chance.uniform("finishes", request, shown.video) < likely)
    liked = finished & (chance.uniform("likes", request, shown.video) < 0.05 + 0.25 * likely)
    swiped = ~finished & (chance.uniform("swipes", request, shown.video) < _SWIPED * (1.0 - likely))
    played = looked & ~(swiped & (chance.uniform("starts", request, shown.video) >= _STARTED))
    length = appeal.catalogue.videos["seconds"][shown.video]
    share = chance.uniform("watches", request, shown.video)
    seconds = np.where(finished, length, np.where(swiped, 0.3 + 1.7 * share, length * (0.1 + 0.8 * share)))
    elapsed = np.cumsum((seconds + _BETWEEN) * looked, axis=1)
    return Reactions(looked, played, finished, liked, seconds, shown.at[:, None] + (elapsed * SECOND).astype(np.int64))


def watches(shown: Slates, drawn: Reactions) -> Columns:
    """Return the watches as numbers: `key`, `at`, `viewer`, `video`, `seconds`, `completed`."""
    row, place = np.nonzero(drawn.played)
    return {
        **_events(shown, drawn.ended_at, row, place),
        "seconds": drawn.seconds[row, place],
        "completed": drawn.finished[row, place],
    }


def likes(shown: Slates, drawn: Reactions, chance: Chance) -> Columns:
    """Return the likes as numbers: `key`, `at` (within seconds of the end), `viewer`, `video`."""
    row, place = np.nonzero(drawn.liked)
    wait = (SECOND * (0.5 + 4.0 * chance.uniform("like waits", shown.number[row], shown.video[row, place]))).astype(np.int64)
    rows = _events(shown, drawn.ended_at, row, place)
    return {**rows, "at": rows["at"] + wait}


def follows(shown: Slates, drawn: Reactions, appeal: Appeal, chance: Chance, following: set[tuple[int, int]]) -> Columns:
    """Return the new follows as numbers: `key`, `at`, `viewer`, `creator`; and add them to `following`, (viewer, creator)."""
    creator = appeal.catalogue.videos["creator"][shown.video]
    wish = 0.04 * np.exp(appeal.catalogue.reputation[creator])
    row, place = np.nonzero(drawn.finished & (chance.uniform("follows", shown.number[:, None], shown.video) < wish))
    rows = {**_events(shown, drawn.ended_at + SECOND, row, place), "creator": creator[row, place]}
    new = np.zeros(len(row), bool)
    for k, pair in enumerate(zip(rows["viewer"].tolist(), rows["creator"].tolist(), strict=True)):
        new[k] = pair not in following
        following.add(pair)
    return {name: rows[name][new] for name in ("key", "at", "viewer", "creator")}


def _events(shown: Slates, at: Array, row: Array, place: Array) -> dict[str, Array]:
    """Return what events at some places of slates have in common."""
    return {
        "key": shown.number[row] * MOST_PLACES + place,
        "at": at[row, place],
        "viewer": shown.viewer[row],
        "video": shown.video[row, place],
    }
