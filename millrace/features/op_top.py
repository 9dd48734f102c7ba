"""`top_k`: the most frequent values, by exact counts: they subtract. Of values equally often, the smaller (by alphabet) comes first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from millrace.features.bags import Bagged
from millrace.features.kernel_runs import most_frequent
from millrace.features.kernel_timeline import Span
from millrace.features.kernel_values import Values
from millrace.features.op_order import ANYTHING
from millrace.features.operation import Answer, Need, Operation, Partial, Settings, as_had
from millrace.features.tallies import Entries
from millrace.features.window import Window
from millrace.types import Array


def counted(entries: Entries) -> Entries:
    """Return one entry per slot and value with how often it was had, ordered by both; what was had 0 times is left out.

    Args:
        entries: Slots, values, and how often each.
    """
    values, rank = np.unique(entries[1], return_inverse=True)
    order = np.lexsort((rank, entries[0]))
    slots, rank = entries[0][order], rank[order]
    starts = np.flatnonzero(np.append(True, (slots[1:] != slots[:-1]) | (rank[1:] != rank[:-1])))
    counts = np.add.reduceat(entries[2][order], starts)
    kept = starts[counts != 0]
    return slots[kept], values[rank[kept]], counts[counts != 0]


def _undone(entries: Entries) -> Entries:
    return *entries[:-1], -entries[-1]


def _read(entries: Entries, starts: Array, most: int, none: float | None) -> Array:
    """Return the most frequent values of each slot, from entries that are ordered by slot and value."""
    slots, values, counts = entries
    order = np.lexsort((-counts, slots))
    lengths = np.diff(np.append(starts, len(slots)))
    row, place = np.repeat(np.arange(len(starts)), lengths), np.arange(len(slots)) - np.repeat(starts, lengths)
    best = place < most
    found = np.full((len(starts), most), none, dtype=values.dtype)
    found[row[best], place[best]] = values[order[best]]
    return found


def _answer(values: Values, span: Span, settings: Settings) -> Array:
    """Return for each of a row's most frequent values an event that had it, or -1. Places in the timeline."""
    places, had, start, stop = values.counted(span)
    _, sample, ranks = np.unique(had, return_index=True, return_inverse=True)
    found = most_frequent(ranks, start, stop, len(span.entered), int(settings[0]))
    return np.append(places[sample], -1)[found]


def _tally(dtype: np.dtype, settings: Settings) -> Bagged:
    most, is_text = int(settings[0]), dtype.kind == "O"
    kept = np.dtype(object) if is_text else np.dtype(np.float64)
    none = None if is_text else np.nan
    like = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=kept), np.zeros(0, dtype=np.int64)
    nothing = np.full(most, none, dtype=kept)
    return Bagged(like, nothing, counted, lambda entries, starts: _read(entries, starts, most, none), _undone)


def once(slots: Array, _: Array, values: Array) -> Entries:
    """Enter a value per slot that was had once."""
    return slots, values if values.dtype.kind == "O" else values + 0.0, np.ones(len(slots), dtype=np.int64)  # + 0.0 makes -0.0 and 0.0 one


def _column(states: Sequence[Array], settings: Settings, _: Window, __: Array | int) -> Array:
    return states[0][:, int(settings[1]) - 1]


def _nowhere(_: Array | None, settings: Settings) -> Array:
    return np.full(int(settings[0]), -1, dtype=np.int64)


COMMONEST = Partial(
    "top_k",
    form=as_had,
    answer=Answer(_answer, _nowhere, picks=True, numbers=False),
    tally=_tally,
    entries=once,
    subtracts=True,
)

TOP_K = Operation("top_k", "values", ANYTHING, lambda settings, _: (Need("top_k", settings[:1]),), _column, gives="value")
