"""Compaction: records move from the inbox to files of the lake, and small files become large ones. What is read stays the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from millrace.log import inbox, lake
from millrace.log.codec import Codec
from millrace.log.merging import merge
from millrace.log.order import Part, Span
from millrace.log.reading import unzipped
from millrace.log.store import Store

MOVED_BYTES = 8 * 2**20
"""How long the bodies of records may be together that are moved at a time: meanwhile they take several times as much memory."""
MERGED_BYTES = 128 * 2**20
"""How large a file may be that others are merged into, unpacked: where they overlap, all of it is in memory meanwhile."""


@dataclass(frozen=True)
class Compacted:
    """What a compaction did: how many records it moved to the lake, and how many files it merged into larger ones."""

    moved: int
    merged: int


def compact(store: Store, slice_rows: int, fan_in: int, moved_bytes: int = MOVED_BYTES, merged_bytes: int = MERGED_BYTES) -> Compacted:
    """Move all records of the inbox to the lake, then merge small files.

    Each step is complete in itself: files are on disk before the one transaction that makes them count and deletes the records they
    hold, so that a crash at any instant leaves every record in exactly one place. Records of classes the log was not opened with stay
    in the inbox. Appending and reading go on meanwhile; a second compaction waits.

    Args:
        store: The log's store.
        slice_rows: How many records to move at a time: what one transaction deletes.
        fan_in: How many small files of a stream make a merge worth it.
        moved_bytes: How long the bodies of records may be together that are moved at a time.
        merged_bytes: How large a file may be that others are merged into.
    """
    import pyarrow as pa

    with store.compacting:
        moved = 0
        while step := _move(store, slice_rows, moved_bytes):
            moved += step
        merged = sum(_merge(store, codec, some) for codec in store.streams for some in _small(store, codec, fan_in, merged_bytes))
        pa.default_memory_pool().release_unused()  # it may be long until the next one
    return Compacted(moved, merged)


def _move(store: Store, slice_rows: int, most_bytes: int) -> int:
    names = [codec.name for codec in store.streams]
    with store.view() as db:
        keys = inbox.first_slice(db, names, slice_rows, most_bytes)
        if not keys:
            return 0
        found = {name: inbox.records(db, name, Span(until=keys[-1])) for name in names}
    parts = [_part(store, store.streams[name], records) for name, records in found.items() if records]
    with store.transaction() as db:
        for part in parts:
            inbox.register(db, part)
        inbox.remove(db, [part.stream for part in parts], keys[-1][1])
    return len(keys)


def _part(store: Store, codec: Codec, records: Sequence[inbox.Record]) -> Part:
    record, bodies = unzipped(records)
    return lake.write_part(store.lake, codec, {**record, **codec.stored(bodies)})


def _small(store: Store, codec: Codec, fan_in: int, most_bytes: int) -> Iterator[list[Part]]:
    """Yield groups of at least `fan_in` parts of a stream to merge: with the same columns, each at most half full, together one part."""
    with store.view() as db:
        small = [part for part in inbox.parts(db) if part.stream == codec.name and 2 * part.rows <= codec.part_rows]
    if len(small) < fan_in:
        return
    alike: dict[str, list[_Group]] = defaultdict(lambda: [_Group()])
    for part in small:  # by `known`, so that a merged file covers a short time
        columns, length = lake.shape(store.lake, part)
        if 2 * length > most_bytes:
            continue
        group = alike[columns][-1]
        if group.rows + part.rows > codec.part_rows or group.length + length > most_bytes:
            alike[columns].append(group := _Group())
        group.add(part, length)
    yield from (group.parts for groups in alike.values() for group in groups if len(group.parts) >= fan_in)


@dataclass
class _Group:
    parts: list[Part] = field(default_factory=list)
    rows: int = 0
    length: int = 0

    def add(self, part: Part, length: int) -> None:
        self.parts.append(part)
        self.rows += part.rows
        self.length += length


def _merge(store: Store, codec: Codec, parts: Sequence[Part]) -> int:
    merged = merge(store.lake, codec, parts)
    with store.transaction() as db:
        inbox.register(db, merged)
        inbox.unregister(db, parts)
    lake.discard(store.lake, parts)
    return len(parts)
