"""Reading: a stream's rows in the order they became known, and single rows by position or id, wherever they lie."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from millrace.errors import MillraceError
from millrace.log import inbox, lake
from millrace.log.codec import Codec
from millrace.log.decisions import DECISION
from millrace.log.order import Span
from millrace.log.store import Store
from millrace.types import Array, Coded, Columns, objects, size, stack, take


def read(store: Store, codec: Codec, fields: Iterable[str] | None, span: Span) -> dict[str, Array]:
    """Return a stream's rows of a span, sorted by (known, position).

    Args:
        store: The log's store.
        codec: The stream's codec.
        fields: Columns beside those of every record; None for all but the private ones.
        span: Which rows.
    """
    return store.reading(lambda db: rows_of(store, db, codec, codec.chosen(codec.public if fields is None else fields), span))


def rows_of(
    store: Store, db: sqlite3.Connection, codec: Codec, fields: Sequence[str], span: Span, coding: bool = False
) -> dict[str, Array]:
    """Return a stream's rows of a span as a view sees them; `fields` are all the columns to read, `coding` as in `tables.columns_of`."""
    near = [part for part in inbox.parts(db) if part.stream == codec.name and span.meets(part)]
    pieces = [lake.read_part(store.lake, codec, part, fields, span, coding) for part in near]
    pieces.append(decoded(codec, inbox.records(db, codec.name, span), fields))
    return in_order(joined(codec, fields, pieces))


def joined(codec: Codec, fields: Sequence[str], pieces: Sequence[dict[str, Array]]) -> dict[str, Array]:
    """Return the rows of all pieces, one after another, to be written in; of one piece only what lies in a file's buffer is copied."""
    found = [rows for rows in pieces if size(rows)]
    if len(found) == 1:
        return {name: column if _is_own(column) else column.copy() for name, column in found[0].items()}
    return stack([codec.empty(fields), *found])


def _is_own(column: Array | Coded) -> bool:
    return isinstance(column, Coded) or column.flags.writeable


def in_order(rows: dict[str, Array]) -> dict[str, Array]:
    """Return rows sorted by (known, position); those that are already come back as they are."""
    known, position = rows["known"], rows["position"]
    later = (known[1:] > known[:-1]) | ((known[1:] == known[:-1]) & (position[1:] > position[:-1]))
    return rows if later.all() else take(rows, np.lexsort((position, known)))


def decoded(codec: Codec, records: Sequence[inbox.Record], fields: Sequence[str]) -> dict[str, Array]:
    """Return records of the inbox as columns."""
    if not records:
        return codec.empty(fields)
    record, bodies = unzipped(records)
    found = {**record, **codec.decode(bodies, fields)}
    return {name: found[name] for name in fields}


def unzipped(records: Sequence[inbox.Record]) -> tuple[dict[str, Array], Sequence[bytes]]:
    """Return what every record has as columns, and the bodies; there must be a record."""
    position, known, ids, at, bodies = zip(*records, strict=True)
    instants = {"position": position, "known": known, "at": at}
    return {**{name: np.array(values, dtype=np.int64) for name, values in instants.items()}, "id": objects(ids)}, bodies


def at_positions(
    store: Store, db: sqlite3.Connection, codec: Codec, positions: Array, fields: Iterable[str] | None = None
) -> dict[str, Array]:
    """Return a stream's rows at positions, in their order, repeated where a position is.

    Raises:
        MillraceError: The log has no record there: a file of the lake is lost.
    """
    names = codec.chosen(fields)
    wanted, place = np.unique(positions, return_inverse=True)
    pieces = [codec.empty(names), decoded(codec, inbox.records_at(db, wanted.tolist()), names)]
    left = np.setdiff1d(wanted, pieces[-1]["position"])
    for part in inbox.parts(db) if len(left) else ():
        if part.stream == codec.name and ((left >= part.first) & (left <= part.last)).any():
            pieces.append(lake.read_rows(store.lake, codec, part, names, left))
            left = np.setdiff1d(left, pieces[-1]["position"])
    if len(left):
        raise MillraceError(
            f"record {left[0]} of {codec.name} was acknowledged and is in no file: restore {store.lake / codec.name} from a backup"
        )
    rows = stack(pieces)
    return take(rows, np.argsort(rows["position"])[place])


def by_id(store: Store, db: sqlite3.Connection, codec: Codec, ids: Sequence[str], fields: Iterable[str] | None = None) -> dict[str, Array]:
    """Return a stream's rows with these ids, those that exist, in the order of the ids. Not for entities, whose ids have many rows."""
    held = inbox.holders(db, codec.name, [(id_, 0) for id_ in ids])
    return at_positions(store, db, codec, np.array(list(held.values()), dtype=np.int64), fields)


def find(store: Store, codec: Codec, id_: str) -> Any | None:
    """Return the item with an id, None where there is none; of an entity its state, the update with the latest `at`."""

    def last(db: sqlite3.Connection) -> Any | None:
        positions = inbox.updates(db, codec.name, id_)
        if not positions:
            return None
        return codec.restore(at_positions(store, db, codec, np.array(positions[-1:], dtype=np.int64)))[0]

    return store.reading(last)


def decisions(store: Store, system: str | None, span: Span) -> Iterator[tuple[int, Any]]:
    """Yield (known, decision) in the order they became known, of one system or of all; some thousands at a time are in memory."""
    codec = store.streams[DECISION]
    rows = read(store, codec, ["system"], span)
    wanted = np.arange(size(rows)) if system is None else np.flatnonzero(rows["system"] == system)
    for start in range(0, len(wanted), codec.group_rows):
        some = take(rows, wanted[start : start + codec.group_rows])
        positions = some["position"]
        whole: Columns = store.reading(lambda db, positions=positions: at_positions(store, db, codec, positions, ["decision"]))
        yield from zip(some["known"].tolist(), whole["decision"].tolist(), strict=True)
