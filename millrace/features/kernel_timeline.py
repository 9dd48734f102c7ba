"""One aggregate's events sorted once, and which of them count for each row in each window.

Whatever subtracts is two binary searches. An event with `at < lo(w)` was known before `w`, unless it came so late that it never counts;
so the events of a window are those with `known < w` less those with `at < lo(w)`, and a sum over them is the difference of two running
sums. The few that never count are subtracted before they were added: on the rows in between they are given back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from millrace.features.kernel_orders import Tiled
from millrace.features.window import Window
from millrace.types import Array

Running: TypeAlias = tuple[Array, Array]
"""Running sums of one int64 column, in the order events enter windows and in the order they leave them. Shapes (events + 1,)."""


class Timeline:
    """The events of some keys, to be asked about several windows.

    Args:
        rank: The rank of each event's key: ascending. Shape (events,).
        count: How many ranks there are.
        at: When each happened, in microseconds. Shape (events,).
        known: When each was acknowledged: ascending within a key, as they enter windows. Shape (events,).
        windows: Those that will be asked about.

    Attributes:
        leaving: The events by key and in the order they leave windows, as places in the order given. Shape (events,).
        most: How many events the key with most events has: no sum has more terms.
        windows: As given.

    Raises:
        BadInput: The events span more hops than can be numbered.
    """

    def __init__(self, rank: Array, count: int, at: Array, known: Array, windows: Sequence[Window]) -> None:
        self.windows = tuple(windows)
        self.most = int(np.diff(np.searchsorted(rank, np.arange(count + 1))).max())
        self._tiled = Tiled.of(rank, at, count, self.windows)
        self.leaving = self._tiled.order
        shortest = min((window.length for window in self.windows if not window.is_lifetime), default=None)
        self._late = np.flatnonzero(known - at >= shortest) if shortest is not None else np.empty(0, np.int64)
        self._late_at, self._late_known = at[self._late], known[self._late]

    def spans(self, rank: Array, watermark: Array, entered: Array) -> list[Span]:
        """Find which events count for each row, in each of the windows.

        Args:
            rank: The rank of each row's key: ascending. Shape (rows,).
            watermark: The row sees what was known before it: ascending within a key. Shape (rows,).
            entered: How many events come before the first that the row does not know yet. Shape (rows,).

        Returns:
            A span for each window, in their order.
        """
        return [self._span(rank, watermark, entered, window) for window in self.windows]

    def _span(self, rank: Array, watermark: Array, entered: Array, window: Window) -> Span:
        left = self._tiled.before(rank, window.lo(watermark))
        expired = self._late[window.expired(self._late_at, self._late_known)]
        gone = np.searchsorted(left, self.place_leaving[expired], side="right")
        arrived = np.searchsorted(entered, expired, side="right")
        return Span(self, entered, left, expired, gone, arrived)

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
        sums = entering.take(self.entered) - leaving.take(self.left)
        return sums + self._given_back(entering[self.expired + 1] - entering[self.expired])

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
