"""Small whole numbers for ids and for combinations of ids, so that state lies in arrays and keys are compared as integers."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from itertools import islice, repeat
from typing import Any

import numpy as np

from millrace.features.interning_slots import Slots, hashes
from millrace.features.pairs import Pairs
from millrace.types import Array, Coded

NOBODY = 0
"""The code of an id that was never seen, and of a missing one. Real codes start at 1."""

_FIRST_CAPACITY = 16
_BYTES_PER_ID = 80  # a short str and its code, as CPython lays them out


class Interner:
    """Codes for the ids of one domain, from 1 in the order they came. Looking an id up never adds it."""

    def __init__(self, slots_from: int | None = None) -> None:
        """Make it empty.

        Args:
            slots_from: From how large a capacity on `intern` looks for ids by `Slots` first: where many are interned at a time and most
                of them are there, that is twice as fast. None: never, which takes less memory.
        """
        self._codes: defaultdict[Any, int] = defaultdict()
        self._codes[None] = NOBODY
        self._codes.default_factory = self._codes.__len__  # asking for an id by `[]` gives it the next code
        self._ids = np.full(_FIRST_CAPACITY, None, dtype=object)
        self._slots: Slots | None = None
        self._slots_from = slots_from

    def __len__(self) -> int:
        """Return how many ids there are, not counting nobody."""
        return len(self._codes) - 1

    @property
    def capacity(self) -> int:
        """How long an array must be that has a place for every code; grows by doubling, so that what follows it seldom moves."""
        return len(self._ids)

    @property
    def ids(self) -> Array:
        """The ids by code, `ids[0]` is None. Object array, shape (len + 1,)."""
        return self._ids[: len(self._codes)]

    def lookup(self, ids: Array | Coded) -> Array:
        """Return the code of each id, `NOBODY` for those never seen. int64, shape of `ids`."""
        if isinstance(ids, Coded):
            return self.lookup(ids.values)[ids.codes]
        asked, code_of = ids.tolist(), self._codes.get
        try:  # without a default, which makes each call dearer
            return np.fromiter(map(code_of, asked), dtype=np.int64, count=len(asked))
        except TypeError:  # None for one never seen
            return np.fromiter(map(code_of, asked, repeat(NOBODY)), dtype=np.int64, count=len(asked))

    def intern(self, ids: Array | Coded) -> Array:
        """Return the code of each id, giving one to those never seen; a missing id (None, NaN) stays `NOBODY`. int64."""
        if isinstance(ids, Coded):
            return self.intern(ids.values)[ids.codes]
        return self._entered(ids) if self._slots is None else self._guessed(ids, self._slots)

    def _entered(self, ids: Array) -> Array:
        codes, new = _found_or_entered(self._codes, ids.tolist())
        if new:
            self._place(new)
        return codes

    def _guessed(self, ids: Array, slots: Slots) -> Array:
        hashed = hashes(ids)
        codes = slots.guess(hashed)
        others = np.flatnonzero(self._ids[codes] != ids)
        codes[others] = self._entered(ids[others])
        slots.keep(hashed[others], codes[others])
        return codes

    def _place(self, new: list[Any]) -> None:
        end = len(self._codes)
        room = len(self._ids)
        while room < end:
            room *= 2
        has_grown = room > len(self._ids)
        if has_grown:
            self._ids = longer(self._ids, room, None)
        self._ids[end - len(new) : end] = new
        if has_grown and self._slots_from is not None and room >= self._slots_from:
            self._slots = Slots(self.ids)

    @property
    def nbytes(self) -> int:
        """About how much memory it takes, in bytes."""
        slots = self._slots.nbytes if self._slots is not None else 0
        return sys.getsizeof(self._codes) + self._ids.nbytes + _BYTES_PER_ID * len(self) + slots


class Combinations:
    """Codes for combinations of several keys' codes, from 1 in the order they came. One key is its own code.

    Two keys are packed in one integer; a third is packed with the code of the first two, and so on.
    """

    def __init__(self, interner: Interner, keys: int) -> None:
        """Make an empty set of combinations of `keys` keys; `interner` codes the first of them."""
        self._interner = interner
        self._levels = [Pairs() for _ in range(keys - 1)]

    @property
    def capacity(self) -> int:
        """How long an array must be that has a place for every combination."""
        if not self._levels:
            return self._interner.capacity
        return max(_FIRST_CAPACITY, 1 << (len(self._levels[-1]) + 1).bit_length())

    def lookup(self, codes: Sequence[Array]) -> Array:
        """Return the code of each combination, `NOBODY` where one of its keys is nobody or it was never seen."""
        combined = codes[0]
        for level, more in zip(self._levels, codes[1:], strict=True):
            combined = level.lookup(_packed(combined, more))
        return combined

    def intern(self, codes: Sequence[Array]) -> Array:
        """Return the code of each combination, giving one to those never seen. No key may be nobody."""
        combined = codes[0]
        for level, more in zip(self._levels, codes[1:], strict=True):
            combined = level.intern(_packed(combined, more))
        return combined

    @property
    def levels(self) -> list[Array]:
        """For each key but the first, the packed integers in order of their codes: what makes the same combinations again."""
        return [level.packed for level in self._levels]

    def restore(self, levels: Sequence[Array]) -> None:
        """Hold what `levels` gave."""
        self._levels = [Pairs() for _ in levels]
        for level, packed in zip(self._levels, levels, strict=True):
            level.intern(packed)

    @property
    def nbytes(self) -> int:
        """About how much memory it takes beyond its first key's interner, in bytes."""
        return sum(level.nbytes for level in self._levels)


def _packed(codes: Array, more: Array) -> Array:
    # Where a key is missing one half is 0, and no such integer is ever coded.
    return (codes << 32) | more


def _found_or_entered(codes: dict[Any, int], keys: list[Any]) -> tuple[Array, list[Any]]:
    """Return the code of each key, and the keys that were given one for it; NaN gets none."""
    before = len(codes)
    found = np.fromiter(map(codes.__getitem__, keys), dtype=np.int64, count=len(keys))
    new = list(islice(reversed(codes), len(codes) - before))[::-1]
    if all(key == key for key in new):
        return found, new
    for key in new:  # NaN differs from itself, so it would get a code each time: without any, the rest is entered again
        del codes[key]
    return _found_or_entered(codes, [key if key == key else None for key in keys])


def longer(array: Array, length: int, fill: Any) -> Array:
    """Return the array with its first axis grown to `length`, the new places holding `fill`."""
    out = np.full((length, *array.shape[1:]), fill, dtype=array.dtype)
    out[: len(array)] = array
    return out
