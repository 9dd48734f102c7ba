"""Forgetting somebody: every record of the person leaves the inbox and the lake, in one transaction, and no page or file keeps a byte.

An intent in the folder says whom, from the first step to the last, so that what a crash interrupts is finished by doing it again: before
the transaction nothing has changed, after it only copies are left to be cleared. Positions are not given again: what is gone leaves gaps.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from millrace.decision import FORGOTTEN, Decision
from millrace.errors import MillraceError
from millrace.log import inbox, lake, rejected
from millrace.log.decisions import DECISION
from millrace.log.order import Part
from millrace.log.private import owner
from millrace.log.store import Store
from millrace.log.traces import Progress, Record, Traces, Who, traces

if TYPE_CHECKING:
    import pyarrow as pa

FILE = "forgetting.json"
"""The intent, in the log's folder while somebody is being forgotten. It names the person, so it is the last thing to go."""


class Round(msgspec.Struct, frozen=True):
    """What one transaction takes out: records by stream, how many decisions lose the name, and since when, by stream."""

    removed: dict[str, int]
    named: int
    since: dict[str, int]


class Intent(msgspec.Struct, frozen=True):
    """Somebody is being forgotten.

    Attributes:
        number: Which forgetting of the log it is, from 1.
        who: Whom.
        at: When it was asked for, microseconds since 1970 UTC.
        rounds: What each transaction takes out, first written down and then done; after a crash there may be several.
        keys: The names of the data keys to destroy, as hexadecimal digits.
        versions: The model versions whose files are being written without the name.
    """

    number: int
    who: Who
    at: int
    rounds: list[Round] = []
    keys: list[str] = []
    versions: list[str] = []


def look(store: Store, who: Who, progress: Progress = lambda _said, _done, _all: None) -> Traces:
    """Return what forgetting somebody would take out of a log, which may be open to read only."""
    return store.reading(lambda db: traces(store, db, who, progress))


def pending(folder: Path) -> Intent | None:
    """Return the forgetting that is under way, or was interrupted, in a log's folder; None when there is none.

    Raises:
        MillraceError: The intent cannot be read.
    """
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Intent)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise MillraceError(f"{folder / FILE} is damaged ({error}): delete it, and forget again whom it was about") from None


def begin(store: Store, who: Who, at: int) -> Intent:
    """Write down that somebody is being forgotten; on disk when this returns.

    Raises:
        MillraceError: The log is read only, or its master key is lost.
    """
    store.keyring.master(make=True)
    with store.transaction() as db:
        number = inbox.fact(db, FORGOTTEN_COUNT) or 0
    intent = Intent(number + 1, who, at)
    note(store, intent)
    return intent


def note(store: Store, intent: Intent) -> None:
    """Replace the intent; on disk when this returns."""
    path = store.folder / FILE
    unfinished = path.with_suffix(".unfinished")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(intent))
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
    lake.sync(store.folder)


def end(store: Store) -> None:
    """Remove the intent: all that it asked for is done."""
    (store.folder / FILE).unlink(missing_ok=True)
    (store.folder / FILE).with_suffix(".unfinished").unlink(missing_ok=True)
    lake.sync(store.folder)


_GROUP_ROWS = 32_768
"""How many rows of a file are read together, of a class the log was not opened with."""

FORGOTTEN_COUNT = "forgotten"
"""The fact that counts the forgettings whose records were taken out."""


def _rounds(number: int) -> str:
    """Return the name of the fact that counts the transactions of a forgetting."""
    return f"forgotten {number}"


def remove(store: Store, intent: Intent, progress: Progress = lambda _said, _done, _all: None) -> Intent:
    """Take every record of somebody out of the inbox and the lake, in one transaction that others who write wait for.

    Returns:
        The intent with all that was taken out, now and before a crash.
    """
    with store.compacting, store.transaction() as db:
        done = inbox.fact(db, _rounds(intent.number)) or 0
        found = traces(store, db, intent.who, progress)
        one = Round(found.counts, len(found.named), found.since)
        keys = sorted({*intent.keys, *_keys(store, intent.who, found)})
        intent = msgspec.structs.replace(intent, rounds=[*intent.rounds[:done], one], keys=keys)
        note(store, intent)
        _take_out(store, db, intent.who, found, progress)
        inbox.raise_fact(db, _rounds(intent.number), done + 1)
        inbox.raise_fact(db, FORGOTTEN_COUNT, intent.number)
    return intent


