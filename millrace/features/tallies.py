"""What a key's events come to, kept by slot: sums, extremes and the latest, each able to take entries in and give them up again.

An entry is a slot with a value (and, for the latest, its place in the order of events). A tally is read by gathering from `value`; slot 0
is nobody's and always empty. Entries can be folded: fewer entries that stand for the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np

from millrace.features.exact_sums import FloatLimbs
from millrace.features.interning import longer
from millrace.types import Array

Entries: TypeAlias = tuple[Array, ...]
"""Slots, then the columns of what each entry holds; equal lengths."""

Remaining: TypeAlias = Callable[[Array], Entries]
"""Returns the entries still counted for the given slots."""


class Tally(Protocol):
    """What one state keeps per slot."""

    value: Array
    """What each slot's entries come to. Shape (capacity,), or (capacity, k) where that is k values."""

    def grow(self, capacity: int) -> None:
        """Make room for slots below `capacity`."""
        ...

    def add(self, entries: Entries) -> None:
        """Take entries in."""
        ...

    def remove(self, entries: Entries, remaining: Remaining) -> None:
        """Give up entries taken in before; `remaining` tells what is left of the slots concerned."""
        ...

    def fold(self, entries: Entries) -> Entries:
        """Return as few entries as can stand for these, by slot."""
        ...

    def entries(self) -> Entries:
        """Return entries that stand for all that is kept."""
        ...

    @property
    def nbytes(self) -> int:
        """The memory its arrays take, in bytes."""
        ...


class WholeSums:
    """Exact sums of whole numbers; counts among them."""

    def __init__(self) -> None:
        self.value = np.zeros(1, dtype=np.int64)

    def grow(self, capacity: int) -> None:
        """Make room for slots below `capacity`."""
        self.value = longer(self.value, capacity, 0)

    def add(self, entries: Entries) -> None:
        """Add each entry's number to its slot."""
        slots, numbers = entries
        np.add.at(self.value, slots, numbers)

    def remove(self, entries: Entries, remaining: Remaining) -> None:
        """Subtract what was added."""
        slots, numbers = entries
        np.subtract.at(self.value, slots, numbers)

    def fold(self, entries: Entries) -> Entries:
        """Return one entry per slot: its sum."""
        slots, starts, order = grouped(entries[0])
        return slots, np.add.reduceat(entries[1][order], starts)

    def entries(self) -> Entries:
        """Return an entry for each slot that is not 0."""
        slots = np.flatnonzero(self.value)
        return slots, self.value[slots]

    @property
    def nbytes(self) -> int:
        """The memory its arrays take, in bytes."""
        return self.value.nbytes


