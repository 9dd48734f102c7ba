"""`streak`: how many of the latest events in a row met a condition. It cannot subtract."""

from __future__ import annotations

import numpy as np

from millrace.features.interning import longer
from millrace.features.operation import Answer, Need, Operation, Partial, alone, as_had, none
from millrace.features.tallies import Entries, Remaining, grouped
from millrace.types import Array


class Streaks:
    """How many events in a row, up to the latest, met a condition; 0 where the latest did not.

    An entry is a slot, a place in the order of events, and the length of a run that ends there; length 0 is an event that breaks runs.

    Attributes:
        value: Shape (capacity,), int64.
    """

    def __init__(self) -> None:
        self.value = np.zeros(1, dtype=np.int64)
        self._broken = np.full(1, -1, dtype=np.int64)
        self._place = np.full(1, -1, dtype=np.int64)

    def grow(self, capacity: int) -> None:
        """Make room for slots below `capacity`."""
        self.value = longer(self.value, capacity, 0)
        self._broken, self._place = longer(self._broken, capacity, -1), longer(self._place, capacity, -1)

    def add(self, entries: Entries) -> None:
        """Let entries go on with their slot's run or break it. They must come after all that were added before."""
        slots, places, runs = entries
        breaks = runs == 0
        np.maximum.at(self._broken, slots[breaks], places[breaks])
        np.maximum.at(self._place, slots, places)
        self.value[slots[breaks]] = 0
        counts = places > self._broken[slots]
        np.add.at(self.value, slots[counts], runs[counts])

    def remove(self, entries: Entries, remaining: Remaining) -> None:
        """Let what remains of the slots concerned make their run anew."""
        touched = np.unique(entries[0])
        self.value[touched] = 0
        self._broken[touched] = self._place[touched] = -1
        self.add(remaining(touched))

    def fold(self, entries: Entries) -> Entries:
        """Return what may still matter: of each slot the last entry that breaks, and the runs after it.

        Runs stay apart, as an entry elsewhere may come to break them; what precedes a break leaves no later than the break does.
        """
        _, starts, order = grouped(entries[0])
        ordered = tuple(column[order] for column in entries)
        broken = np.maximum.reduceat(np.where(ordered[2] == 0, ordered[1], -1), starts)
        kept = ordered[1] >= np.repeat(broken, np.diff(np.append(starts, len(order))))
        return tuple(column[kept] for column in ordered)

    def entries(self) -> Entries:
        """Return for each slot the entry that broke its last run, and one for its present run."""
        broken, run = np.flatnonzero(self._broken >= 0), np.flatnonzero(self.value)
        slots = np.concatenate([broken, run])
        return slots, np.concatenate([self._broken[broken], self._place[run]]), np.concatenate([0 * broken, self.value[run]])

    @property
    def nbytes(self) -> int:
        """The memory its arrays take, in bytes."""
        return self.value.nbytes + self._broken.nbytes + self._place.nbytes


def _run(slots: Array, places: Array, values: Array) -> Entries:
    return slots, places, (values != 0).astype(np.int64)


STREAKS = Partial(
    "streak",
    form=as_had,
    answer=Answer(lambda values, span, _: values.streak(span), none),
    tally=lambda _, __: Streaks(),
    entries=_run,
    subtracts=False,
)

STREAK = Operation("streak", "values", frozenset({"boolean"}), lambda _, __: (Need("streak"),), alone, zero=True)