def clear(store: Store, intent: Intent) -> None:
    """Clear what is left of removed records: keys, files that nothing lists, free pages, the write-ahead log, rows set aside by imports.

    Raises:
        Unavailable: Somebody has been reading the log all the while: close what reads it, and forget again.
    """
    store.keyring.destroy([bytes.fromhex(name) for name in intent.keys])
    with store.compacting, store.transaction() as db:  # so that no file is being written that nothing lists yet
        lake.sweep(store.lake, {part.file for part in inbox.parts(db)})
    rejected.forget(store.folder, intent.who.id)
    store.scrub()


def _keys(store: Store, who: Who, found: Traces) -> Iterable[str]:
    """Return the names of the data keys that only removed records were sealed with."""
    classes = {of for codec in store.streams if codec.sealing is not None for of, _ in codec.sealing.owners}
    owners = {owner(who.entity, who.id)} if who.entity in classes else set()
    for stream, records in found.removed.items():
        if stream in classes and stream in store.streams and not store.streams[stream].is_dated:
            owners.update(owner(stream, record.id) for record in records)
    return (name.hex() for name in store.keyring.names(owners, make=False).values())


def _take_out(store: Store, db: sqlite3.Connection, who: Who, found: Traces, progress: Progress) -> None:
    """Take records out, and names out of decisions; the files replaced stay until they are cleared."""
    inbox.keep_heights(db)
    near = [part for part in inbox.parts(db) if part.stream in found.removed or (part.stream == DECISION and found.named)]
    for done, part in enumerate(near):
        progress("writing files anew", done, len(near))
        gone = _positions(found.removed.get(part.stream, ()), part)
        named = _positions(found.named.values(), part) if part.stream == DECISION else []
        if gone or named:
            inbox.unregister(db, [part])
            if (new := _rewritten(store, part, gone, named, who.id)) is not None:
                inbox.register(db, new)
    for stream, records in found.removed.items():
        inbox.drop(db, stream, [(record.id, record.position) for record in records])
    for position, _, _, _, body in inbox.records_at(db, list(found.named)):
        inbox.replace(db, position, without_name(body, who.id))


def _positions(records: Iterable[Record], part: Part) -> list[int]:
    return [record.position for record in records if part.first <= record.position <= part.last]


def _rewritten(store: Store, part: Part, gone: Collection[int], named: Collection[int], id_: str) -> Part | None:
    """Write a file of the lake anew, without records and names; None when nothing is left of it, the part itself when nothing changes."""
    table = lake.table(store.lake, part)
    position = lake.integers(table["position"])
    blank = np.flatnonzero(np.isin(position, list(named)))
    if len(blank):
        table = _without_name(table, blank.tolist(), id_)
    table = table.filter(~np.isin(position, list(gone)))
    if not len(table):
        return None
    codec = store.streams.get(part.stream)
    return lake.replacement(store.lake, part, table, codec.group_rows if codec is not None else _GROUP_ROWS)


def _without_name(table: pa.Table, rows: Collection[int], id_: str) -> pa.Table:
    """Return a table of decisions with a name taken out of some rows."""
    import pyarrow as pa

    changed = table.to_pydict()
    for row in rows:
        changed["decision"][row] = without_name(changed["decision"][row], id_)
        made = msgspec.json.decode(changed["decision"][row], type=Decision)
        changed["shown"][row] = made.candidate[: made.taken]
    for name in ("decision", "shown"):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(place), pa.array(changed[name], table.schema.field(place).type))
    return table


def without_name(body: bytes, id_: str) -> bytes:
    """Return a decision's body with `FORGOTTEN` in the place of an id, and with nothing of what was known of it."""
    made = msgspec.json.decode(body, type=Decision)
    taken = [place for place, one in enumerate(made.candidate[: made.taken]) if one == id_]

    def blanked(values: dict[str, list[Any]]) -> dict[str, list[Any]]:
        return {name: [None if place in taken else one for place, one in enumerate(column)] for name, column in values.items()}

    return msgspec.json.encode(
        msgspec.structs.replace(
            made,
            candidate=[FORGOTTEN if one == id_ else one for one in made.candidate],
            shadow=[FORGOTTEN if one == id_ else one for one in made.shadow],
            answer=FORGOTTEN if made.answer == id_ else made.answer,
            heads=blanked(made.heads),
            features=blanked(made.features),
        )
    )
