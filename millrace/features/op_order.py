"""`last`, `first` and `last_k`: values picked by the order in which events became known. They cannot subtract."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from millrace.features.interning import longer
from millrace.features.operation import NUMBERS, Answer, Need, Operation, Partial, Settings, alone, as_had, nowhere, placed
from millrace.features.tallies import Entries, Latest, Remaining, grouped
from millrace.features.window import Window
from millrace.types import Array

ANYTHING = NUMBERS | {"instant", "text", "bytes"}
_NO_RANK = -(2**62)


class Foremost:
    """The values of the `most` entries with the highest ranks, highest first; None or NaN where there are fewer.

    An entry is a slot, a rank and a value. Ranks of one slot differ.

    Attributes:
        value: Shape (capacity, most).
    """

    def __init__(self, dtype: np.dtype, most: int) -> None:
        """Keep text (object) or numbers (anything else, as float64)."""
        self._none = None if dtype.kind == "O" else np.nan
        self._most = most
        self.value = np.full((1, most), self._none, dtype=object if dtype.kind == "O" else np.float64)
        self._rank = np.full((1, most), _NO_RANK, dtype=np.int64)

    def grow(self, capacity: int) -> None:
        """Make room for slots below `capacity`."""
        self.value = longer(self.value, capacity, self._none)
        self._rank = longer(self._rank, capacity, _NO_RANK)

    def add(self, entries: Entries) -> None:
        """Let entries compete with those kept, in any order."""
        if len(entries[0]) == 0:
            return
        touched = np.unique(entries[0])
        kept = self._of(touched)
        slots, ranks, values, places = self._best(tuple(np.concatenate(pair) for pair in zip(kept, entries, strict=True)))
        self._clear(touched)
        self.value[slots, places], self._rank[slots, places] = values, ranks

    def remove(self, entries: Entries, remaining: Remaining) -> None:
        """Let what remains of the slots concerned compete anew."""
        touched = np.unique(entries[0])
        self._clear(touched)
        self.add(remaining(touched))

    def fold(self, entries: Entries) -> Entries:
        """Return the best entries of each slot."""
        return self._best(entries)[:3]

    def entries(self) -> Entries:
        """Return an entry for each value kept."""
        return self._of(np.arange(len(self.value)))

    def _of(self, slots: Array) -> Entries:
        row, column = np.nonzero(self._rank[slots] != _NO_RANK)
        return slots[row], self._rank[slots[row], column], self.value[slots[row], column]

    def _clear(self, slots: Array) -> None:
        self.value[slots] = self._none
        self._rank[slots] = _NO_RANK

    def _best(self, entries: Entries) -> tuple[Array, Array, Array, Array]:
        """Return the entries to keep, and the place of each among those of its slot."""
        order = np.lexsort((-entries[1], entries[0]))
        slots = entries[0][order]
        _, starts, _ = grouped(slots)
        places = np.arange(len(slots)) - np.repeat(starts, np.diff(np.append(starts, len(slots))))
        best = places < self._most
        kept = order[best]
        return slots[best], entries[1][kept], entries[2][kept], places[best]

    @property
    def nbytes(self) -> int:
        """The memory its arrays take, in bytes, the texts themselves apart."""
        return self.value.nbytes + self._rank.nbytes


def _earliest_first(slots: Array, places: Array, values: Array) -> Entries:
    return slots, -places, values


def _column(states: Sequence[Array], settings: Settings, _: Window, __: Array | int) -> Array:
    return states[0][:, int(settings[1]) - 1]


def _only_column(states: Sequence[Array], _: Settings, __: Window, ___: Array | int) -> Array:
    return states[0][:, 0]


def _nowhere_k(_: Array | None, settings: Settings) -> Array:
    return np.full(int(settings[0]), -1, dtype=np.int64)


LATEST = Partial(
    "last",
    form=as_had,
    answer=Answer(lambda values, span, _: values.last(span), nowhere, picks=True, numbers=False, valued=False),
    tally=lambda dtype, _: Latest(dtype),
    entries=placed,
    subtracts=False,
)
LATEST_K = Partial(
    "last_k",
    form=as_had,
    answer=Answer(
        lambda values, span, settings: values.latest(span, int(settings[0])), _nowhere_k, picks=True, numbers=False, valued=False
    ),
    tally=lambda dtype, settings: Foremost(dtype, int(settings[0])),
    entries=placed,
    subtracts=False,
)
EARLIEST = Partial(
    "first",
    form=as_had,
    answer=Answer(
        lambda values, span, _: values.first(span)[:, np.newaxis],
        lambda _, __: np.full(1, -1, dtype=np.int64),
        picks=True,
        numbers=False,
        valued=False,
    ),
    tally=lambda dtype, _: Foremost(dtype, 1),
    entries=_earliest_first,
    subtracts=False,
)

LAST = Operation("last", "values", ANYTHING, lambda _, __: (Need("last"),), alone, gives="value")
FIRST = Operation("first", "values", ANYTHING, lambda _, __: (Need("first"),), _only_column, gives="value")
LAST_K = Operation("last_k", "values", ANYTHING, lambda settings, _: (Need("last_k", settings[:1]),), _column, gives="value")
