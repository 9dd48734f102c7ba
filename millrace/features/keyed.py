"""The states of the online view that share a keying: one set of slots, found once for all of their windows and operations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from millrace.features.interning import Combinations
from millrace.features.operations import PARTIALS
from millrace.features.plan import State
from millrace.features.reading import Directory, Reader
from millrace.features.tallies import Entries
from millrace.features.tiles import TiledState
from millrace.features.values import dtype_of
from millrace.types import Array, Columns


class KeyedStates:
    """What is kept per key, or per combination of keys, of one stream's events that pass one filter."""

    def __init__(self, states: Sequence[State], directory: Directory) -> None:
        """Make empty states: at least one, all of one keying. `directory` holds the domains of its keys."""
        self.keying = states[0].keying
        self.slots = Combinations(directory.interners[self.keying.domains[0]], len(self.keying.keys))
        self._specs = {state.column: state for state in states}
        self.states = {column: empty(state) for column, state in self._specs.items()}

    def add(self, events: Columns, reader: Reader, places: Array, watermark: int) -> None:
        """Count the events of a batch.

        Args:
            events: Their columns, in order of (known, position).
            reader: Reads them, attributes as known when each was.
            places: Where each stands in the order of all events ever applied.
            watermark: What windows have left by then is not kept.
        """
        counted, codes = reader.keyed(self.keying)
        rows = np.flatnonzero(counted)
        if len(rows) == 0:
            return
        slots = self.slots.intern([column[rows] for column in codes])
        self.fit()
        at = events["at"][rows]
        for column, state in self.states.items():
            there, entries = _entries(self._specs[column], reader, rows, slots, places, at)
            state.add(at if there is None else at[there], entries, watermark)

    def fit(self) -> None:
        """Make room for every slot."""
        capacity = self.slots.capacity
        for state in self.states.values():
            state.fit(capacity)

    def advance(self, watermark: int) -> int:
        """Stop counting what windows have left by a watermark; return the first watermark at which more will be left."""
        for state in self.states.values():
            state.advance(watermark)
        return self.next_change

    @property
    def next_change(self) -> int:
        """The first watermark at which one of the states changes by itself. Microseconds."""
        return min(state.next_change for state in self.states.values())


def empty(state: State) -> TiledState:
    """Return a state that has counted nothing."""
    return TiledState(PARTIALS[state.op].tally(dtype_of(state.value), state.settings), state.window)


def _entries(state: State, reader: Reader, rows: Array, slots: Array, places: Array, at: Array) -> tuple[Array | None, Entries]:
    """Return which of `rows` take part in the state (None: all), and their entries."""
    partial = PARTIALS[state.op]
    values, there = None, None
    if state.value is not None:
        values, present = reader.evaluate(state.value)
        values = values[rows]
        there = None if present.all() else np.flatnonzero(present[rows])
    taken, part = partial.form(values, at, state.settings)
    if part is not None:
        there = np.flatnonzero(part) if there is None else there[part[there]]
    if there is not None:
        rows, slots, taken = rows[there], slots[there], taken[there]
    return there, partial.entries(slots, places[rows], taken)
