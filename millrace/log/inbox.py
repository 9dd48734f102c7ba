"""The inbox: a SQLite database of the records not yet in the lake, of every id ever acknowledged, and of the lake's parts."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from millrace.errors import MillraceError
from millrace.log.order import Key, Part, Span

FILE = "inbox.sqlite"
FORMAT = 1
"""The version of the tables below, kept as the database's `user_version`."""

# `ids` is clustered by its key, so that looking up and adding an id touch one tree. For events and decisions its `at` is 0: their id alone
# identifies them; for an entity (id, at) does. `inbox` needs no index but its own order: compaction keeps it short.
_TABLES = """
CREATE TABLE inbox (position INTEGER PRIMARY KEY, known INTEGER NOT NULL, stream TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL,
                    body BLOB NOT NULL);
CREATE TABLE ids (stream TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, position INTEGER NOT NULL,
                  PRIMARY KEY (stream, id, at)) WITHOUT ROWID;
CREATE TABLE parts (file TEXT PRIMARY KEY, stream TEXT NOT NULL, rows INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
                    oldest INTEGER NOT NULL, newest INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""
_SHAPES = "CREATE TABLE IF NOT EXISTS shapes (stream TEXT PRIMARY KEY, shape TEXT NOT NULL) WITHOUT ROWID"
"""What each class was when the log was last opened to write; logs of before have none, and reading them needs none."""

_POSITION, _KNOWN = "position", "known"
"""The facts that remember the heights of the log where records were taken out of it."""

_FLOOR = "floor of "


def connect(path: Path, write: bool) -> sqlite3.Connection:
    """Open the database of a log; to write, make it where there is none.

    Raises:
        MillraceError: It was made by a later version of this library, or there is nothing in it to read.
    """
    mode = "rwc" if write else "ro&immutable=1" if cannot_change(path) else "ro"
    db = sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False, timeout=60)
    try:
        if write:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")  # a commit returns when it is on disk
            db.execute("PRAGMA wal_autocheckpoint = 8000")  # pages: checkpoints cost commits their evenness
        db.execute("PRAGMA cache_size = -65536")  # KiB: ids that senders make fall anywhere in their tree
        _check(db, path, write)
    except BaseException:
        db.close()
        raise
    return db


def cannot_change(path: Path) -> bool:
    """Return whether a database is to be read as it lies, because this process cannot put a file beside it and nobody writes to it.

    So it is on a disk that is mounted read-only, and in a folder of somebody else's: SQLite would want to make its own files there.
    """
    is_read_only = path.exists() and (os.statvfs(path).f_flag & os.ST_RDONLY or not os.access(path.parent, os.W_OK))
    return bool(is_read_only) and not path.with_name(f"{path.name}-wal").exists()


def _check(db: sqlite3.Connection, path: Path, write: bool) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > FORMAT:
        raise MillraceError(f"{path} has format {version}, this library reads up to {FORMAT}: upgrade it")
    if version == 0 and not write:
        raise MillraceError(f"{path}-wal or {path} was cut off: there is nothing in them; restore both from a backup")
    if version == 0:
        db.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {FORMAT}; COMMIT")
    if write:
        db.execute(_SHAPES)


def claim(db: sqlite3.Connection, stream: str, keys: Sequence[tuple[str, int]], positions: Sequence[int]) -> dict[int, int]:
    """Record who holds each key, and return whose keys were held already.

    Args:
        db: A connection in a transaction that writes.
        stream: The stream's name.
        keys: (id, at) per row, `at` being 0 where the id alone identifies.
        positions: The position each row would have, none of them in use.

    Returns:
        By index of the row: the position of the record that holds its key, for the rows that do not.
    """
    claims = [(stream, id_, at, position) for (id_, at), position in zip(keys, positions, strict=True)]
    if db.executemany("INSERT OR IGNORE INTO ids VALUES (?, ?, ?, ?)", claims).rowcount == len(claims):
        return {}
    return {row: held for row, held in holders(db, stream, keys).items() if held != positions[row]}


def holders(db: sqlite3.Connection, stream: str, keys: Sequence[tuple[str, int]]) -> dict[int, int]:
    """Return the position of the record that holds each key, by index of the key, for those that are held."""
    look = "SELECT position FROM ids WHERE stream = ? AND id = ? AND at = ?"
    found = (db.execute(look, (stream, id_, at)).fetchone() for id_, at in keys)
    return {row: held[0] for row, held in enumerate(found) if held}


def updates(db: sqlite3.Connection, stream: str, id_: str) -> list[int]:
    """Return the positions of all records of a stream with one id: the updates of an entity, or the one record of an event."""
    found = db.execute("SELECT position FROM ids WHERE stream = ? AND id = ? ORDER BY at, position", (stream, id_))
    return [position for (position,) in found]


def put(db: sqlite3.Connection, records: Iterable[tuple[int, int, str, str, int, bytes]]) -> None:
    """Add records: (position, known, stream, id, at, body)."""
    db.executemany("INSERT INTO inbox VALUES (?, ?, ?, ?, ?, ?)", records)


Record = tuple[int, int, str, int, bytes]
"""A record of one stream as the inbox gives it: position, known, id, at, body."""


def records(db: sqlite3.Connection, stream: str, span: Span) -> list[Record]:
    """Return a stream's records of a span, in their order."""
    low, high = _positions(db, span)
    return db.execute(
        "SELECT position, known, id, at, body FROM inbox WHERE position > ? AND position <= ? AND stream = ? ORDER BY position",
        (low, high, stream),
    ).fetchall()


