"""The codes of ids by their hashes, for many ids at once: a few array steps in place of as many look-ups in a dict.

A dict of millions of texts fits no cache, and is asked for one id after another: each is several waits for memory. Here the processor
waits for many ids at once. A slot holds one code and says nothing of whose it is, so whoever asks compares, and leaves to the dict what
is another's: of two ids that are hashed to one slot, the first has it.
"""

from __future__ import annotations

import numpy as np

from millrace.types import Array

_SLOTS_PER_ID = 8  # at least: so one id in sixteen finds its slot taken, at most


def hashes(ids: Array) -> Array:
    """Return the hash of each id, equal for equal ones, in this process alone. int64, shape of `ids`."""
    return np.fromiter(map(hash, ids.tolist()), dtype=np.int64, count=len(ids))


class Slots:
    """Codes by the hashes of their ids."""

    def __init__(self, ids: Array) -> None:
        """Hold the codes of ids, as many of them as find a free slot.

        Args:
            ids: The ids by code; that of code 0 is nobody's. There is room for twice as many.
        """
        self._codes = np.zeros(_SLOTS_PER_ID << len(ids).bit_length(), dtype=np.int32)
        self.keep(hashes(ids[1:]), np.arange(1, len(ids)))

    def guess(self, hashed: Array) -> Array:
        """Return the code in the slot of each hash, which may be another id's; 0 where the slot is free. int64, shape of `hashed`."""
        return self._codes[self._slots(hashed)].astype(np.int64)

    def keep(self, hashed: Array, codes: Array) -> None:
        """Put codes into the slots of their hashes, where these are free."""
        slots = self._slots(hashed)
        free = np.flatnonzero(self._codes[slots] == 0)[::-1]  # of several that are after one slot, the last assigned is the first given
        self._codes[slots[free]] = codes[free]

    @property
    def nbytes(self) -> int:
        """The memory its array takes, in bytes."""
        return self._codes.nbytes

    def _slots(self, hashed: Array) -> Array:
        return hashed & (len(self._codes) - 1)
