"""What each viewer has looked at, and how much that makes them want less of it."""

from __future__ import annotations

import numpy as np

from millrace.errors import Conflict
from millrace.types import DAY, EVER, HOUR, Array

LAST = 200
"""How many looked-at videos a viewer remembers."""

_TOPIC_FADES = 2 * HOUR
_VIDEO_FADES = 2 * DAY


class Memory:
    """The videos each viewer looked at and when, in order of time; nothing is forgotten, so the past can be asked for exactly."""

    def __init__(self, viewers: int) -> None:
        self._count = np.zeros(viewers, np.int64)
        self._latest = np.full(viewers, EVER)
        self._at = [np.empty(64, np.int64) for _ in range(viewers)]
        self._video = [np.empty(64, np.int32) for _ in range(viewers)]

    def admit(self, viewer: Array, at: Array) -> None:
        """Refuse looks that come before what a viewer has already looked at.

        Raises:
            Conflict: A viewer has already looked at something later.
        """
        early = at < self._latest[viewer]
        if early.any():
            raise Conflict(f"a decision at {at[early.argmax()]} comes after a later one for its viewer: react in order of `at`")

    def look(self, viewer: int, at: int, videos: Array) -> None:
        """Note that a viewer looked at videos at an instant, not before any earlier look."""
        n = int(self._count[viewer])
        end = n + len(videos)
        while end > len(self._at[viewer]):
            self._at[viewer] = np.concatenate([self._at[viewer], np.empty_like(self._at[viewer])])
            self._video[viewer] = np.concatenate([self._video[viewer], np.empty_like(self._video[viewer])])
        self._at[viewer][n:end] = at
        self._video[viewer][n:end] = videos
        self._count[viewer] = end
        self._latest[viewer] = at

    def before(self, viewer: Array, at: Array) -> tuple[Array, Array]:
        """Return the last videos that viewers looked at before instants, and how long ago, in microseconds.

        Args:
            viewer: Viewer numbers. Shape (n,).
            at: Instants. Shape (n,).

        Returns:
            Video numbers, −1 where there are fewer, and ages. Both of shape (n, LAST).
        """
        video = np.full((len(viewer), LAST), -1, np.int32)
        age = np.zeros((len(viewer), LAST), np.int64)
        for row, (who, when) in enumerate(zip(viewer.tolist(), at.tolist(), strict=True)):
            end = int(np.searchsorted(self._at[who][: self._count[who]], when))
            first = max(0, end - LAST)
            video[row, : end - first] = self._video[who][first:end]
            age[row, : end - first] = when - self._at[who][first:end]
        return video, age


def topic_load(video: Array, age: Array, topic: Array, topics: int) -> Array:
    """Return how much of each topic is still fresh in mind: looks, each fading within hours.

    Args:
        video: Video numbers or −1, as `Memory.before` returns them. Shape (n, LAST).
        age: How long ago. Shape (n, LAST).
        topic: Topic of each video. Shape (videos,).
        topics: How many topics there are.

    Returns:
        Shape (n, topics).
    """
    row, place = np.nonzero(video >= 0)
    slot = row * topics + topic[video[row, place]]
    weight = np.exp(-age[row, place] / _TOPIC_FADES)
    return np.bincount(slot, weights=weight, minlength=len(video) * topics).reshape(len(video), topics)


def video_load(age: Array) -> Array:
    """Return how much a look at a video is still in mind after an age in microseconds: it takes days to want it again."""
    return np.exp(-age / _VIDEO_FADES)
