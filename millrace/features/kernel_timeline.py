"""One aggregate's events sorted once, and which of them count for each row in each window.

Whatever subtracts is two counts. An event with `at < lo(w)` was known before `w`, unless it came so late that it never counts;
so the events of a window are those with `known < w` less those with `at < lo(w)`, and a sum over them is the difference of two running
sums. The few that never count are subtracted before they were added: on the rows in between they are given back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from millrace.features.kernel_tiles import leaving
from millrace.features.window import Window
from millrace.types import Array

Running: TypeAlias = tuple[Array, Array]
"""Running sums of one int64 column, in the order events enter windows and in the order they leave them. Shapes (events + 1,)."""


@dataclass(frozen=True, eq=False)
class Came:
    """Events by the rank of their key and, within a key, in the order they became known. All of shape (events,).

    Attributes:
        rank: Of the key: from 0, ascending.
        tile: The tile it happened in, int64.
        late: The events whose delay exceeds the shortest window: only these can have expired. Positions, ascending; shape (late,).
        late_at: When these happened, in microseconds. Shape (late,).
        late_known: When these were acknowledged. Shape (late,).
    """

    rank: Array
    tile: Array
    late: Array
    late_at: Array
    late_known: Array


@dataclass(frozen=True, eq=False)
class Asked:
    """Rows by the rank of their key and, within a key, by watermark.

    Attributes:
        rank: Of the key: ascending. Shape (rows,).
        tails: The tile each window starts with. Shape (windows, rows).
        entered: How many events come before the first that the row does not know yet. Shape (rows,).
    """

    rank: Array
    tails: Array
    entered: Array


class Timeline:
    """The events of some keys beside the rows that ask about them.

    Args:
        came: The events, at least one.
        asked: The rows.
        windows: Those asked about.

    Attributes:
        leaving: The events by key and in the order they leave windows, as places in the order given. Shape (events,).
        most: How many events the key with most events has: no sum has more terms.
        spans: Which events count for each row in each of the windows, in their order.

    Raises:
        BadInput: The events span more hops than can be numbered.
    """

    def __init__(self, came: Came, asked: Asked, windows: Sequence[Window]) -> None:
        self.most = int(np.bincount(came.rank).max())
        self.leaving, before = leaving(came.rank, came.tile, asked.rank, asked.tails)
        arrived = np.searchsorted(asked.entered, came.late, side="right")
        self.spans = [self._span(came, asked.entered, left, arrived, window) for window, left in zip(windows, before, strict=True)]

    def _span(self, came: Came, entered: Array, left: Array, arrived: Array, window: Window) -> Span:
        there = np.flatnonzero(window.expired(came.late_at, came.late_known))
        expired = came.late[there]
        gone = np.searchsorted(left, self.place_leaving[expired], side="right")
        return Span(self, entered, left, expired, gone, arrived[there])

    @cached_property
    def place_leaving(self) -> Array:
        """The place in `leaving` of each event."""
        places = np.empty(len(self.leaving), np.int64)
        places[self.leaving] = np.arange(len(self.leaving))
        return places


@dataclass(frozen=True, eq=False)
class Span:
    """Which of a timeline's events count for each row in one window. Made by `Timeline.spans`; rows are in the order asked with.

    Attributes:
        timeline: The events.
        entered: How many events come before the first that the row does not know yet. Shape (rows,).
        left: How many, in `timeline.leaving`, come before the first that the window covers. Shape (rows,).
        expired: The events that came too late ever to count. Shape (expired,).
        gone: For each of them, the first row whose window has left it. Shape (expired,).
        arrived: For each of them, the first row that knows it; not before `gone`. Shape (expired,).
    """

    timeline: Timeline
    entered: Array
    left: Array
    expired: Array
    gone: Array
    arrived: Array

    @cached_property
    def count(self) -> Array:
        """How many events count for each row, whatever their values. Shape (rows,), int64."""
        return self.entered - self.left + self._given_back(np.ones(len(self.expired), np.int64))

    def difference(self, running: Running) -> Array:
        """Return the sum over each row's events of a column given by its running sums. Shape (rows,), int64; it may have wrapped."""
        entering, leaving = running
        sums = entering.take(self.entered)
        sums -= leaving.take(self.left)
        if len(self.expired):
            sums += self._given_back(entering[self.expired + 1] - entering[self.expired])
        return sums

    def _given_back(self, amounts: Array) -> Array | int:
        """Return what rows between the leaving and the arrival of an expired event are owed: it was subtracted, not yet added."""
        if not len(amounts):
            return 0
        steps = np.zeros(len(self.entered) + 1, np.int64)
        np.add.at(steps, self.gone, amounts)
        np.subtract.at(steps, self.arrived, amounts)
        return np.cumsum(steps)[:-1]

    @cached_property
    def runs(self) -> tuple[Array, Array]:
        """For each event the first row it counts for and the row after the last; for expired ones that is not after the first."""
        n = len(self.timeline.leaving)
        start = np.cumsum(np.bincount(self.entered, minlength=n + 1))[:n]
        stop = np.empty(n, np.int64)
        stop[self.timeline.leaving] = np.cumsum(np.bincount(self.left, minlength=n + 1))[:n]
        return start, stop
