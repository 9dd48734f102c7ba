"""`distinct`: how many different values; exact up to a declared number, HyperLogLog above it. It cannot subtract.

What is kept of a value is its hash. Of a slot with more different ones than the declared number, those that hold a register are kept, and
some more so that there are still more than that number. So the result depends on the set of values alone: on whether there are more of
them than declared, and on the registers they make, which are the same whatever was folded before.
"""

from __future__ import annotations

import numpy as np

from millrace.features.bags import Bagged
from millrace.features.hyperloglog import REGISTERS, estimate, hashes, highest, registers
from millrace.features.kernel_runs import different
from millrace.features.kernel_timeline import Span
from millrace.features.kernel_values import Values
from millrace.features.op_order import ANYTHING
from millrace.features.operation import Answer, Need, Operation, Partial, Settings, alone, none, numbered
from millrace.features.tallies import Entries, grouped
from millrace.types import Array

MOST_EXACT = 65_536
"""The most values that may be counted exactly: among so many, two hashes are equal once in four million times."""


def _hashed(values: Array | None, _: Array, __: Settings) -> tuple[Array, None]:
    assert values is not None, "what is told apart is a value"
    return hashes(values), None


def _kept(entries: Entries, exact: int) -> Entries:
    """Return the different hashes of each slot; of a slot with more than `exact`, the holders of its registers and enough others."""
    order = np.lexsort((entries[1], entries[0]))
    slots, hashed = entries[0][order], entries[1][order]
    is_new = np.append(True, (slots[1:] != slots[:-1]) | (hashed[1:] != hashed[:-1]))
    slots, hashed = slots[is_new], hashed[is_new]
    lengths = _lengths(slots)
    many = lengths > max(exact, REGISTERS) * 5 // 4
    if not many.any():  # there is little to gain yet
        return slots, hashed
    places = np.flatnonzero(np.repeat(many, lengths))
    holds = np.ones(len(slots), dtype=bool)
    holds[places] = _holders(slots[places], hashed[places])
    by_need = np.lexsort((hashed, ~holds, slots))
    place = np.arange(len(slots)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    kept = np.zeros(len(slots), dtype=bool)
    kept[by_need] = (place <= exact) | holds[by_need]
    return slots[kept], hashed[kept]


def _lengths(slots: Array) -> Array:
    """Return how many entries each slot has, given in order."""
    _, starts, _ = grouped(slots)
    return np.diff(np.append(starts, len(slots)))


def _holders(slots: Array, hashed: Array) -> Array:
    """Return which hashes hold a register of their slot: one of the highest rank for each. Boolean."""
    register, rank = registers(hashed)
    order = np.lexsort((-rank, register, slots))
    slots, register = slots[order], register[order]
    holds = np.zeros(len(slots), dtype=bool)
    holds[order] = np.append(True, (slots[1:] != slots[:-1]) | (register[1:] != register[:-1]))
    return holds


def _read(entries: Entries, starts: Array, exact: int) -> Array:
    """Return how many different values each slot has had."""
    slots, hashed = entries
    counts = np.diff(np.append(starts, len(slots)))
    many = np.flatnonzero(counts > exact)
    if len(many):
        there = hashed[np.repeat(counts > exact, counts)]
        reached = highest(np.repeat(np.arange(len(many)), counts[many]), there, len(many))
        counts[many] = np.maximum(estimate(reached), exact + 1)
    return counts


def _answer(values: Values, span: Span, settings: Settings) -> Array:
    """Return how many different values each row has had."""
    exact, rows = int(settings[0]), len(span.entered)
    _, hashed, start, stop = values.counted(span)
    counts = different(hashed, start, stop, rows)
    many = np.flatnonzero(counts > exact)
    if len(many):
        # Only rows above the number are asked about, numbered anew; runs that none of them has fall away.
        start, stop = np.searchsorted(many, start), np.searchsorted(many, stop)
        there = start < stop
        (register, rank), start, stop = registers(hashed[there]), start[there], stop[there]
        reached = []
        for least in range(1, int(rank.max()) + 1):
            high = rank >= least
            register, rank, start, stop = register[high], rank[high], start[high], stop[high]
            reached.append(different(register, start, stop, len(many)))
        counts[many] = np.maximum(estimate(reached), exact + 1)
    return counts


def _tally(_: np.dtype, settings: Settings) -> Bagged:
    exact = int(settings[0])
    like = np.zeros(0, dtype=np.int64), np.zeros(0)
    return Bagged(
        like,
        np.array(0, dtype=np.int64),
        fold=lambda entries: _kept(entries, exact),
        read=lambda entries, starts: _read(entries, starts, exact),
    )


DIFFERENT = Partial(
    "distinct",
    form=_hashed,
    answer=Answer(_answer, none, numbers=False),
    tally=_tally,
    entries=numbered,
    subtracts=False,
)

DISTINCT = Operation("distinct", "values", ANYTHING, lambda settings, _: (Need("distinct", settings),), alone, zero=True)
