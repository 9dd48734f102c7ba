"""How the kernel lays events and rows out: keys as ranks, then grouped by key in the order of one clock.

The orders are sorts of single int64 numbers that hold (rank of the key, place in time). NumPy sorts and searches those many times faster
than it sorts pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millrace.types import Array

NO_KEY = -1
"""The key code of a row that has no key: it matches nothing, not even events that have none."""

MOST_EVENTS = 2**30
"""The most events of one aggregate that fit one go; beyond it they are split by key."""


class Ranks:
    """Key codes (any int64) numbered 0, 1, 2, …, so that a key takes few bits.

    Attributes:
        events: The rank of each event's key. Shape (events,).
        count: How many ranks there are; also the rank of whatever no event has.
    """

    def __init__(self, key: Array) -> None:
        self._first = int(key.min()) if len(key) else 0
        spread = int(key.max()) - self._first + 1 if len(key) else 0
        self._distinct: Array | None = None
        if spread <= max(2 * len(key), 2**16):
            self.events, self.count = key - self._first, spread
        else:
            self._distinct, self.events = np.unique(key, return_inverse=True)
            self.count = len(self._distinct)

    def find(self, key: Array) -> Array:
        """Return the rank of each row's key, `count` where no event has it or the row has none. Shape of `key`."""
        if self._distinct is None:
            known = (key >= self._first) & (key < self._first + self.count)
            rank = key - self._first
        else:
            rank = np.searchsorted(self._distinct, key)
            known = self._distinct[np.minimum(rank, self.count - 1)] == key
        return np.where(known & (key != NO_KEY), rank, self.count)


@dataclass(frozen=True, eq=False)
class Clock:
    """Entries in the order of one clock, whatever their key; ties stay in the order given.

    Attributes:
        times: Their instants, ascending. Shape (n,).
        by_time: The entries in this order, as positions in the arrays given; None where they were given so.
    """

    times: Array
    by_time: Array | None

    @classmethod
    def of(cls, time: Array) -> Clock:
        """Order entries at the instants `time`, of shape (n,)."""
        in_order = bool((time[1:] >= time[:-1]).all())  # as a log nearly always is
        by_time = None if in_order else np.argsort(time, kind="stable")
        return cls(time if by_time is None else time[by_time], by_time)


@dataclass(frozen=True, eq=False)
class Grouped:
    """Entries grouped by the rank of their key and, within a key, in the order of one clock; ties stay in the order given.

    Attributes:
        by_time: The entries in the order of the clock, as positions in the arrays given; None where they were given so.
        packed: The entries in grouped order, each as `rank << bits | its place in the order of the clock`: ascending. Shape (n,).
        bits: How many bits such a place takes.
    """

    by_time: Array | None
    packed: Array
    bits: int

    @classmethod
    def of(cls, rank: Array, clock: Clock) -> Grouped:
        """Group entries with the ranks `rank`, of shape (n,), in the order of their clock."""
        bits = len(rank).bit_length()
        packed = (rank if clock.by_time is None else rank[clock.by_time]) << bits
        packed |= np.arange(len(rank))
        packed.sort()
        return cls(clock.by_time, packed, bits)

    def start(self, rank: Array) -> Array:
        """Return where each rank starts in the grouped order."""
        return np.searchsorted(self.packed, rank << self.bits)

    def ranks(self, part: slice = slice(None)) -> Array:
        """Return the rank of each entry of a part of the grouped order."""
        return self.packed[part] >> self.bits

    def places(self, part: slice = slice(None)) -> Array:
        """Return the place in the order of the clock of each entry of a part of the grouped order."""
        return self.packed[part] & ((1 << self.bits) - 1)

    def positions(self, part: slice = slice(None)) -> Array:
        """Return the entries of a part of the grouped order as positions in the arrays given."""
        return self.places(part) if self.by_time is None else self.by_time[self.places(part)]
