"""The events behind one number: which count for a key as of an instant, between which bounds, and what they come to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from millrace.errors import DeclarationError
from millrace.features.attributes import Moments
from millrace.features.compute import compute, finished
from millrace.features.declare import Aggregate
from millrace.features.offline import nothing
from millrace.features.plan import Plan, Read, domain
from millrace.features.reading import Directory, Reader
from millrace.features.routes import RowRoute
from millrace.features.streamed import Chunk, Group, answer, groups_of, piece_of
from millrace.schema import Entity, Field
from millrace.types import Array, Columns, objects, size, stack, take


@dataclass(frozen=True)
class Part:
    """An aggregate that a value is made of, and the events that count for it.

    Attributes:
        aggregate: The aggregate.
        keys: By name, the keys whose events they are.
        value: What the aggregate is.
        lo: The first instant its window covers, microseconds; `EVER` for one that covers all.
        events: Those that count, with all their fields, in order of (known, position).
        values: What each of them adds, None where that is missing; None where events are only counted.
    """

    aggregate: Aggregate
    keys: Mapping[str, Any]
    value: Any
    lo: int
    events: Columns
    values: list[Any] | None


@dataclass(frozen=True)
class Behind:
    """A feature's value, as of an instant, and what is behind it.

    Attributes:
        value: The value; None where it is missing.
        watermark: The instant, microseconds: what was known before it counts.
        parts: The aggregates it is made of; none for an attribute.
    """

    value: Any
    watermark: int
    parts: tuple[Part, ...]


def keys_of(plan: Plan) -> dict[str, Field]:
    """Return what the values of a plan's features are looked up by: the domain of each key and a field that holds it, in order."""
    found: dict[str, Field] = {}
    for read in plan.reads.values():
        keying = read.states[0].keying
        found |= {name: key for name, key in zip(keying.domains, keying.keys, strict=True) if name not in found}
    for one in plan.features.values():
        if isinstance(one, Field) and (holder := _holder(plan.route_of(one).field)) is not None:
            found.setdefault(domain(holder), holder)
    return found


def _holder(field: Field) -> Field | None:
    """Return the field that says whose attribute a field is; None for a request's own field, which only a row says."""
    if field.via is not None:
        return field.via
    return Field(field.owner, "id") if issubclass(field.owner, Entity) else None


def behind(plan: Plan, column: str, keys: Mapping[str, Any], watermark: int, chunks: Iterable[Chunk]) -> Behind:
    """Return what is behind a feature's value for some keys, as of an instant.

    Args:
        plan: A plan of this feature alone.
        column: The feature.
        keys: A value for each of `keys_of`: an id, or the value of a plain field.
        watermark: What was known before this instant counts, microseconds.
        chunks: All fields of what was known before it, chunk by chunk in the order of the log.

    Raises:
        DeclarationError: The feature is a function that reads what none of the keys says, or that fails.
    """
    one = _OneRow(plan, keys, watermark)
    for chunk in chunks:
        one.take(chunk)
    value = compute(plan, [plan.features[column]], one)[column].tolist()[0]
    return Behind(None if value != value else value, watermark, tuple(one.part(read) for read in plan.reads.values()))


class _OneRow:
    """One row of which only the keys are known; it follows the log and keeps the events of these keys."""

    requests = 1

    def __init__(self, plan: Plan, keys: Mapping[str, Any], watermark: int) -> None:
        self.request = np.zeros(1, dtype=np.int64)
        self.at = self.watermark = np.array([watermark])
        self._keys = keys
        self._directory = Directory(plan)
        self._groups = groups_of(plan)
        self._pieces: list[list[Columns]] = [[] for _ in self._groups]
        self._events: list[list[Columns]] = [[] for _ in self._groups]
        self._answers: dict[int, dict[str, Array]] = {}
        for name, value in keys.items():
            self._directory.interners[name].intern(objects([value]))

    def take(self, chunk: Chunk) -> None:
        """Keep what counts of a chunk."""
        for owner, table in self._directory.tables.items():
            table.stage(chunk.get(owner.__name__, {}))
        for number, group in enumerate(self._groups):
            events = chunk.get(group.keying.stream.__name__, {})
            if size(events):
                self._keep(number, group, events)
        for table in self._directory.tables.values():
            table.commit()

    def _keep(self, number: int, group: Group, events: Columns) -> None:
        reader = Reader(events, self._directory, Moments.of(events), interning=True)
        rows, piece = piece_of(group, number, reader, events)
        mine = np.logical_and.reduce([codes == code for codes, code in zip(piece.keys, self._codes(group), strict=True)])
        keyed = {f"key {i}": key for i, key in enumerate(piece.keys)} | piece.columns
        self._pieces[number].append(take(keyed, mine))
        self._events[number].append(take(events, rows[mine]))

    def _codes(self, group: Group) -> list[int]:
        return [int(self._code(name)[0]) for name in group.keying.domains]

    def _code(self, name: str) -> Array:
        return self._directory.interners[name].lookup(objects([self._keys[name]]))

    def states(self, read: Read) -> tuple[Array, ...]:
        """Return the states of an aggregate."""
        number = self._number(read)
        if number not in self._answers:
            group = self._groups[number]
            codes = {f"key {i}": np.array([code]) for i, code in enumerate(self._codes(group))}
            self._answers[number] = answer(group, self._found(number), {**codes, "watermark": self.watermark})
        return tuple(self._answers[number][state.column] for state in read.states)

    def _number(self, read: Read) -> int:
        return next(number for number, group in enumerate(self._groups) if any(one is read for one in group.reads))

    def _found(self, number: int) -> Columns:
        if not self._pieces[number]:
            group = self._groups[number]
            self._keep(number, group, nothing(group.keying.stream))
        return stack(self._pieces[number])

    def field(self, way: RowRoute) -> Array:
        """Return an attribute of one of the keys, or a key itself."""
        field, holder = way.field, _holder(way.field)
        name = domain(holder) if holder is not None else ""
        if name not in self._keys:
            raise DeclarationError(f"{field.column} is read of a row, and no key says which: explain what the feature is made of instead")
        if field.name == "id":
            return objects([self._keys[name]])
        table = self._directory.tables[field.owner]
        return table.values(field.name, table.locate(self._code(name), None))

    def part(self, read: Read) -> Part:
        """Return the events of one aggregate."""
        number, aggregate = self._number(read), read.aggregate
        lo = aggregate.window.lo(int(self.watermark[0]))
        pieces, events = self._found(number), stack(self._events[number])
        counted = pieces["at"] >= lo
        value = finished(read, self.states(read), self.watermark).tolist()[0]
        keys = {name: self._keys[name] for name in read.states[0].keying.domains}
        return Part(
            aggregate, keys, None if value != value else value, lo, take(events, counted), _values(aggregate, take(pieces, counted))
        )


def _values(aggregate: Aggregate, pieces: Columns) -> list[Any] | None:
    if aggregate.value is None:
        return None
    name = aggregate.value.column
    pairs = zip(pieces[f"value {name}"].tolist(), pieces[f"present {name}"].tolist(), strict=True)
    return [value if present else None for value, present in pairs]
