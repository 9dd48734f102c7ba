"""The same features from the log: for any rows, each as of its own watermark, all at once by the window kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

from millrace.errors import NotFound
from millrace.features import kernel
from millrace.features.attributes import Moments
from millrace.features.compute import compute
from millrace.features.keyed_events import KeyedEvents, joint_keys
from millrace.features.plan import Plan, Read
from millrace.features.plan import plan as plan_for
from millrace.features.reading import Directory, Reader
from millrace.features.routes import RowRoute
from millrace.schema import Field, field_names
from millrace.types import Array, Columns, size, take

History: TypeAlias = Callable[[type, int], Columns]
"""Returns what is known of a class before an instant: `id`, `at`, `known`, `position` and its fields, in any order."""


def backfill(plan: Plan, features: Iterable[Any], rows: Columns, history: History, threads: int = 1) -> dict[str, Array]:
    """Return features by column, a value per row, each as of the row's watermark: the numbers the online view would have served.

    Every class is read once, and its events are keyed once for all windows and operations that share a keying. The memory is a few
    times that of the events and the rows.

    Args:
        plan: What was planned; it must hold the features.
        features: Those wanted.
        rows: `watermark`, `at`, the request's fields, and `candidate` (an id) where the system has candidates; a row per candidate.
        history: The log.
        threads: How many parts the kernel works on side by side.

    Raises:
        NotFound: A feature is not in the plan.
        BadInput: A column is missing, or values cannot be summed.
        DeclarationError: A function failed, or returned what is no feature.
    """
    wanted = list(features)
    for one in wanted:
        if one.column not in plan.features:
            raise NotFound(f"{one.column} is not among the features this was planned for: plan the system's features anew")
    plan = plan_for(plan.request, plan.candidate, wanted)  # what other features need is not read
    until = int(rows["watermark"].max()) if size(rows) else 0
    return compute(plan, wanted, _LogRows(plan, rows, Log(plan, history, until), threads))


class Log:
    """The records a plan needs, known before an instant: each class read once, keys and attributes coded once."""

    def __init__(self, plan: Plan, history: History, until: int) -> None:
        """Read the classes whose attributes are needed; events are read when they are asked for."""
        self.directory = Directory(plan)
        self._history = history
        self._until = until
        self._records: dict[type, Columns] = {}
        self._readers: dict[type, Reader] = {}
        for owner, table in self.directory.tables.items():
            table.stage(self.records(owner))

    def records(self, owner: type) -> Columns:
        """Return the records of a class in order of (known, position)."""
        if owner not in self._records:
            found = self._history(owner, self._until)
            self._records[owner] = _in_order(found) if size(found) else nothing(owner)
        return self._records[owner]

    def reader(self, stream: type) -> Reader:
        """Return what reads a stream's events, attributes as known when each became known."""
        if stream not in self._readers:
            events = self.records(stream)
            self._readers[stream] = Reader(events, self.directory, Moments.of(events), interning=True)
        return self._readers[stream]


def _in_order(records: Columns) -> Columns:
    known, position = records["known"], records["position"]
    steps = np.diff(known)
    if ((steps > 0) | ((steps == 0) & (np.diff(position) >= 0))).all():
        return records
    return take(records, np.lexsort((position, known)))


def nothing(owner: Any) -> Columns:
    """Return no records of a class, a typed column per field."""
    kinds = {name: Field(owner, name).dtype for name in field_names(owner)} | {"id": object}
    return {name: np.zeros(0, dtype=dtype) for name, dtype in (kinds | dict.fromkeys(("at", "known", "position"), np.int64)).items()}


class _LogRows:
    """The rows of decisions as the log lets them be seen: every row its own request, as of its own watermark."""

    def __init__(self, plan: Plan, rows: Columns, log: Log, threads: int) -> None:
        self.requests = size(rows)
        self.request = np.arange(self.requests)
        self.at = rows["at"]
        self.watermark = rows["watermark"]
        self._log = log
        self._threads = threads
        self._groups = groups(plan.reads.values())
        self._answers: dict[str, dict[str, Array]] = {}
        self._readers = row_readers(plan, rows, log.directory)

    def field(self, way: RowRoute) -> Array:
        return self._readers[way.side].values(way.field)

    def states(self, read: Read) -> tuple[Array, ...]:
        if read.reach not in self._answers:
            self._answers[read.reach] = self._answered(self._groups[read.reach])
        return tuple(self._answers[read.reach][state.column] for state in read.states)

    def _answered(self, reads: Sequence[Read]) -> dict[str, Array]:
        """Return the states of reads that share keying and routes."""
        keying = reads[0].states[0].keying
        keyed = KeyedEvents(self._log.reader(keying.stream), self._log.records(keying.stream), keying)
        codes = [self._readers[way.side].codes(way.field) for way in reads[0].routes]
        return states_of(keyed, codes, self.watermark, reads, self._threads)


def states_of(keyed: KeyedEvents, codes: Sequence[Array], watermark: Array, reads: Sequence[Read], threads: int) -> dict[str, Array]:
    """Return the states of reads that share a keying, by column, a value per row.

    Args:
        keyed: The events.
        codes: For each key, its code on every row.
        watermark: The row sees what was known before it.
        reads: What is read.
        threads: How many parts the kernel works on side by side.
    """
    events, rows = joint_keys(keyed.codes, codes)
    states = list({state.column: state for read in reads for state in read.states}.values())
    asks = [keyed.ask(state) for state in states]
    found = kernel.aggregate(kernel.Events(events, keyed.at, keyed.known), kernel.Rows(rows, watermark), asks, threads)
    return {state.column: keyed.answer(state, values) for state, values in zip(states, found, strict=True)}


def row_readers(plan: Plan, rows: Columns, directory: Directory) -> dict[str, Reader]:
    """Return what reads rows, by the side of a route, attributes as known at each row's watermark."""
    moments = Moments.before(rows["watermark"])
    ids = {"id": rows["candidate"]} if plan.candidate is not None else {}
    # Ids of rows get codes too: streams are read one after another, and an id may be met on a row before it is met in its stream.
    return {
        "request": Reader(rows, directory, moments, interning=True),
        "candidate": Reader(ids, directory, moments, interning=True, entity=plan.candidate),
    }


def groups(reads: Iterable[Read]) -> dict[str, list[Read]]:
    """Return reads by what they share: a keying and the routes of rows to it."""
    found: dict[str, list[Read]] = {}
    for read in reads:
        found.setdefault(read.reach, []).append(read)
    return found
