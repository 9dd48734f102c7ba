"""Compaction: records move from the inbox to files of the lake, and small files become large ones. What is read stays the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from millrace.log import inbox, lake
from millrace.log.codec import Codec
from millrace.log.order import Part, Span
from millrace.log.reading import unzipped
from millrace.log.store import Store


@dataclass(frozen=True)
class Compacted:
    """What a compaction did: how many records it moved to the lake, and how many files it merged into larger ones."""

    moved: int
    merged: int


def compact(store: Store, slice_rows: int, fan_in: int) -> Compacted:
    """Move all records of the inbox to the lake, then merge small files.

    Each step is complete in itself: files are on disk before the one transaction that makes them count and deletes the records they
    hold, so that a crash at any instant leaves every record in exactly one place. Records of classes the log was not opened with stay
    in the inbox. Appending and reading go on meanwhile; a second compaction waits.

    Args:
        store: The log's store.
        slice_rows: How many records to move at a time: what is in memory, and what one transaction deletes.
        fan_in: How many small files of a stream make a merge worth it.
    """
    with store.compacting:
        moved = 0
        while step := _move(store, slice_rows):
            moved += step
        merged = sum(_merge(store, codec, some) for codec in store.streams for some in _small(store, codec, fan_in))
    return Compacted(moved, merged)


def _move(store: Store, slice_rows: int) -> int:
    names = [codec.name for codec in store.streams]
    with store.view() as db:
        keys = inbox.first_keys(db, names, Span(), slice_rows)
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


def _small(store: Store, codec: Codec, fan_in: int) -> Iterator[list[Part]]:
    """Yield groups of at least `fan_in` parts of a stream to merge: with the same columns, each at most half full, together one part."""
    with store.view() as db:
        small = [part for part in inbox.parts(db) if part.stream == codec.name and 2 * part.rows <= codec.part_rows]
    if len(small) < fan_in:
        return
    alike: dict[str, list[list[Part]]] = defaultdict(lambda: [[]])
    for part in small:  # by `known`, so that a merged file covers a short time
        groups = alike[lake.schema(store.lake, part)]
        if sum(one.rows for one in groups[-1]) + part.rows > codec.part_rows:
            groups.append([])
        groups[-1].append(part)
    yield from (group for groups in alike.values() for group in groups if len(group) >= fan_in)


def _merge(store: Store, codec: Codec, parts: Sequence[Part]) -> int:
    merged = lake.merge(store.lake, codec, parts)
    with store.transaction() as db:
        inbox.register(db, merged)
        inbox.unregister(db, parts)
    lake.discard(store.lake, parts)
    return len(parts)
