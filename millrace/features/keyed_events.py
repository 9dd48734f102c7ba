"""The events of one stream that an aggregate counts, with the numbers the kernel groups them by and what it adds up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from millrace.features.interning import NOBODY
from millrace.features.kernel import Ask
from millrace.features.kernel_orders import NO_KEY
from millrace.features.operation import Partial, presence
from millrace.features.operations import PARTIALS
from millrace.features.plan import Keying, State
from millrace.features.reading import Reader
from millrace.types import Array, Columns, objects

_ROOM = 2**62


class KeyedEvents:
    """The events of a keying: those with all their keys known and their filter true, in order of (known, position).

    Attributes:
        rows: Their positions among the stream's events. Shape (n,).
        codes: For each key, its code in its domain. Shape (n,) each.
        at: When each happened, microseconds. Shape (n,).
        known: When each became known, microseconds. Shape (n,).
    """

    def __init__(self, reader: Reader, events: Columns, keying: Keying) -> None:
        """Choose from a stream's events, which are in order."""
        counted, codes = reader.keyed(keying)
        self.rows = np.flatnonzero(counted)
        self.codes = [column[self.rows] for column in codes]
        self.at = events["at"][self.rows]
        self.known = events["known"][self.rows]
        self._reader = reader
        self._columns: dict[tuple[Any, ...], Array | None] = {}

    def ask(self, state: State) -> Ask:
        """Return what to ask the kernel for a state."""
        return Ask(state.op, state.window, self._column(state), state.settings)

    def answer(self, state: State, found: Array) -> Array:
        """Return a state's values from what the kernel found: where it picks events, the values of those it names."""
        if not PARTIALS[state.op].answer.picks:
            return found
        column = self._column(state)
        assert column is not None, "what is picked is always a value"
        nothing = np.full(1, None if column.dtype.kind == "O" else np.nan, dtype=column.dtype)
        return np.concatenate([column, nothing])[found]

    def _column(self, state: State) -> Array | None:
        """Return the values the kernel is given; one array for all states that share it, so that it is summed once."""
        partial = PARTIALS[state.op]
        name = (state.value.column if state.value is not None else "", partial.form, state.settings)
        if name not in self._columns:
            self._columns[name] = self._prepared(partial, state)
        return self._columns[name]

    def _prepared(self, partial: Partial, state: State) -> Array | None:
        """Return a value per event in which what is missing takes no part; None where events only have to be there."""
        values, present = None, np.ones(len(self.rows), dtype=bool)
        if state.value is not None:
            values, present = (column[self.rows] for column in self._reader.evaluate(state.value))
        if partial.form is presence and present.all():
            return None
        taken, part = partial.form(values, self.at, state.settings)
        present = present if part is None else present & part
        if taken.dtype.kind == "O":
            return taken if present.all() else np.where(present, taken, objects([None]))
        return np.where(present, taken, partial.absent)


def joint_keys(events: Sequence[Array], rows: Sequence[Array]) -> tuple[Array, Array]:
    """Return one number per combination of keys, for events and for rows alike; `NO_KEY` for rows without one.

    Args:
        events: For each key, its code on every event; none is nobody.
        rows: For each key, its code on every row.
    """
    event, row = events[0], rows[0]
    for more_event, more_row in zip(events[1:], rows[1:], strict=True):
        size = 1 + int(max(more_event.max(initial=0), more_row.max(initial=0)))
        if int(max(event.max(initial=0), row.max(initial=0))) >= _ROOM // size:
            event, row = _renumbered(event, row)
        event = event * size + more_event
        row = np.where(row == NO_KEY, NO_KEY, row * size + more_row)
    nobody = np.logical_or.reduce([codes == NOBODY for codes in rows])
    return event, np.where(nobody, NO_KEY, row)


def _renumbered(event: Array, row: Array) -> tuple[Array, Array]:
    """Return the same keys as small numbers; rows whose key no event has get `NO_KEY`."""
    distinct, event = np.unique(event, return_inverse=True)
    found = np.searchsorted(distinct, row)
    return event, np.where(np.append(distinct, -2)[found] == row, found, NO_KEY)
