"""What changes in an online view, noted as it changes: which keys' states, and which entities' attributes.

The view itself knows nothing of it: its tallies and slots are each wrapped in one that notes and passes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from millrace.features.interning import NOBODY, Combinations, longer
from millrace.features.online import OnlineView
from millrace.features.tallies import Entries, Remaining, Tally
from millrace.types import Array, Columns

_MOST_PARTS = 1_000


class Noted:
    """Codes that were touched since they were last taken."""

    def __init__(self) -> None:
        self._parts: list[Array] = []

    def note(self, codes: Array) -> None:
        """Remember codes, repeated or not."""
        if len(codes):
            self._parts.append(np.unique(codes))
        if len(self._parts) > _MOST_PARTS:  # nobody has taken them for long
            self._parts = [self.take()]

    def take(self) -> Array:
        """Return what was touched, ascending and once each, and forget it."""
        parts, self._parts = self._parts, []
        if not parts:
            return np.zeros(0, dtype=np.int64)
        return np.unique(np.concatenate(parts).astype(np.int64))


class NotedTally:
    """A tally that notes the slots from which something is taken away."""

    def __init__(self, tally: Tally, noted: Noted) -> None:
        self._tally = tally
        self._noted = noted

    def remove(self, entries: Entries, remaining: Remaining) -> None:
        """See `Tally.remove`."""
        self._noted.note(entries[0])
        self._tally.remove(entries, remaining)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tally, name)


class NotedSlots:
    """Combinations of keys that note those that events were counted for, and remember which keys each is of."""

    def __init__(self, slots: Combinations, keys: int, noted: Noted) -> None:
        self._slots = slots
        self._noted = noted
        self._codes = _combined(slots.levels) if keys > 1 else []

    def intern(self, codes: Sequence[Array]) -> Array:
        """See `Combinations.intern`."""
        found = self._slots.intern(codes)
        self._noted.note(found)
        for place, column in enumerate(self._codes):
            if len(column) < self._slots.capacity:
                column = self._codes[place] = longer(column, self._slots.capacity, NOBODY)
            column[found] = codes[place]
        return found

    def keys(self, slots: Array) -> list[Array]:
        """Return the codes of the keys that slots are of, an array per key."""
        return [column[slots] for column in self._codes] or [slots]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._slots, name)


def _combined(levels: Sequence[Array]) -> list[Array]:
    """Return the codes of each key by slot, from the packed integers of `Combinations.levels`."""
    slots = np.arange(len(levels[-1]) + 1)
    columns: list[Array] = []
    for level in reversed(levels):
        packed = np.append(NOBODY, level)[slots]
        columns.append(packed & 0xFFFFFFFF)
        slots = packed >> 32
    return [slots, *reversed(columns)]


class NotedView:
    """An online view whose changes are noted from now on; what it holds already is not news.

    Whoever changes the view serialises, as ever, and these calls with it.
    """

    def __init__(self, view: OnlineView) -> None:
        self.view = view
        self.slots: dict[str, NotedSlots] = {}
        self._groups = {column: Noted() for column in view.groups}
        self._tables = {owner: Noted() for owner in view.directory.tables}
        for column, group in view.groups.items():
            wrapped: Any = group
            wrapped.slots = self.slots[column] = NotedSlots(group.slots, len(group.keying.keys), self._groups[column])
            for state in wrapped.states.values():
                state.tally = NotedTally(state.tally, self._groups[column])

    def told(self, batch: Mapping[str, Columns]) -> None:
        """Note the entities that a batch, just applied, told about."""
        for owner, noted in self._tables.items():
            if owner.__name__ in batch:
                noted.note(self.view.directory.interners[owner.__name__].lookup(batch[owner.__name__]["id"]))

    def take(self) -> dict[Any, Array]:
        """Return the slots touched by group and the entities touched by class, and forget them."""
        return {what: noted.take() for what, noted in self._all()}

    def everything(self) -> dict[Any, Array]:
        """Return all slots and entities there are, and forget what was touched."""
        self.take()
        found: dict[Any, Array] = {column: np.arange(1, self._used(column)) for column in self._groups}
        return found | {owner: self.view.directory.tables[owner].entities for owner in self._tables}

    def put_back(self, touched: Mapping[Any, Array]) -> None:
        """Note again what was taken, since it did not arrive."""
        for what, noted in self._all():
            noted.note(touched[what])

    def _all(self) -> Iterator[tuple[Any, Noted]]:
        yield from self._groups.items()
        yield from self._tables.items()

    def _used(self, column: str) -> int:
        group = self.view.groups[column]
        if levels := group.slots.levels:
            return len(levels[-1]) + 1
        return len(self.view.directory.interners[group.keying.domains[0]]) + 1
