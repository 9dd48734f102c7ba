"""Replay: all records in the order they became known, in chunks of bounded size."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from millrace.log import inbox, lake, shown
from millrace.log.codec import ORDER, RECORD
from millrace.log.decisions import DECISION
from millrace.log.order import Key, Span
from millrace.log.reading import in_order, rows_of
from millrace.log.store import Store
from millrace.schema import shows
from millrace.types import Array, size, stack, take


def replay(
    store: Store,
    streams: Sequence[Any],
    span: Span,
    chunk: int,
    fields: Mapping[Any, Iterable[str]] | None = None,
    coding: bool = False,
) -> Iterator[dict[str, dict[str, Array]]]:
    """Yield rows by stream, chunk after chunk, every row of a chunk before every row of the next in the order (known, position).

    Each chunk is read from a view of its own: nothing is held open between two, so a replay may last and may be left unfinished, and a
    compaction or a merge meanwhile does not disturb it. Records that become known meanwhile are replayed too.

    Args:
        store: The log's store.
        streams: Classes of the log, `Decision` and `Shown[...]` among them.
        span: Which rows.
        chunk: About how many records a chunk holds; the last may hold fewer. A decision counts once, whatever it showed.
        fields: Which fields to read of each class, beside `known` and `position`: nothing else is decoded. Of a class that is not named,
            those of every record and all but the private ones.
        coding: See `tables.columns_of`.
    """
    fields = fields or {}
    always = {stream: ORDER if stream in fields else RECORD for stream in streams}
    made = {stream: shown.chosen(stream, fields.get(stream), always[stream]) for stream in streams if shows(stream)}
    stored = [store.streams.of(stream) for stream in streams if not shows(stream)]
    columns = {codec.name: codec.chosen(fields.get(codec.item, codec.public), always[codec.item]) for codec in stored}
    if made:
        columns[DECISION] = store.streams[DECISION].chosen(shown.NEEDS, columns.get(DECISION, ORDER))

    def read(db: sqlite3.Connection) -> tuple[Key | None, dict[str, dict[str, Array]]]:
        end = _end(store, db, set(columns), span, chunk)
        if end is None:
            return None, {}
        piece = span._replace(until=end)
        # What is shown is read from the columns of decisions one by one.
        rows = {name: rows_of(store, db, store.streams[name], names, piece, coding and name != DECISION) for name, names in columns.items()}
        for stream, names in made.items():
            requests = shown.requests_of(store, db, stream, rows[DECISION], names)
            rows[stream.__name__] = shown.shown_rows(stream, rows[DECISION], requests, names)
        asked = {stream.__name__ for stream in made} | {codec.name for codec in stored}
        return end, {name: some for name, some in rows.items() if name in asked and size(some)}

    while True:
        end, rows = store.reading(read)
        if end is None:
            return
        if rows:
            yield rows
        span = span._replace(after=end)


def _end(store: Store, db: sqlite3.Connection, names: Collection[str], span: Span, chunk: int) -> Key | None:
    """Return the (known, position) of the chunk's last record, None when no record is left in the span."""
    keys = np.array(inbox.first_keys(db, names, span, chunk), dtype=np.int64).reshape(-1, 2)
    found = {"known": keys[:, 0], "position": keys[:, 1]}
    for part in inbox.parts(db):  # by their oldest record
        if part.stream not in names or not span.meets(part):
            continue
        if size(found) >= chunk and part.oldest > found["known"][-1]:
            break
        found = in_order(stack([found, lake.first_keys(store.lake, part, span, chunk)]))
        found = take(found, slice(chunk))
    return (int(found["known"][-1]), int(found["position"][-1])) if size(found) else None
