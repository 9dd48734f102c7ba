"""Replay: all records in the order they became known, in chunks of bounded size."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from millrace.log import inbox, lake
from millrace.log.decisions import DECISION
from millrace.log.order import Key, Span
from millrace.log.reading import rows_of
from millrace.log.shown import NEEDS, requests_of, shown_rows
from millrace.log.store import Store
from millrace.schema import field_names, shows
from millrace.types import Array, size


def replay(
    store: Store, streams: Sequence[Any], span: Span, chunk: int, fields: Mapping[Any, Iterable[str]] | None = None
) -> Iterator[dict[str, dict[str, Array]]]:
    """Yield rows by stream, chunk after chunk, every row of a chunk before every row of the next in the order (known, position).

    Each chunk is read from a view of its own: nothing is held open between two, so a replay may last and may be left unfinished, and a
    compaction or a merge meanwhile does not disturb it. Records that become known meanwhile are replayed too.

    Args:
        store: The log's store.
        streams: Classes of the log, `Decision` and `Shown[...]` among them.
        span: Which rows.
        chunk: About how many records a chunk holds; the last may hold fewer. A decision counts once, whatever it showed.
        fields: Which fields to read of each class, beside those of every record; of a class that is not named all but the private ones.
    """
    fields = fields or {}
    shown = [stream for stream in streams if shows(stream)]
    stored = [store.streams.of(stream) for stream in streams if not shows(stream)]
    columns = {codec.name: codec.chosen(fields.get(codec.item, codec.public)) for codec in stored}
    if shown and DECISION not in columns:
        columns[DECISION] = store.streams[DECISION].chosen(NEEDS)

    def read(db: sqlite3.Connection) -> tuple[Key | None, dict[str, dict[str, Array]]]:
        end = _end(store, db, set(columns), span, chunk)
        if end is None:
            return None, {}
        piece = span._replace(until=end)
        rows = {name: rows_of(store, db, store.streams[name], names, piece) for name, names in columns.items()}
        for stream in shown:
            requests = requests_of(store, db, stream, rows[DECISION], field_names(stream))
            rows[stream.__name__] = shown_rows(stream, rows[DECISION], requests)
        asked = {stream.__name__ for stream in shown} | {codec.name for codec in stored}
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
    known, position = keys[:, 0], keys[:, 1]
    for part in inbox.parts(db):  # by their oldest record
        if part.stream not in names or not span.meets(part):
            continue
        if len(known) >= chunk and part.oldest > known[-1]:
            break
        more, where = lake.first_keys(store.lake, part, span, chunk)
        known, position = np.concatenate([known, more]), np.concatenate([position, where])
        first = np.lexsort((position, known))[:chunk]
        known, position = known[first], position[first]
    return (int(known[-1]), int(position[-1])) if len(known) else None
