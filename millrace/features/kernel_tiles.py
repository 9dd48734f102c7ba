"""Events in the order they leave windows, and the tails of windows among them: one sort finds both.

Tails stop only on whole hops, so all that windows can tell of when an event happened is its tile. Tiles are small numbers: they fit a
word together with the key and the position, which NumPy sorts many times faster than pairs, and they are fetched in any order from memory
that the processor's cache holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from millrace.errors import BadInput
from millrace.features.window import Window
from millrace.types import Array

_NARROW = 2**32
"""Tiles that span less are numbered from the first, in as few bytes as they take."""


@dataclass(frozen=True, eq=False)
class Tiles:
    """The tile each event happened in: all that windows with the same grid of hops can tell apart.

    Attributes:
        of_events: Counted from `first`, in the narrowest type that holds them. Shape (events,).
        grid: The length of a tile in microseconds: the greatest common divisor of the hops.
        first: The tile, counted from 1970, that has number 0.
    """

    of_events: Array
    grid: int
    first: int

    @classmethod
    def of(cls, at: Array, windows: Sequence[Window]) -> Tiles:
        """Number the tiles of events that happened at `at`, in microseconds, of shape (events,)."""
        grid = math.gcd(*(window.hop for window in windows)) or 2**62  # lifetime windows alone see one tile
        tile = at // grid
        first, last = (int(tile.min()), int(tile.max())) if len(tile) else (0, 0)
        if last - first >= _NARROW:
            return cls(tile, grid, 0)
        tile -= first
        return cls(tile.astype(np.min_scalar_type(last - first)), grid, first)

    def tails(self, watermark: Array, windows: Sequence[Window]) -> Array:
        """Return the tile that each window starts with at each watermark. Shape (windows, rows)."""
        return np.stack([window.lo(watermark) // self.grid - self.first for window in windows])


def leaving(rank: Array, tile: Array, row_rank: Array, tails: Array) -> tuple[Array, Array]:
    """Order events by key and tile, those of one tile as they are given, and find how many of them come before each tail.

    Args:
        rank: The rank of each event's key, from 0. Shape (events,), at least one.
        tile: Its tile. Shape (events,), int64.
        row_rank: The rank of each row's key. Shape (rows,).
        tails: The tiles that windows start with. Shape (windows, rows).

    Returns:
        The positions of the events in this order, shape (events,); and how many come before each tail, those of lower ranks included,
        shape of `tails`.

    Raises:
        BadInput: So many hops for so many keys do not fit 62 bits.
    """
    first, last = int(tile.min()), int(tile.max())
    bits = (last - first + 1).bit_length()
    if int(rank.max() + 1).bit_length() + bits > 62:
        raise BadInput(
            f"{last - first + 1} hops from the first to the last event are too many: mend impossible instants or lengthen hops", "at"
        )
    asked = tails.size
    marks = np.empty(asked + len(tile), np.int64)
    of_tails, of_events = marks[:asked].reshape(tails.shape), marks[asked:]  # a tail comes before the events of its tile
    np.clip(tails, first, last + 1, out=of_tails)
    of_tails += row_rank << bits
    np.left_shift(rank, bits, out=of_events)
    of_events += tile
    marks -= first
    order = _order(marks)
    is_event = order >= asked
    at_tail, at_event = np.flatnonzero(~is_event), np.flatnonzero(is_event)  # an index by booleans would be several times slower
    before = np.empty(asked, np.int64)
    before[order.take(at_tail)] = at_tail - np.arange(asked)
    return order.take(at_event) - asked, before.reshape(tails.shape)


def _order(marks: Array) -> Array:
    """Return the positions of numbers that are not negative, in ascending order, those of equal ones as given; overwrite them."""
    bits = len(marks).bit_length()
    if int(marks.max()).bit_length() + bits > 63:
        return np.argsort(marks, kind="stable")
    marks <<= bits
    marks |= np.arange(len(marks))
    marks.sort()
    marks &= (1 << bits) - 1
    return marks
