"""Features of a log that is too large for memory: its chunks become pieces by key, and all pieces of a key suffice for its numbers.

The log is gone through once, in its order. Attributes are followed as they change, so events and rows read them as known at their own
moments; what remains of an event is the codes of its keys, its two clocks and the values that are aggregated. Who keeps the pieces, and
where, is not said here: any split of them that keeps a key together gives the same numbers, by the same kernel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias, cast

import numpy as np

from millrace.expressions import Expr
from millrace.features.attributes import Moments
from millrace.features.compute import compute
from millrace.features.declare import OnDemand
from millrace.features.keyed_events import KeyedEvents
from millrace.features.offline import groups, nothing, row_readers, states_of
from millrace.features.plan import Keying, Plan, Read, attribute_names
from millrace.features.reading import Directory, Reader
from millrace.features.routes import RowRoute, row_route
from millrace.schema import Field
from millrace.types import Array, Columns, size, take

Chunk: TypeAlias = Mapping[str, Columns]
"""Records by class name, each class in order of (known, position); every record of a chunk comes before all of the next."""

_ROWS_AT_ONCE = 1_000_000


@dataclass(frozen=True)
class Group:
    """Reads that share a keying and the routes to it: their events and rows are split alike.

    Attributes:
        reads: The reads.
    """

    reads: tuple[Read, ...]

    @property
    def keying(self) -> Keying:
        """What their events are grouped by."""
        return self.reads[0].states[0].keying

    @property
    def routes(self) -> tuple[RowRoute, ...]:
        """How rows reach the keys."""
        return self.reads[0].routes

    @cached_property
    def values(self) -> dict[str, Expr]:
        """By column, the expressions that are aggregated."""
        return {state.value.column: state.value for read in self.reads for state in read.states if state.value is not None}


def groups_of(plan: Plan) -> tuple[Group, ...]:
    """Return the groups of a plan, in an order that the plan decides."""
    return tuple(Group(tuple(reads)) for reads in groups(plan.reads.values()).values())


@dataclass(frozen=True)
class Piece:
    """Events, rows or attributes of rows, on their way to where they are kept.

    Attributes:
        what: "events", "rows" or "fields".
        group: The number of the group they are of; -1 for fields, which are of all rows.
        keys: For each key, its code on every one of them. Pieces with equal codes belong together.
        columns: What is needed of them. Rows and fields have `row`, their position among the rows.
    """

    what: str
    group: int
    keys: tuple[Array, ...]
    columns: dict[str, Array]


def needed(plan: Plan) -> dict[type, tuple[str, ...]]:
    """Return what a plan reads of each class, `id` and `at` only where they are, beside `known` and `position`."""
    found: dict[type, set[str]] = {owner: {"id", *names} for owner, names in plan.attributes.items()}
    for state in plan.states.values():
        read = [field for one in (state.keying.where, state.value) if one is not None for field in one.fields()]
        roots = {cast("Field", field).root.name for field in (*read, *state.keying.keys)}
        found.setdefault(state.keying.stream, set()).update(roots, ("at",))
    return {owner: tuple(sorted(names)) for owner, names in found.items()}


def pieces(plan: Plan, rows: Columns, chunks: Iterable[Chunk]) -> Iterator[Piece]:
    """Yield what a log and rows are cut into; the first pieces are empty, so that each sort has its columns though nothing happened.

    The memory is that of a chunk, of the ids that keys can have, and of the attributes as they stand.

    Args:
        plan: What is wanted.
        rows: As for `backfill`, in any order.
        chunks: What is known before the last watermark, or more.
    """
    directory, every = Directory(plan, many=True), groups_of(plan)
    ways = _kept(plan)
    order = np.argsort(rows["watermark"], kind="stable")
    watermark = rows["watermark"][order]
    yield from _events(every, {}, directory)
    yield from _rows(plan, every, ways, rows, order[:0], directory)
    done = 0
    for chunk in chunks:
        for owner, table in directory.tables.items():
            table.stage(chunk.get(owner.__name__, {}))
        yield from _events(every, chunk, directory)
        # What the rows up to the chunk's last instant may know is in it or came before.
        end = int(np.searchsorted(watermark, max(int(of["known"][-1]) for of in chunk.values()), side="right"))
        yield from _rows(plan, every, ways, rows, order[done:end], directory)
        done = max(done, end)
        for table in directory.tables.values():
            table.commit()
    yield from _rows(plan, every, ways, rows, order[done:], directory)


def _events(every: Sequence[Group], chunk: Chunk, directory: Directory) -> Iterator[Piece]:
    readers: dict[type, tuple[Columns, Reader]] = {}
    for number, group in enumerate(every):
        stream = group.keying.stream
        if chunk and stream.__name__ not in chunk:
            continue
        if stream not in readers:
            events = chunk.get(stream.__name__) or nothing(stream)
            readers[stream] = events, Reader(events, directory, Moments.of(events), interning=True)
        events, reader = readers[stream]
        yield piece_of(group, number, reader, events)[1]


def piece_of(group: Group, number: int, reader: Reader, events: Columns) -> tuple[Array, Piece]:
    """Return which of a stream's events a group counts, as positions, and what is needed of them."""
    keyed = KeyedEvents(reader, events, group.keying)
    columns = {"at": keyed.at, "known": keyed.known}
    for name, expression in group.values.items():
        values, present = reader.evaluate(expression)
        columns |= {f"value {name}": values[keyed.rows], f"present {name}": present[keyed.rows]}
    return keyed.rows, Piece("events", number, tuple(keyed.codes), columns)


