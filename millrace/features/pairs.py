"""Small whole numbers for pairs of codes: a hash table that lies in two arrays, so that hundreds of pairs are found by a few array steps.

A dict would look at one boxed integer after another. With a million pairs, each of them is a wait for memory: for 500 pairs six times as
long as here.
"""

from __future__ import annotations

from itertools import count

import numpy as np

from millrace.types import Array

_FIRST_CELLS = 64
_CELLS_PER_PAIR = 4
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)
_FEW = 8
"""How many pairs are looked for one by one: for so few the steps of arrays would take longer."""


class Pairs:
    """Codes for pairs of codes, from 1 in the order they came; 0 is a pair never seen. Looking pairs up never adds any.

    A pair comes packed, as `first << 32 | second`: both from 1 to 2**31. It lies in the cell that it is hashed to, or else in the next
    free one after it. Pairs are never removed.
    """

    def __init__(self) -> None:
        self._n = 0
        self._clear(_FIRST_CELLS)

    def _clear(self, cells: int) -> None:
        self._shift = np.uint64(65 - cells.bit_length())
        self._pairs = np.zeros(cells, dtype=np.int64)
        self._codes = np.zeros(cells, dtype=np.int32)

    def __len__(self) -> int:
        """Return how many pairs there are."""
        return self._n

    def lookup(self, packed: Array) -> Array:
        """Return the code of each pair, 0 for those never seen, such as any with a 0 in it. int64, shape (n,)."""
        return self._codes[self._cells(packed)].astype(np.int64)

    def intern(self, packed: Array) -> Array:
        """Return the code of each pair, giving one to those never seen. int64, shape (n,)."""
        cells = self._cells(packed)
        found = self._codes[cells].astype(np.int64)
        missing = np.flatnonzero(found == 0)
        if len(missing) == 0:
            return found
        asked = packed[missing].tolist()
        given = dict(zip(dict.fromkeys(asked), count(self._n + 1), strict=False))
        found[missing] = np.fromiter(map(given.__getitem__, asked), dtype=np.int64, count=len(asked))
        self._n += len(given)
        if self._n * _CELLS_PER_PAIR > len(self._pairs):
            pairs = np.concatenate([self.packed, np.fromiter(given, dtype=np.int64, count=len(given))])
            self._clear(1 << (self._n * _CELLS_PER_PAIR).bit_length())
            self._enter(pairs, np.arange(1, self._n + 1), self._cells(pairs))
        else:
            self._enter(packed[missing], found[missing], cells[missing])
        return found

    @property
    def packed(self) -> Array:
        """The pairs in the order of their codes: what makes the same codes again. int64."""
        used = np.flatnonzero(self._codes)
        return self._pairs[used[np.argsort(self._codes[used])]]

    @property
    def nbytes(self) -> int:
        """The memory its arrays take, in bytes."""
        return self._pairs.nbytes + self._codes.nbytes

    def _enter(self, packed: Array, codes: Array, cells: Array) -> None:
        """Put pairs, none of them there yet, into cells of their own, beginning with the free ones they were hashed to."""
        while len(packed):
            self._pairs[cells] = packed
            won = self._pairs[cells] == packed  # several may have been after one cell
            self._codes[cells[won]] = codes[won]
            packed, codes = packed[~won], codes[~won]
            cells = self._cells(packed)

    def _cells(self, packed: Array) -> Array:
        """Return the cell that each pair lies in, or the free one where it would. Shape (n,)."""
        bits = packed.view(np.uint64)
        cells = ((bits ^ bits >> _HALF) * _SPREAD >> self._shift).view(np.int64)
        there = self._pairs[cells]
        taken = np.flatnonzero((there != packed) & (there != 0))
        while len(taken) > _FEW:
            following = cells[taken] = (cells[taken] + 1) & (len(self._pairs) - 1)
            there = self._pairs[following]
            taken = taken[(there != packed[taken]) & (there != 0)]
        for row in taken.tolist():
            cells[row] = self._reached(packed.item(row), cells.item(row))
        return cells

    def _reached(self, pair: int, cell: int) -> int:
        """Return the first cell from one on that holds a pair, or is free."""
        while self._pairs.item(cell) not in (0, pair):
            cell = (cell + 1) & (len(self._pairs) - 1)
        return cell
