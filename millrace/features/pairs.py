"""Small whole numbers for pairs of codes: a hash table that lies in two arrays, gone through by code that Numba makes for this machine.

A dict would look at one boxed integer after another. With a million pairs, each of them is a wait for memory; here the processor waits
for those of several pairs at once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from millrace.types import Array

_FIRST_CELLS = 64
_CELLS_PER_PAIR = 4
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)


class Pairs:
    """Codes for pairs of codes, from 1 in the order they came; 0 is a pair never seen. Looking pairs up never adds any.

    A pair comes packed, as `first << 32 | second`: both from 1 to 2**31. It lies in the cell that it is hashed to, or else in the next
    free one after it. Pairs are never removed. The first table of a process compiles, which takes most of a second.
    """

    def __init__(self) -> None:
        self._go = _compiled()
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
        return self._go.lookup(self._pairs, self._codes, self._shift, packed)

    def intern(self, packed: Array) -> Array:
        """Return the code of each pair, giving one to those never seen. int64, shape (n,)."""
        found = np.empty(len(packed), dtype=np.int64)
        done = self._enter(packed, found, 0)
        while done < len(packed):
            held = self.packed
            self._clear(2 * len(self._pairs))
            self._n = 0
            self._enter(held, np.empty_like(held), 0)
            done = self._enter(packed, found, done)
        return found

    def _enter(self, packed: Array, found: Array, start: int) -> int:
        """Find the codes of pairs from one on while there is room; return the first that there was none for."""
        room = len(self._pairs) // _CELLS_PER_PAIR
        done, self._n = self._go.enter(self._pairs, self._codes, self._shift, self._n, room, packed, found, start)
        return done

    @property
    def packed(self) -> Array:
        """The pairs in the order of their codes: what makes the same codes again. int64."""
        used = np.flatnonzero(self._codes)
        return self._pairs[used[np.argsort(self._codes[used])]]

    @property
    def nbytes(self) -> int:
        """The memory its arrays take, in bytes."""
        return self._pairs.nbytes + self._codes.nbytes


class _Compiled(NamedTuple):
    """What goes through the cells of a table: compiled for the types given here, so that nobody who asks waits for it."""

    lookup: Callable[..., Array]
    enter: Callable[..., tuple[int, int]]


@cache
def _compiled() -> _Compiled:
    from numba import njit

    @njit("int64(int64[::1], uint64, int64)")
    def cell_of(pairs: Array, shift: np.uint64, pair: int) -> Any:
        bits = np.uint64(pair)
        cell = np.int64((bits ^ bits >> _HALF) * _SPREAD >> shift)
        while pairs[cell] != 0 and pairs[cell] != pair:
            cell = (cell + 1) & (len(pairs) - 1)
        return cell

    @njit("int64[::1](int64[::1], int32[::1], uint64, int64[::1])", nogil=True)
    def lookup(pairs: Array, codes: Array, shift: np.uint64, packed: Array) -> Array:
        found = np.empty(len(packed), np.int64)
        for row in range(len(packed)):
            found[row] = codes[cell_of(pairs, shift, packed[row])]
        return found

    @njit("Tuple((int64, int64))(int64[::1], int32[::1], uint64, int64, int64, int64[::1], int64[::1], int64)", nogil=True)
    def enter(pairs: Array, codes: Array, shift: np.uint64, n: int, room: int, packed: Array, found: Array, start: int) -> tuple[int, int]:
        for row in range(start, len(packed)):
            cell = cell_of(pairs, shift, packed[row])
            if codes[cell] == 0:
                if n == room:
                    return row, n
                n += 1
                pairs[cell], codes[cell] = packed[row], n
            found[row] = codes[cell]
        return len(packed), n

    return _Compiled(lookup, enter)
