"""Served against recomputed: every feature of a logged decision must come out of the log again, and where one does not, why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from millrace.errors import BadInput, NotFound
from millrace.features.declare import Aggregate
from millrace.features.keyed_events import KeyedEvents
from millrace.features.offline import History, Log, row_readers
from millrace.features.plan import Plan, Read, with_needs
from millrace.features.plan import plan as plan_for
from millrace.types import Array, Columns, size, take

TOLERANCE = 1e-9
"""How far two floats may be apart, relative to the larger."""


@dataclass(frozen=True)
class Mismatch:
    """A feature whose served value the log does not give again.

    Attributes:
        row: The position of the row in the columns compared.
        id: What the row is of: the id of its decision.
        column: The feature.
        served: What the decision was made with.
        recomputed: What the log says it should have been.
    """

    row: int
    id: str
    column: str
    served: Any
    recomputed: Any

    def __str__(self) -> str:
        return f"{self.id}: {self.column} was served as {self.served!r}, the log says {self.recomputed!r}"


def compare(ids: Array, served: Columns, recomputed: Columns) -> list[Mismatch]:
    """Return where served features differ from recomputed ones: whole numbers and text at all, floats by more than 1e-9 of the larger.

    Args:
        ids: What a row is of: the id of its decision. Shape (rows,).
        served: Features by column as they were served, or as a log gives them back: whole numbers may have become floats, NaN None.
        recomputed: The same features by column, for the same rows in the same order.

    Raises:
        BadInput: A served column was not recomputed, or the numbers of rows differ.
    """
    found: list[Mismatch] = []
    for column, values in served.items():
        again = recomputed.get(column, ids[:0])
        if not len(ids) == len(values) == len(again):
            raise BadInput(f"{column} was served on {len(values)} of {len(ids)} rows and recomputed on {len(again)}", column)
        there = _like(values, again)
        unequal = np.flatnonzero(~_equal(there, again)).tolist()
        was, now = there.tolist(), again.tolist()
        found += [Mismatch(row, str(ids[row]), column, was[row], now[row]) for row in unequal]
    return sorted(found, key=lambda mismatch: mismatch.row)


def _like(served: Array, recomputed: Array) -> Array:
    """Return a column read back from a log (numbers among objects, null for NaN) in the type it was served in."""
    if served.dtype != object or recomputed.dtype == object:
        return served
    values = [np.nan if value is None else value for value in served.tolist()]
    if not all(isinstance(value, int | float) for value in values):
        return served
    return np.array(values, dtype=np.float64 if any(isinstance(value, float) for value in values) else recomputed.dtype)


def _equal(served: Array, recomputed: Array) -> Array:
    if "O" in (served.dtype.kind, recomputed.dtype.kind):
        pairs = zip(served.tolist(), recomputed.tolist(), strict=True)
        return np.array([a == b for a, b in pairs], dtype=bool)
    if recomputed.dtype.kind != "f":
        return served == recomputed
    there = np.isfinite(served) & np.isfinite(recomputed)
    a, b = np.where(there, served, 0.0), np.where(there, recomputed, 0.0)
    near = there & (np.abs(a - b) <= TOLERANCE * np.maximum(np.abs(a), np.abs(b)))
    return near | (served == recomputed) | (np.isnan(served) & np.isnan(recomputed))


@dataclass(frozen=True)
class Evidence:
    """The events behind an aggregate's value on one row.

    Attributes:
        column: The aggregate.
        keys: The keys whose events they are; None for one that is missing or unknown.
        events: Those that count, with all their fields, in order of (known, position).
    """

    column: str
    keys: tuple[Any, ...]
    events: Columns


def explain(plan: Plan, column: str, row: Columns, history: History) -> list[Evidence]:
    """Return the events behind a feature's value: for each aggregate it is made of, those the log says should count.

    Args:
        plan: The plan that holds the feature.
        column: The feature.
        row: One row as for `backfill`: `watermark`, `at`, the request's fields, and `candidate`.
        history: The log.

    Raises:
        NotFound: The plan has no such feature.
        BadInput: There is not exactly one row.
    """
    if column not in plan.features:
        raise NotFound(f"{column} is not among the features of this system")
    if size(row) != 1:
        raise BadInput(f"one value is explained at a time: give one row, not {size(row)}", "row")
    narrow = plan_for(plan.request, plan.candidate, [plan.features[column]])
    watermark = int(row["watermark"][0])
    log = Log(narrow, history, watermark)
    aggregates = [one for one in with_needs([plan.features[column]]).values() if isinstance(one, Aggregate)]
    return [_behind(narrow, narrow.reads[one.column], row, log, watermark) for one in aggregates]


def _behind(plan: Plan, read: Read, row: Columns, log: Log, watermark: int) -> Evidence:
    keying = read.states[0].keying
    readers = row_readers(plan, row, log.directory)
    keyed = KeyedEvents(log.reader(keying.stream), log.records(keying.stream), keying)
    codes = [int(readers[way.side].codes(way.field)[0]) for way in read.routes]
    counts = keyed.at >= read.aggregate.window.lo(watermark)
    for column, code in zip(keyed.codes, codes, strict=True):
        counts &= column == code
    keys = tuple(log.directory.interners[name].ids[code] for name, code in zip(keying.domains, codes, strict=True))
    return Evidence(read.aggregate.column, keys, take(log.records(keying.stream), keyed.rows[counts]))
