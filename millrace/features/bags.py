"""Bags: any number of entries per slot, kept side by side in a few arrays; and a tally whose values are read off them.

What a key has had of different values cannot be kept in one number, nor in the same room for every key. A bag has room for a power of
two of entries; one that outgrows its room moves to the end, and what lies idle is closed up once it is half of all.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from millrace.features.interning import longer
from millrace.features.tallies import Entries, Remaining, concatenated, grouped
from millrace.types import Array

_SMALLEST = 16


class Bags:
    """The entries of each slot."""

    def __init__(self, like: Entries) -> None:
        """Make empty bags for entries such as `like`."""
        self._length = np.zeros(1, dtype=np.int32)
        self._room = np.zeros(1, dtype=np.int32)
        self._start = np.zeros(1, dtype=np.int64)
        self._columns = tuple(np.zeros(_SMALLEST, dtype=column.dtype) for column in like[1:])
        self._end = 0
        self._used = 0

    def grow(self, capacity: int) -> None:
        """Make room for slots below `capacity`."""
        self._length, self._room = longer(self._length, capacity, 0), longer(self._room, capacity, 0)
        self._start = longer(self._start, capacity, 0)

    def of(self, slots: Array) -> Entries:
        """Return the entries of some slots, those of one slot together and in the order they were put."""
        lengths = self._length[slots]
        places = _places(self._start[slots], lengths)
        return np.repeat(slots, lengths), *(column[places] for column in self._columns)

    def put(self, slots: Array, entries: Entries) -> None:
        """Let slots hold these entries in place of what they held.

        Args:
            slots: Ascending, each once.
            entries: Of these slots alone, ordered by slot.
        """
        bounds = np.searchsorted(entries[0], np.append(slots, slots[-1:] + 1))
        self._length[slots] = lengths = np.diff(bounds)
        self._move(slots[lengths > self._room[slots]])
        places = _places(self._start[slots], lengths)
        for column, new in zip(self._columns, entries[1:], strict=True):
            column[places] = new

    def _move(self, slots: Array) -> None:
        """Give slots a place with room for what they will hold. What they held is lost."""
        if len(slots) == 0:
            return
        self._used -= int(self._room[slots].sum())
        self._room[slots] = 0
        if self._end > 2 * self._used + _SMALLEST:
            self._close_up()
        rooms = np.int64(1) << np.frexp(self._length[slots] - 0.5)[1].clip(0).astype(np.int64)
        self._room[slots] = rooms
        self._start[slots] = self._end + np.cumsum(rooms) - rooms
        self._end += int(rooms.sum())
        self._used += int(rooms.sum())
        if self._end > len(self._columns[0]):
            self._columns = tuple(longer(column, 2 * self._end, column[0]) for column in self._columns)

    def _close_up(self) -> None:
        kept = np.flatnonzero(self._room)
        rooms = self._room[kept]
        places = _places(self._start[kept], rooms)
        self._start[kept] = np.cumsum(rooms) - rooms
        self._end = len(places)
        self._columns = tuple(longer(column[places], max(_SMALLEST, 2 * self._end), column[0]) for column in self._columns)

    @property
    def slots(self) -> Array:
        """The slots that have entries, ascending."""
        return np.flatnonzero(self._length)

    @property
    def nbytes(self) -> int:
        """The memory the arrays take, in bytes, texts themselves apart."""
        return sum(one.nbytes for one in (self._length, self._room, self._start, *self._columns))


def _places(starts: Array, lengths: Array) -> Array:
    """Return the places of stretches, one after another."""
    ends = np.cumsum(lengths)
    return np.repeat(starts - (ends - lengths), lengths) + np.arange(int(ends[-1]) if len(ends) else 0)


class Bagged:
    """A tally that keeps folded entries, and reads a value, or several, off those of a slot.

    Attributes:
        value: Shape (capacity,) or (capacity, k).
    """

    def __init__(
        self,
        like: Entries,
        nothing: Array,
        fold: Callable[[Entries], Entries],
        read: Callable[[Entries, Array], Array],
        undone: Callable[[Entries], Entries] | None = None,
    ) -> None:
        """Make an empty tally.

        Args:
            like: Entries of the types it will hold; there need be none.
            nothing: The value of a slot without entries, of the type and shape of one value; if that is several numbers, equal ones.
            fold: Returns as few entries as can stand for some, ordered by slot. Folding again what was folded must not matter.
            read: Returns the values of slots from their folded entries and from where each slot's run starts.
            undone: Returns the entries that take some back when they are added. None: they cannot be taken back, so what remains is
                gone through.
        """
        self._nothing = nothing
        self._fold = fold
        self._read = read
        self._undone = undone
        self._bags = Bags(like)
        self.value = np.full((1, *nothing.shape), nothing, dtype=nothing.dtype)

    def grow(self, capacity: int) -> None:
        """Make room for slots below `capacity`."""
        self.value = longer(self.value, capacity, self._nothing.flat[0])
        self._bags.grow(capacity)

    def add(self, entries: Entries) -> None:
        """Take entries in."""
        if len(entries[0]):
            touched = np.unique(entries[0])
            self._put(touched, self._fold(concatenated([self._bags.of(touched), entries])))

    def remove(self, entries: Entries, remaining: Remaining) -> None:
        """Give up entries: exactly, by taking them back or by going through what remains."""
        if self._undone is not None:
            self.add(self._undone(entries))
        elif len(entries[0]):
            touched = np.unique(entries[0])
            self._put(touched, self.fold(remaining(touched)))

    def _put(self, slots: Array, entries: Entries) -> None:
        self._bags.put(slots, entries)
        self.value[slots] = self._nothing
        if len(entries[0]):
            having, starts, _ = grouped(entries[0])
            self.value[having] = self._read(entries, starts)

    def fold(self, entries: Entries) -> Entries:
        """Return as few entries as can stand for these, by slot."""
        return self._fold(entries) if len(entries[0]) else entries

    def entries(self) -> Entries:
        """Return the entries that stand for all that is kept."""
        return self._bags.of(self._bags.slots)

    @property
    def nbytes(self) -> int:
        """The memory its arrays take, in bytes, texts themselves apart."""
        return self.value.nbytes + self._bags.nbytes
