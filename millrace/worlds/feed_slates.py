"""Decided rows as slates: a row a request, a column a place, which is how a viewer meets them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from millrace.errors import BadInput
from millrace.types import Array, Columns
from millrace.worlds.feed_appeal import DEVICES, Appeal, tiredness
from millrace.worlds.feed_memory import Memory, topic_load, video_load
from millrace.worlds.naming import codes, numbers, require

MOST_PLACES = 1000
_AT_ONCE = 512
"""How many slates are judged at once: enough to be fast, few enough to stay in the processor's cache."""


@dataclass(frozen=True)
class Slates:
    """What viewers were shown, in order of (at, number).

    Attributes:
        number, at, viewer, device: One a request. Shape (n,).
        video: Video numbers from the top down, 0 where there is no row. Shape (n, places).
        rank: Where each stood, 0 at the top. Shape (n, places).
        row: Which decided row it was, −1 where there is none. Shape (n, places).
    """

    number: Array
    at: Array
    viewer: Array
    device: Array
    video: Array
    rank: Array
    row: Array

    @property
    def shown(self) -> Array:
        """Where there is a video. Shape (n, places)."""
        return self.row >= 0

    def take(self, index: Array | slice) -> Slates:
        """Return the slates at `index`."""
        return Slates(**{name: column[index] for name, column in vars(self).items()})

    def parts(self) -> Iterator[Slates]:
        """Yield the slates in parts of a convenient size."""
        for first in range(0, len(self.number), _AT_ONCE):
            yield self.take(slice(first, first + _AT_ONCE))

    def turns(self) -> Iterator[Slates]:
        """Yield everybody's first slate, then everybody's second, …: within a turn no viewer appears twice."""
        order = np.argsort(self.viewer, kind="stable")
        ordered = self.viewer[order]
        turn = np.empty(len(order), np.int64)
        turn[order] = np.arange(len(order)) - np.searchsorted(ordered, ordered)
        for k in range(int(turn.max(initial=-1)) + 1):
            yield self.take(turn == k)


def slates(decided: Columns, appeal: Appeal) -> Slates:
    """Return decided rows as slates.

    Raises:
        BadInput: A column is missing, a row was not taken, or a video was shown before it was uploaded.
        NotFound: A viewer or a video does not exist.
    """
    require(decided, ("request", "at", "viewer", "device", "candidate", "rank"))
    video = numbers("x", decided["candidate"], below=appeal.catalogue.until(int(np.asarray(decided["at"]).max(initial=0))))
    if (appeal.catalogue.videos["uploaded_at"][video] >= decided["at"]).any():
        raise BadInput("a video was shown before it was uploaded: decide with what was known at the request", field="candidate")
    request = numbers("r", decided["request"])
    order = np.lexsort((decided["rank"], request, decided["at"]))
    new = np.diff(request[order], prepend=-1) != 0
    first = np.flatnonzero(new)
    slate = new.cumsum() - 1
    place = np.arange(len(order)) - first[slate]
    shape = (len(first), int(place.max(initial=-1)) + 1)
    if shape[1] > MOST_PLACES or (len(order) and decided["rank"].min() < 0):
        raise BadInput(f"pass only the rows that were taken (rank 0, 1, …), at most {MOST_PLACES} a request", field="rank")
    return Slates(
        number=request[order][first],
        at=np.asarray(decided["at"])[order][first],
        viewer=numbers("v", decided["viewer"][order][first], below=len(appeal.viewers)),
        device=codes(DEVICES, decided["device"][order][first], "device"),
        video=_grid(shape, slate, place, video[order], 0),
        rank=_grid(shape, slate, place, np.asarray(decided["rank"])[order], 0),
        row=_grid(shape, slate, place, order, -1),
    )


def log_odds(shown: Slates, appeal: Appeal, memory: Memory) -> Array:
    """Return the log-odds that each video is finished if it is looked at. Shape (n, places).

    Whoever looks at a place has looked at all above it, so what stands above tires like what was seen long ago: a slate of one topic is
    worth less than its videos one by one.
    """
    topic = appeal.catalogue.videos["topic"]
    seen, age = memory.before(shown.viewer, shown.at)
    above = np.tri(shown.video.shape[1], k=-1, dtype=bool) & shown.shown[:, None, :]
    same_topic = (topic[shown.video][:, :, None] == topic[shown.video][:, None, :]) & above
    same_video = (shown.video[:, :, None] == shown.video[:, None, :]) & above
    load = np.take_along_axis(topic_load(seen, age, topic, appeal.moods.shape[1]), topic[shown.video], axis=1)
    again = ((seen[:, None, :] == shown.video[:, :, None]) * video_load(age)[:, None, :]).sum(axis=2)
    wanted = appeal.of(shown.viewer, shown.video, shown.at)
    return wanted - tiredness(load + same_topic.sum(axis=2), again + same_video.sum(axis=2))


def _grid(shape: tuple[int, int], row: Array, place: Array, values: Array, blank: int) -> Array:
    """Return values laid out by row and place, with `blank` where there are none."""
    out = np.full(shape, blank, np.int64)
    out[row, place] = values
    return out
