"""What a log holds of one person (or any other entity): the records to remove, and the decisions that only name it.

A record is the person's when it is the person's own, refers to it, or refers to an event or a request that is removed: a complaint about a
removed request goes with it. A record of a class, or with a field, that the log was not opened with is the person's when a text in it is
the id. Decisions go with their requests; those of other people's requests that considered the person as a candidate stay, and only the
name is taken out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from millrace.decision import Decision
from millrace.log import inbox, lake
from millrace.log.codec import RECORD, Codec
from millrace.log.decisions import DECISION
from millrace.log.order import Part, Span
from millrace.log.store import Store
from millrace.schema import Event, Request, references
from millrace.types import Array

if TYPE_CHECKING:
    import pyarrow as pa

Progress = Callable[[str, int, int], object]
"""Told what is being done, and how many parts of how many are."""


class Who(msgspec.Struct, frozen=True):
    """Whom to forget.

    Attributes:
        entity: The entity class.
        id: The id.
        is_candidate: Whether the candidates of decisions are of that class.
    """

    entity: str
    id: str
    is_candidate: bool = False

    def __str__(self) -> str:
        return f"{self.entity}:{self.id}"


class Record(NamedTuple):
    """A record to remove."""

    position: int
    id: str
    known: int


@dataclass
class Traces:
    """What was found.

    Attributes:
        removed: The records to remove, by stream.
        named: The decisions to keep without the name, by position.
    """

    removed: dict[str, list[Record]] = field(default_factory=dict)
    named: dict[int, Record] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """How many records are to be removed, by stream."""
        return {stream: len(records) for stream, records in sorted(self.removed.items())}

    @property
    def since(self) -> dict[str, int]:
        """By stream, when the first record that is removed or altered became known: no value that saw it can be proven any more."""
        first = {stream: min(record.known for record in records) for stream, records in self.removed.items()}
        named = [record.known for record in self.named.values()]
        return first | ({DECISION: min([*named, first.get(DECISION, named[0])])} if named else {})


def traces(store: Store, db: sqlite3.Connection, who: Who, progress: Progress) -> Traces:
    """Return what a log holds of somebody, as a view sees it.

    Args:
        store: The log's store.
        db: The view, or a transaction.
        who: Whom to forget.
        progress: Told how many files were read.
    """
    parts = inbox.parts(db)
    streams = {codec.name for codec in store.streams} | {part.stream for part in parts} | inbox.streams(db)
    found = Traces()
    seen: dict[str, set[int]] = {}
    new: dict[str, set[str]] = {who.entity: {who.id}}
    is_first = True
    while new:
        looked = {name: _Looked.of(store, name, who, new, is_first) for name in sorted(streams)}
        looked = {name: one for name, one in looked.items() if one.columns or one.strange is not None}
        near = [part for part in parts if part.stream in looked]
        records: dict[str, list[Record]] = {name: list(one.in_inbox(db)) for name, one in looked.items()}
        for done, part in enumerate(near):
            progress(f"looking for {who.entity}", done, len(near))
            records[part.stream] += looked[part.stream].in_part(store, part)
        new = {}
        for name, some in records.items():
            fresh = [record for record in some if record.position not in seen.setdefault(name, set())]
            if fresh:
                seen[name].update(record.position for record in fresh)
                found.removed.setdefault(name, []).extend(fresh)
                if name in store.streams and issubclass(store.streams[name].item, Event):
                    new[name] = {record.id for record in fresh}
        is_first = False
    if who.is_candidate:
        gone = seen.get(DECISION, set())
        found.named = {record.position: record for record in _naming(store, db, parts, who.id) if record.position not in gone}
    return found


@dataclass
class _Looked:
    """How one stream is looked through: which ids in which columns, and which text in columns the class does not have."""

    stream: str
    codec: Codec | None
    columns: Mapping[str, Collection[str]]
    strange: str | None

    @classmethod
    def of(cls, store: Store, stream: str, who: Who, new: Mapping[str, set[str]], is_first: bool) -> _Looked:
        codec = store.streams.get(stream)
        columns: dict[str, Collection[str]] = {}
        if is_first and stream == who.entity:
            columns["id"] = {who.id}
        if stream == DECISION:
            asked = [ids for name, ids in new.items() if name in store.streams and issubclass(store.streams[name].item, Request)]
            return cls(stream, codec, {"id": set().union(*asked)} if asked else {}, None)
        for one in references(codec.item) if codec is not None else ():
            if one.refers_to is not None and one.refers_to.__name__ in new:
                columns[one.name] = new[one.refers_to.__name__]
        return cls(stream, codec, columns, who.id if is_first else None)

    def _is_known(self, column: str) -> bool:
        return column in RECORD or (self.codec is not None and column in self.codec.kinds)

    def in_inbox(self, db: sqlite3.Connection) -> Iterator[Record]:
        """Yield the records that are still in the inbox."""
        wanted = {name: set(ids) for name, ids in self.columns.items()}
        decode = msgspec.json.Decoder(dict[str, Any]).decode
        for position, known, id_, _, body in inbox.records(db, self.stream, Span()):
            item = decode(body) if self.strange is not None or wanted.keys() - {"id"} else {}
            if (
                id_ in wanted.get("id", ())
                or any(item.get(name) in ids for name, ids in wanted.items() if name != "id" and isinstance(item.get(name), str))
                or (self.strange is not None and any(value == self.strange for name, value in item.items() if not self._is_known(name)))
            ):
                yield Record(position, id_, known)

    def in_part(self, store: Store, part: Part) -> list[Record]:
        """Return the records in a file of the lake."""
        table = lake.table(store.lake, part, self._chosen)
        mask = np.zeros(len(table), dtype=bool)
        for name in table.column_names:
            if name in self.columns:
                mask |= _is_in(table[name], self.columns[name])
            elif self.strange is not None and not self._is_known(name):
                mask |= _is_in(table[name], {self.strange})
        return _records(table.filter(mask)) if mask.any() else []

    def _chosen(self, schema: pa.Schema) -> list[str]:
        strange = [name for name in schema.names if not self._is_known(name)] if self.strange is not None else []
        return [name for name in schema.names if name in (*RECORD, *self.columns, *strange)]


def _is_in(column: pa.ChunkedArray, ids: Collection[str]) -> Array:
    """Return which values of a column are among some ids; none of a column that is not text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not (pa.types.is_large_string(column.type) or pa.types.is_string(column.type)):
        return np.zeros(len(column), dtype=bool)
    return pc.is_in(column, value_set=pa.array(sorted(ids), column.type)).to_numpy()  # type: ignore[attr-defined]


def _records(table: pa.Table) -> list[Record]:
    columns = lake.integers(table["position"]).tolist(), table["id"].to_pylist(), lake.integers(table["known"]).tolist()
    return [Record(*one) for one in zip(*columns, strict=True)]


def _naming(store: Store, db: sqlite3.Connection, parts: Collection[Part], id_: str) -> Iterator[Record]:
    """Yield the decisions that name an id among what they considered, or what their shadow would have taken."""
    import pyarrow.compute as pc

    text = msgspec.json.encode(id_)
    for position, known, of, _, body in inbox.records(db, DECISION, Span()):
        if text in body and names(body, id_):
            yield Record(position, of, known)
    for part in parts:
        if part.stream == DECISION:
            table = lake.table(store.lake, part, lambda _: [*RECORD, "decision"])
            near = table.filter(pc.match_substring(table["decision"], text))  # type: ignore[attr-defined]
            is_named = [names(body, id_) for body in near["decision"].to_pylist()]
            yield from _records(near.filter(is_named)) if any(is_named) else ()


def names(body: bytes, id_: str) -> bool:
    """Return whether a decision's body names an id."""
    made = msgspec.json.decode(body, type=Decision)
    return id_ in made.candidate or id_ in made.shadow or made.answer == id_
