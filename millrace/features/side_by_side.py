"""The numbers that several tallies keep of a key, side by side in memory: read for hundreds of keys at once, by code that Numba makes.

Each in an array of its own, they would be as many waits for memory, and as many array steps, as there are windows and operations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np

from millrace.features.operation import alone, quotient
from millrace.features.plan import Read
from millrace.features.sides import of_states
from millrace.features.tiles import TiledState
from millrace.types import Array

_BYTES = 8


class SideBySide:
    """States of one set of slots. Tallies that keep a number per slot keep it here, in a row per slot: their `value` is a column of it.

    The first of a process compiles, which takes half a second.
    """

    def __init__(self, states: Mapping[str, TiledState]) -> None:
        """Lay states side by side: empty ones, by column."""
        self._states = states
        self._tallies = {column: state.tally for column, state in states.items()}
        numbers = [column for column, tally in self._tallies.items() if _is_number(tally.value)]
        self._places = {column: place for place, column in enumerate(numbers)}
        self._rows = np.zeros((0, len(numbers)), dtype=np.int64)
        self._read = _compiled()
        self.fit(1)

    def fit(self, capacity: int) -> None:
        """Make room for slots below `capacity`, in every state."""
        if capacity <= len(self._rows):
            return
        self._rows = np.zeros((capacity, len(self._places)), dtype=np.int64)
        for column, state in self._states.items():
            state.fit(capacity)
            if column in self._places:
                tally = self._tallies[column]  # the tally itself: that of the state may be wrapped by now
                values = self._rows[:, self._places[column]].view(tally.value.dtype)
                values[:] = tally.value
                tally.value = values

    def reading(self, reads: Sequence[Read]) -> Callable[[Array, Array | int], list[Array]]:
        """Return what reads aggregates of these states: given slots and the watermark of each, it returns the values of each aggregate."""
        here = [read for read in reads if self._is_read_here(read)]
        others = [(read, [self._tallies[state.column] for state in read.states]) for read in reads if read not in here]
        steps = np.array([self._step(read) for read in here], dtype=np.int64).reshape(len(here), 3)
        is_whole = [len(read.states) == 1 and not self._is_float(read) for read in here]
        order = [[*here, *(read for read, _ in others)].index(read) for read in reads]

        def read_at(slots: Array, watermark: Array | int) -> list[Array]:
            found = self._read(self._rows, steps, slots)
            floats = found.view(np.float64)
            values = [(found if whole else floats)[row] for row, whole in enumerate(is_whole)]
            if not others:
                return values
            values += [of_states(read, [tally.value[slots] for tally in tallies], watermark) for read, tallies in others]
            return [values[place] for place in order]

        return read_at

    def _is_read_here(self, read: Read) -> bool:
        return read.operation.finish in (alone, quotient) and all(state.column in self._places for state in read.states)

    def _is_float(self, read: Read) -> bool:
        return self._tallies[read.states[0].column].value.dtype.kind == "f"

    def _step(self, read: Read) -> tuple[int, int, int]:
        """Return where an aggregate's number is, where the count that it is divided by (or -1), and whether the number is a float."""
        top, *bottom = (self._places[state.column] for state in read.states)
        return top, bottom[0] if bottom else -1, int(self._is_float(read))


def _is_number(value: Array) -> bool:
    return value.ndim == 1 and value.dtype.kind in "if" and value.itemsize == _BYTES


@cache
def _compiled() -> Callable[[Array, Array, Array], Array]:
    """Return what reads rows at slots: for each step a row of numbers by their bits, or of quotients. See `SideBySide._step`."""
    from numba import njit

    @njit("int64[:, ::1](int64[:, ::1], int64[:, ::1], int64[::1])", nogil=True, error_model="numpy", boundscheck=True)
    def read(rows: Array, steps: Array, slots: Array) -> Array:
        floats = rows.view(np.float64)
        found = np.empty((len(steps), len(slots)), np.int64)
        quotients = found.view(np.float64)
        for j in range(len(steps)):
            top, bottom, is_float = steps[j]
            for i in range(len(slots)):
                if bottom < 0:
                    found[j, i] = rows[slots[i], top]
                elif is_float:
                    quotients[j, i] = floats[slots[i], top] / rows[slots[i], bottom]
                else:
                    quotients[j, i] = rows[slots[i], top] / rows[slots[i], bottom]
        return found

    return read