def _rows(
    plan: Plan, every: Sequence[Group], ways: Sequence[RowRoute], rows: Columns, index: Array, directory: Directory
) -> Iterator[Piece]:
    for start in range(0, max(len(index), 1), _ROWS_AT_ONCE):
        here = index[start : start + _ROWS_AT_ONCE]
        some = take(rows, here)
        readers = row_readers(plan, some, directory)
        for number, group in enumerate(every):
            codes = tuple(readers[way.side].codes(way.field) for way in group.routes)
            yield Piece("rows", number, codes, {"row": here, "watermark": some["watermark"]})
        if ways:
            yield Piece("fields", -1, (), {"row": here} | {way.field.column: readers[way.side].values(way.field) for way in ways})


def _kept(plan: Plan) -> list[RowRoute]:
    """Return the attributes that features read on rows: what a row does not carry itself has to be read as it was known."""
    ways = [way for one in plan.features.values() for way in _read_on_rows(plan, one)]
    distinct = {way.field.column: way for way in ways}
    return [way for way in distinct.values() if way.field.via is not None or (way.side == "candidate" and way.field.name != "id")]


def _read_on_rows(plan: Plan, one: Any) -> Iterator[RowRoute]:
    if isinstance(one, Field):
        yield row_route(plan.request, plan.candidate, one)
    if isinstance(one, OnDemand):
        for _, owner in one.parameters:
            if owner is None:
                continue
            way = row_route(plan.request, plan.candidate, owner)
            through = None if owner in (plan.request, plan.candidate) else way.field
            yield from (RowRoute(way.side, Field(owner, name, through)) for name in attribute_names(owner))


def partition_of(keys: Sequence[Array], partitions: int) -> Array:
    """Return the partition of each combination of key codes: equal combinations share one. int64, from 0 to `partitions` - 1."""
    mixed = np.zeros(len(keys[0]), dtype=np.uint64)
    for key in keys:
        mixed = (mixed ^ key.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(32)
    return (mixed % np.uint64(partitions)).astype(np.int64)


def answer(group: Group, events: Columns, rows: Columns, threads: int = 1) -> dict[str, Array]:
    """Return the states of a group by column, a value per row, from all pieces that share the rows' keys.

    Args:
        group: The group.
        events: The columns of its pieces and their keys as `key 0`, `key 1`, …, in the order of the log.
        rows: The same of rows.
        threads: How many parts the kernel works on side by side.
    """
    keys = range(len(group.routes))
    kept = _Kept(events, [events[f"key {i}"] for i in keys])
    keyed = KeyedEvents(cast("Reader", kept), events, group.keying)
    return states_of(keyed, [rows[f"key {i}"] for i in keys], rows["watermark"], group.reads, threads)


class _Kept:
    """Reads the events of pieces as a `Reader` read them when they were cut."""

    def __init__(self, events: Columns, codes: list[Array]) -> None:
        self._events = events
        self._codes = codes

    def keyed(self, _: Keying) -> tuple[Array, list[Array]]:
        return np.ones(size(self._events), dtype=bool), self._codes

    def evaluate(self, expression: Expr) -> tuple[Array, Array]:
        return self._events[f"value {expression.column}"], self._events[f"present {expression.column}"]


def finish(plan: Plan, wanted: Sequence[Any], rows: Columns, fields: Columns, states: Columns) -> dict[str, Array]:
    """Return features by column from the states and attributes of some rows.

    Args:
        plan: The plan the pieces were cut by.
        wanted: The features.
        rows: Some rows.
        fields: By column, the attributes that were read on them.
        states: By column, the states answered for them.
    """
    return compute(plan, wanted, _Answered(plan, rows, fields, states))


class _Answered:
    """Rows whose states and attributes are there already: every row its own request."""

    def __init__(self, plan: Plan, rows: Columns, fields: Columns, states: Columns) -> None:
        self.requests = size(rows)
        self.request = np.arange(self.requests)
        self.at = rows["at"]
        self.watermark = rows["watermark"]
        self._own = Reader({**rows, "id": rows["candidate"]} if plan.candidate else rows, Directory(plan), None)
        self._fields = fields
        self._states = states

    def field(self, way: RowRoute) -> Array:
        if way.field.column in self._fields:
            return self._fields[way.field.column]
        return self._own.values(way.field)

    def states(self, read: Read) -> tuple[Array, ...]:
        return tuple(self._states[state.column] for state in read.states)