def first_slice(db: sqlite3.Connection, streams: Collection[str], n: int, most_bytes: int) -> list[Key]:
    """Return the keys of the first records of some streams, in their order: as many as fit, `n` at most, and one at least."""
    return db.execute(
        "SELECT known, position FROM (SELECT known, position, sum(size) OVER (ORDER BY position) - size AS before"
        " FROM (SELECT known, position, length(body) AS size FROM inbox WHERE stream IN (SELECT value FROM json_each(?))"
        " ORDER BY position LIMIT ?)) WHERE before < ? ORDER BY position",
        (_json(sorted(streams)), n, most_bytes),
    ).fetchall()


def first_keys(db: sqlite3.Connection, streams: Collection[str], span: Span, n: int) -> list[Key]:
    """Return the keys of the first `n` records of some streams in a span, in their order."""
    low, high = _positions(db, span)
    return db.execute(
        "SELECT known, position FROM inbox WHERE position > ? AND position <= ?"
        " AND stream IN (SELECT value FROM json_each(?)) ORDER BY position LIMIT ?",
        (low, high, _json(sorted(streams)), n),
    ).fetchall()


def _positions(db: sqlite3.Connection, span: Span) -> tuple[int, int]:
    """Return the position that a span begins after, and the one it ends with.

    What is in the inbox was acknowledged live, `known` ascending with the position, so that a span is a range of positions.
    """
    return max(_position(db, span.after), span.after_position), _position(db, span.until)


