"""The best slates one could show, found greedily with the hidden truth in hand."""

from __future__ import annotations

import numpy as np

from millrace.types import Array
from millrace.worlds.feed_appeal import Appeal, tiredness
from millrace.worlds.feed_memory import Memory, topic_load, video_load

_AT_ONCE = 256


def ideal(appeal: Appeal, memory: Memory, viewer: Array, at: Array, era: Array, n: int) -> Array:
    """Return the numbers of the `n` videos to show to each request, best place first. Shape (requests, n).

    From the top down, each place takes the video its viewer most wants after all above it. Greedy, so only nearly optimal: a
    slate that saves a topic's freshness for a later place can be slightly better.

    Args:
        appeal: The truth.
        memory: What viewers have looked at.
        viewer: Viewer numbers, in order of `at`. Shape (requests,).
        at: Instants. Shape (requests,).
        era: Whose tastes to judge by: 0 before the shock, 1 after. Shape (requests,).
        n: How many places.
    """
    out = np.empty((len(viewer), n), np.int64)
    for first in range(0, len(viewer), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        out[part] = _greedy(appeal, memory, viewer[part], at[part], era[part], n)
    return out


def _greedy(appeal: Appeal, memory: Memory, viewer: Array, at: Array, era: Array, n: int) -> Array:
    count = appeal.catalogue.until(int(at.max()))
    topic, topics = appeal.catalogue.videos["topic"][:count], appeal.moods.shape[1]
    seen, age = memory.before(viewer, at)
    wanted = appeal.of_all(viewer, at, era, count)
    row, place = np.nonzero(seen >= 0)
    again = np.bincount(row * count + seen[row, place], weights=video_load(age[row, place]), minlength=wanted.size)
    best, value = _leaders(wanted - tiredness(np.zeros(()), again.reshape(wanted.shape)), topic, topics, n)
    load = topic_load(seen, age, topic, topics)
    used = np.zeros((len(viewer), topics), np.int64)
    out = np.empty((len(viewer), n), np.int64)
    rows = np.arange(len(viewer))
    for k in range(n):
        heads = np.take_along_axis(value, used[:, :, None], axis=2)[:, :, 0]
        chosen = (heads - tiredness(load + used, np.zeros(()))).argmax(axis=1)
        out[:, k] = best[rows, chosen, used[rows, chosen]]
        used[rows, chosen] += 1
    return out


def _leaders(wanted: Array, topic: Array, topics: int, n: int) -> tuple[Array, Array]:
    """Return the numbers and log-odds of each topic's `n` most wanted videos, best first. Both of shape (requests, topics, n + 1).

    Tiring of a topic lowers all its videos alike, so only a topic's leaders can ever be taken; the last entry marks its end.
    """
    best = np.zeros((len(wanted), topics, n + 1), np.int64)
    value = np.full(best.shape, -np.inf)
    for number in range(topics):
        videos = np.flatnonzero(topic == number)
        if not len(videos):
            continue
        k = min(n, len(videos))
        own = wanted[:, videos]
        top = np.argpartition(-own, k - 1, axis=1)[:, :k]
        top = np.take_along_axis(top, np.argsort(-np.take_along_axis(own, top, axis=1), axis=1, kind="stable"), axis=1)
        best[:, number, :k] = videos[top]
        value[:, number, :k] = np.take_along_axis(own, top, axis=1)
    return best, value