class FloatSums:
    """Exact sums of floats, rounded once when read: as many limbs of fixed point as the values seen so far need.

    Limbs add and subtract exactly, so values never drift however much comes and goes. Of one slot 2**30 entries fit.
    """

    _BITS = 32

    def __init__(self) -> None:
        self.value = np.zeros(1)
        self._layout: FloatLimbs | None = None
        self._limbs: list[Array] = []

    def grow(self, capacity: int) -> None:
        """Make room for slots below `capacity`."""
        self.value = longer(self.value, capacity, 0.0)
        self._limbs = [longer(limb, capacity, 0) for limb in self._limbs]

    def add(self, entries: Entries) -> None:
        """Add each entry's number to its slot."""
        self._change(entries, np.add)

    def remove(self, entries: Entries, remaining: Remaining) -> None:
        """Subtract what was added: exactly."""
        self._change(entries, np.subtract)

    def _change(self, entries: Entries, how: np.ufunc) -> None:
        slots, numbers = entries
        if len(slots) == 0:
            return
        layout = self._layout = self._covering(numbers)
        for limb, part in zip(self._limbs, layout.cut(numbers, 0, layout.count), strict=True):
            how.at(limb, slots, part)
        self.value[slots] = layout.join([limb[slots] for limb in self._limbs])

    def exact(self, slots: Array) -> tuple[FloatLimbs, list[Array]]:
        """Return what is kept of some slots before it is rounded: how sums are cut, and each limb. At least one number was added."""
        assert self._layout is not None, "there are sums once a number was added"
        return self._layout, [limb[slots] for limb in self._limbs]

    def _covering(self, numbers: Array) -> FloatLimbs:
        """Put limbs above the first and below the last until numbers fit; return the layout that results."""
        bits, top = self._BITS, int(np.frexp(np.abs(numbers).max())[1])
        old = self._layout or FloatLimbs(-(-top // bits) * bits, bits, 0)
        above = max(0, -(-(top - old.top) // bits))
        top, count = old.top + above * bits, max(1, old.count + above)
        while np.modf(np.ldexp(numbers, count * bits - top))[0].any():
            count += 1
        blank = [np.zeros(len(self.value), dtype=np.int64) for _ in range(count - old.count)]
        self._limbs = blank[:above] + self._limbs + blank[above:]
        return FloatLimbs(top, bits, count)

    def fold(self, entries: Entries) -> Entries:
        """Return a few entries per slot whose exact sum is that of its entries."""
        slots, starts, order = grouped(entries[0])
        numbers = entries[1][order]
        layout = FloatLimbs.of(numbers, len(numbers))
        return _expanded(slots, layout, [np.add.reduceat(part, starts) for part in layout.cut(numbers, 0, layout.count)])

    def entries(self) -> Entries:
        """Return a few entries per slot whose exact sum is what is kept."""
        slots = np.arange(len(self.value))
        return _expanded(slots, self._layout, self._limbs) if self._layout else (slots[:0], self.value[:0])

    @property
    def nbytes(self) -> int:
        """The memory its arrays take, in bytes."""
        return self.value.nbytes * (1 + len(self._limbs))


def _expanded(slots: Array, layout: FloatLimbs, sums: list[Array]) -> Entries:
    """Return exact sums as floats: each slot's sum rounded, then what the rounding left, until nothing is."""
    parts: list[Entries] = [(slots[:0], np.zeros(0))]
    while (rounded := layout.join(sums)).any():
        there = np.flatnonzero(rounded)
        parts.append((slots[there], rounded[there]))
        sums = [limb - part for limb, part in zip(sums, layout.cut(rounded, 0, layout.count), strict=True)]
    return concatenated(parts)


class Extremes:
    """The least or the greatest number; NaN where there is none."""

    def __init__(self, pick: np.ufunc) -> None:
        """Keep what `np.fmin` or `np.fmax` picks."""
        self._pick = pick
        self.value = np.full(1, np.nan)

    def grow(self, capacity: int) -> None:
        """Make room for slots below `capacity`."""
        self.value = longer(self.value, capacity, np.nan)

    def add(self, entries: Entries) -> None:
        """Let each entry's number compete for its slot."""
        slots, numbers = entries
        self._pick.at(self.value, slots, numbers + 0.0)  # + 0.0 makes -0.0 and 0.0 one

    def remove(self, entries: Entries, remaining: Remaining) -> None:
        """Let what remains of the slots concerned compete anew."""
        touched = np.unique(entries[0])
        self.value[touched] = np.nan
        self.add(remaining(touched))

    def fold(self, entries: Entries) -> Entries:
        """Return one entry per slot: the one that wins."""
        slots, starts, order = grouped(entries[0])
        return slots, self._pick.reduceat(entries[1][order], starts)

    def entries(self) -> Entries:
        """Return an entry for each slot that has a number."""
        slots = np.flatnonzero(~np.isnan(self.value))
        return slots, self.value[slots]

    @property
    def nbytes(self) -> int:
        """The memory its arrays take, in bytes."""
        return self.value.nbytes


class Latest:
    """The value whose place in the order of events is the last; None or NaN where there is none."""

    def __init__(self, dtype: np.dtype) -> None:
        """Keep text (object) or numbers (anything else, as float64)."""
        self._none = None if dtype.kind == "O" else np.nan
        self.value = np.full(1, self._none, dtype=object if dtype.kind == "O" else np.float64)
        self._place = np.full(1, -1, dtype=np.int64)

    def grow(self, capacity: int) -> None:
        """Make room for slots below `capacity`."""
        self.value = longer(self.value, capacity, self._none)
        self._place = longer(self._place, capacity, -1)

    def add(self, entries: Entries) -> None:
        """Let the last of each slot's entries be its value. They must come after all that were added before."""
        slots, places, values = entries
        if (places[1:] < places[:-1]).any():
            order = np.argsort(places)
            slots, places, values = slots[order], places[order], values[order]
        self.value[slots] = values  # where a slot repeats, NumPy leaves the last
        self._place[slots] = places

    def remove(self, entries: Entries, remaining: Remaining) -> None:
        """Let the last of what remains of the slots concerned be their value."""
        touched = np.unique(entries[0])
        self.value[touched] = self._none
        self._place[touched] = -1
        self.add(remaining(touched))

    def fold(self, entries: Entries) -> Entries:
        """Return one entry per slot: its last."""
        by_place = np.argsort(entries[1], kind="stable")
        slots, starts, order = grouped(entries[0][by_place])
        last = by_place[order[np.append(starts[1:], len(order)) - 1]]
        return slots, entries[1][last], entries[2][last]

    def entries(self) -> Entries:
        """Return an entry for each slot that has a value."""
        slots = np.flatnonzero(self._place >= 0)
        return slots, self._place[slots], self.value[slots]

    @property
    def nbytes(self) -> int:
        """The memory its arrays take, in bytes, the texts themselves apart."""
        return self.value.nbytes + self._place.nbytes


def grouped(slots: Array) -> tuple[Array, Array, Array]:
    """Return the distinct slots, where each one's run starts, and the order that makes runs (stable). For at least one slot."""
    order = np.argsort(slots, kind="stable")
    ordered = slots[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    return ordered[starts], starts, order


def concatenated(parts: list[Entries]) -> Entries:
    """Return the entries of all parts, one after another. For at least one part."""
    return tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))
