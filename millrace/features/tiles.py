"""A state of the online view: a tally of what counts now, and by tile what will stop counting when the window's tail has passed it.

Tiles hold entries by slot, so the memory follows what happened in the window, not keys × tiles; events of one key within one tile are
folded together. Any tile can be added to while it counts: late events, and those a few minutes ahead of their acknowledgement.
"""

from __future__ import annotations

import numpy as np

from millrace.features.interning import longer
from millrace.features.tallies import Entries, Tally, concatenated, grouped
from millrace.features.window import Window
from millrace.types import Array, Columns

NEVER = 2**62
"""The instant after every event, in microseconds since 1970."""

_SMALLEST = 8
_WORTH_FOLDING = 64


class Tile:
    """The entries of one hop, in buffers that are folded before they grow."""

    def __init__(self, like: Entries) -> None:
        """Make an empty tile for entries such as `like`."""
        self._n = 0
        dtypes = (np.dtype(np.int32), *(column.dtype for column in like[1:]))
        self._columns = tuple(np.zeros(_SMALLEST, dtype=dtype) for dtype in dtypes)

    @property
    def entries(self) -> Entries:
        """All that is kept."""
        return tuple(column[: self._n] for column in self._columns)

    def append(self, entries: Entries, tally: Tally) -> None:
        """Keep entries too, folding all when the buffers are full; where that gains little, the buffers grow."""
        room = len(self._columns[0])
        if self._n + len(entries[0]) > room:
            entries = concatenated([self.entries, entries]) if self._n else entries
            entries = tally.fold(entries) if len(entries[0]) > _WORTH_FOLDING else entries
            self._n = 0
            while 2 * len(entries[0]) > room:
                room *= 2
            self._columns = tuple(longer(column[:0], room, column[0]) for column in self._columns)
        end = self._n + len(entries[0])
        for column, more in zip(self._columns, entries, strict=True):
            column[self._n : end] = more
        self._n = end

    @property
    def nbytes(self) -> int:
        """The memory its buffers take, in bytes."""
        return sum(column.nbytes for column in self._columns)


class TiledState:
    """One state: a tally, and the tiles of its window. A lifetime window has none."""

    next_change: int
    """The first watermark at which something stops counting. Microseconds."""

    changes: int
    """How often what counts has changed: equal numbers mean equal values."""

    def __init__(self, tally: Tally, window: Window) -> None:
        """Make an empty state."""
        self.tally = tally
        self._window = window
        self._tiles: dict[int, Tile] = {}
        self.next_change = NEVER
        self.changes = 0

    def fit(self, capacity: int) -> None:
        """Make room for slots below `capacity`."""
        if len(self.tally.value) < capacity:
            self.tally.grow(capacity)

    def add(self, at: Array, entries: Entries, watermark: int) -> None:
        """Count events that happened at `at`, unless the window has left them by `watermark`. Their slots must have room."""
        if not self._window.is_lifetime:
            tiles = self._window.tile(at)
            passed = tiles < self._first(watermark)
            if passed.any():
                tiles, entries = tiles[~passed], tuple(column[~passed] for column in entries)
            if len(tiles):
                self._keep(tiles, entries)
        if len(entries[0]):
            self.tally.add(entries)
            self.changes += 1

    def advance(self, watermark: int) -> None:
        """Stop counting what the window no longer covers at a watermark."""
        if watermark < self.next_change:
            return
        first = self._first(watermark)
        passed = concatenated([self._tiles.pop(tile).entries for tile in list(self._tiles) if tile < first])
        self.tally.remove(passed, lambda slots: self._remaining(slots, passed))
        self.changes += 1
        self._foresee()

    def _first(self, watermark: int) -> int:
        return self._window.tile(self._window.lo(watermark))

    def _keep(self, tiles: Array, entries: Entries) -> None:
        if tiles.min() == tiles.max():
            self._append(int(tiles[0]), entries)
        else:
            _, starts, order = grouped(tiles)
            for rows in np.split(order, starts[1:]):
                self._append(int(tiles[rows[0]]), tuple(column[rows] for column in entries))
        self._foresee()

    def _append(self, tile: int, entries: Entries) -> None:
        if tile not in self._tiles:
            self._tiles[tile] = Tile(entries)
        self._tiles[tile].append(entries, self.tally)

    def _foresee(self) -> None:
        """Note the first watermark at which the oldest tile stops counting."""
        self.next_change = self._window.leaves(min(self._tiles) * self._window.hop) if self._tiles else NEVER

    def _remaining(self, slots: Array, like: Entries) -> Entries:
        asked = np.zeros(len(self.tally.value), dtype=bool)
        asked[slots] = True
        nothing = tuple(column[:0] for column in like)
        kept = [tile.entries for tile in self._tiles.values()]
        return concatenated([nothing, *(tuple(column[asked[entries[0]]] for column in entries) for entries in kept)])

    @property
    def nbytes(self) -> int:
        """The memory its arrays take, in bytes."""
        return self.tally.nbytes + sum(tile.nbytes for tile in self._tiles.values())

    def snapshot(self) -> dict[str, Array]:
        """Return what makes the same state again: the entries, tile by tile (`tile`, `count`, then columns `0`, `1`, …)."""
        by_tile = (
            {0: self.tally.entries()} if self._window.is_lifetime else {tile: self._tiles[tile].entries for tile in sorted(self._tiles)}
        )
        saved = {"tile": np.array(list(by_tile), dtype=np.int64)}
        saved["count"] = np.array([len(entries[0]) for entries in by_tile.values()], dtype=np.int64)
        columns = concatenated(list(by_tile.values())) if by_tile else ()
        return saved | {str(i): column for i, column in enumerate(columns)}

    def restore(self, saved: Columns) -> None:
        """Count what a snapshot counted. The state must be empty, with room for its slots."""
        if len(saved["tile"]) == 0:
            return
        entries = tuple(saved[str(i)] for i in range(len(saved) - 2))
        self.tally.add(entries)
        if not self._window.is_lifetime:
            ends = np.cumsum(saved["count"])
            for tile, start, end in zip(saved["tile"].tolist(), ends - saved["count"], ends, strict=True):
                self._append(tile, tuple(column[start:end] for column in entries))
            self._foresee()