def _position(db: sqlite3.Connection, key: Key) -> int:
    """Return the last position of the inbox whose key is not after a key, 0 when there is none.

    A search instead of an index: backwards in doubling steps, as what is asked for is mostly among the last, then by halves.
    """
    step, low, high = 0, 0, db.execute("SELECT max(position) FROM inbox").fetchone()[0] or 0
    while low < high:
        middle = max((low + high + 1) // 2, high - step)
        position, known = db.execute(
            "SELECT position, known FROM inbox WHERE position >= ? ORDER BY position LIMIT 1", (middle,)
        ).fetchone()
        if (known, position) <= key:
            low = position
        else:
            high, step = middle - 1, 2 * step + 1
    return low


def records_at(db: sqlite3.Connection, positions: Sequence[int]) -> list[Record]:
    """Return the records at those of the positions that are in the inbox, in any order."""
    return db.execute(
        "SELECT position, known, id, at, body FROM inbox WHERE position IN (SELECT value FROM json_each(?))", (_json(positions),)
    ).fetchall()


def streams(db: sqlite3.Connection) -> set[str]:
    """Return the streams that have records in the inbox."""
    return {stream for (stream,) in db.execute("SELECT DISTINCT stream FROM inbox")}


def drop(db: sqlite3.Connection, stream: str, records: Sequence[tuple[str, int]]) -> None:
    """Delete records of a stream, (id, position), wherever they lie, and who holds their ids."""
    db.executemany("DELETE FROM inbox WHERE position = ?", [(position,) for _, position in records])
    db.executemany("DELETE FROM ids WHERE stream = ? AND id = ? AND position = ?", [(stream, id_, position) for id_, position in records])


def replace(db: sqlite3.Connection, position: int, body: bytes) -> None:
    """Put another body in the place of a record's."""
    db.execute("UPDATE inbox SET body = ? WHERE position = ?", (body, position))


def _json(values: Any) -> str:
    return msgspec.json.encode(values).decode()


def remove(db: sqlite3.Connection, streams: Sequence[str], last: int) -> None:
    """Delete the records of some streams at positions up to the last."""
    db.executemany("DELETE FROM inbox WHERE position <= ? AND stream = ?", [(last, stream) for stream in streams])


def parts(db: sqlite3.Connection) -> list[Part]:
    """Return the parts of the lake, by the earliest `known` in them."""
    return [Part(*row) for row in db.execute("SELECT file, stream, rows, first, last, oldest, newest FROM parts ORDER BY oldest, file")]


def register(db: sqlite3.Connection, part: Part) -> None:
    """Make a file a part of the lake."""
    db.execute(
        "INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?, ?)",
        (part.file, part.stream, part.rows, part.first, part.last, part.oldest, part.newest),
    )


def unregister(db: sqlite3.Connection, gone: Sequence[Part]) -> None:
    """Take files out of the lake."""
    db.executemany("DELETE FROM parts WHERE file = ?", [(part.file,) for part in gone])


def raise_fact(db: sqlite3.Connection, name: str, value: int) -> None:
    """Remember the highest value a fact has had."""
    db.execute("INSERT INTO facts VALUES (?, ?) ON CONFLICT DO UPDATE SET value = max(value, excluded.value)", (name, value))


def fact(db: sqlite3.Connection, name: str) -> int | None:
    """Return the highest value a fact has had, None if it never had one."""
    row = db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def shapes(db: sqlite3.Connection) -> dict[str, str]:
    """Return what is known of the class of each stream, as JSON."""
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'shapes'").fetchone():
        return {}
    return dict(db.execute("SELECT stream, shape FROM shapes"))


def keep_shape(db: sqlite3.Connection, stream: str, shape: str) -> None:
    """Remember what the class of a stream is, as JSON."""
    db.execute("INSERT OR REPLACE INTO shapes VALUES (?, ?)", (stream, shape))


def holds(db: sqlite3.Connection, stream: str) -> bool:
    """Return whether a stream has records."""
    return db.execute("SELECT 1 FROM ids WHERE stream = ? LIMIT 1", (stream,)).fetchone() is not None


def heights(db: sqlite3.Connection) -> tuple[int, int | None]:
    """Return the highest position and the latest `known` of the log; (0, None) for an empty one."""
    found = db.execute(
        "SELECT max(position), max(known) FROM ("
        " SELECT * FROM (SELECT position, known FROM inbox ORDER BY position DESC LIMIT 1)"
        " UNION ALL SELECT max(last), max(newest) FROM parts"
        " UNION ALL SELECT (SELECT value FROM facts WHERE name = ?), (SELECT value FROM facts WHERE name = ?))",
        (_POSITION, _KNOWN),
    ).fetchone()
    return found[0] or 0, found[1]


def keep_heights(db: sqlite3.Connection) -> None:
    """Remember the heights of the log before records are taken out of it: time goes forward, and no position is given twice."""
    position, known = heights(db)
    if known is not None:
        raise_fact(db, _POSITION, position)
        raise_fact(db, _KNOWN, known)


def floor_of(stream: str) -> str:
    """Return the name of the fact that says from which instant on a stream's events are kept, microseconds since 1970 UTC."""
    return f"{_FLOOR}{stream}"


def floors(db: sqlite3.Connection) -> dict[str, int]:
    """Return from which instant on a stream's events are kept, for the streams that do not keep all."""
    # A range of names: how GLOB is looked up hangs on its pattern, so it would be planned anew for every commit.
    found = db.execute(
        "SELECT substr(name, ?), value FROM facts WHERE name >= ? AND name < ?", (len(_FLOOR) + 1, _FLOOR, _FLOOR[:-1] + "!")
    )
    return dict(found.fetchall())


def forget_ids(db: sqlite3.Connection, stream: str, ids: Sequence[str]) -> None:
    """Forget ids of a stream of events: the records that hold them are dropped."""
    db.executemany("DELETE FROM ids WHERE stream = ? AND id = ? AND at = 0", [(stream, id_) for id_ in ids])


def counts(db: sqlite3.Connection) -> dict[str, int]:
    """Return the number of records by stream."""
    found = db.execute(
        "SELECT stream, sum(n) FROM (SELECT stream, count(*) n FROM inbox GROUP BY stream UNION ALL SELECT stream, rows FROM parts)"
        " GROUP BY stream"
    )
    return dict(found.fetchall())
