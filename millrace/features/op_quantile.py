"""`quantile` (and `median`): exact up to a declared number of events, from buckets above it.

A bucket is a 64th of the way from one power of two to the next, so it is read off a float's bits: no logarithm is rounded, on any
platform. What a bucket stands for is its middle, which is at most 1/128 of any value in it away from that value.

It cannot subtract: of a slot with more events than declared only counts by bucket are kept, and when enough leave, values are wanted again.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from millrace.features.bags import Bagged
from millrace.features.kernel_runs import nth_smallest
from millrace.features.kernel_timeline import Span
from millrace.features.kernel_values import Values
from millrace.features.op_top import counted, once
from millrace.features.operation import NUMBERS, Answer, Need, Operation, Partial, Settings, alone, as_had, missing
from millrace.features.tallies import Entries
from millrace.types import Array

RELATIVE_ERROR = 1 / 128
"""How far a quantile of more events than are kept can be from the exact one, as a share of that: less than 1 %."""

_SHIFT = 52 - 6
_FINEST = 10**6


def bucket(values: Array) -> Array:
    """Return the bucket of each number: ordered as they are, 0 for 0, negative for negative ones. int64, shape (n,)."""
    size = np.abs(values).view(np.int64) >> _SHIFT
    return np.where(values < 0, -size, size)


def middle(buckets: Array) -> Array:
    """Return what each bucket stands for. float64, shape (n,)."""
    size = np.abs(buckets)
    low, high = ((size + more) << _SHIFT for more in (0, 1))
    middles = low.view(np.float64) / 2 + high.view(np.float64) / 2
    return np.where(size == 0, 0.0, np.sign(buckets) * middles)


def share(q: float) -> Fraction:
    """Return a quantile as the fraction that was meant: 0.1 is a tenth."""
    return Fraction(str(q)).limit_denominator(_FINEST)


def _place(counts: Array, q: float) -> Array:
    """Return which of so many values in order, from 0, is the least that a share `q` of them do not exceed."""
    part = share(q)
    return np.maximum(-(-counts * part.numerator // part.denominator) - 1, 0)


def _kept(entries: Entries, exact: int) -> Entries:
    """Return an entry per slot and value with its count; of a slot with more than `exact` events, one per bucket: its least value."""
    slots, values, counts = counted(entries)
    starts = np.flatnonzero(np.append(True, slots[1:] != slots[:-1]))
    many = np.add.reduceat(counts, starts) > exact
    if not many.any():
        return slots, values, counts
    buckets = bucket(values)
    same = np.repeat(many, np.diff(np.append(starts, len(slots)))) & np.append(False, buckets[1:] == buckets[:-1])
    same[starts] = False
    kept = np.flatnonzero(~same)
    return slots[kept], values[kept], np.add.reduceat(counts, kept)


def _read(entries: Entries, starts: Array, exact: int, q: float) -> Array:
    """Return the quantile of each slot, from entries that are ordered by slot and value."""
    _, values, counts = entries
    ends = np.cumsum(counts)
    before = ends[starts] - counts[starts]
    events = np.diff(np.append(before, ends[-1:]))
    return _settled(values[np.searchsorted(ends, before + _place(events, q), side="right")], events, exact)


def _answer(values: Values, span: Span, settings: Settings) -> Array:
    """Return the quantile of each row."""
    _, had, start, stop = values.counted(span)
    distinct, ranks = np.unique(had, return_inverse=True)
    events = values.count(span)
    found = nth_smallest(ranks, start, stop, _place(events, float(settings[1])))
    there = events > 0
    out = np.full(len(events), np.nan)
    out[there] = _settled(distinct[found[there]].astype(np.float64) + 0.0, events[there], int(settings[0]))
    return out


def _settled(values: Array, events: Array, exact: int) -> Array:
    """Return quantiles as they are told: themselves, or the middle of their bucket where there are more than `exact` events."""
    return np.where(events > exact, middle(bucket(values)), values)


def _tally(_: np.dtype, settings: Settings) -> Bagged:
    exact, q = int(settings[0]), float(settings[1])
    like = np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0, dtype=np.int64)
    return Bagged(like, np.array(np.nan), lambda entries: _kept(entries, exact), lambda entries, starts: _read(entries, starts, exact, q))


QUANTILES = Partial(
    "quantile",
    form=as_had,
    answer=Answer(_answer, missing),
    tally=_tally,
    entries=once,
    subtracts=False,
)

QUANTILE = Operation("quantile", "values", NUMBERS, lambda settings, _: (Need("quantile", settings),), alone)
