"""Forgetting somebody in all that a system keeps: its log, snapshots, model files and database; and the tombstone that says so."""

from __future__ import annotations

import shutil
from collections import Counter

import msgspec

from millrace.errors import BadInput
from millrace.loaded import Loaded
from millrace.log import forget as log_forget
from millrace.log.forget import Intent
from millrace.log.traces import Progress, Who
from millrace.schema import Entity
from millrace.serve.home import Home
from millrace.stores.redaction import redact_database, redact_versions, versions_naming
from millrace.stores.tombstones import Tombstone


def whom(loaded: Loaded, named: str) -> Who:
    """Return whom a text such as `Viewer:v17` names.

    Raises:
        BadInput: It is not written so, or the system has no such entity class.
    """
    entity, colon, id_ = named.partition(":")
    if not colon or not entity or not id_:
        raise BadInput(f"{named!r} names nobody: write the entity class and the id, such as Viewer:v17", field="who")
    there = [name for name, one in loaded.streams.items() if issubclass(one, Entity)]
    if entity not in there:
        raise BadInput(f"{loaded.name} has no entity class {entity}: choose {', '.join(there)}", field="who")
    return Who(entity, id_, loaded.streams[entity] is loaded.system.candidate)


def _quiet(_said: str, _done: int, _all: int) -> None:
    pass


def forget(home: Home, who: Who, now: int, progress: Progress = _quiet) -> Tombstone | None:
    """Remove somebody from everything a system keeps; when this returns, no file of its folder holds a byte of the id.

    Of unfinished backfills, wherever they lie, what they have put aside is removed: they begin anew.

    Whatever a crash interrupts is finished by calling this again, for the same person or for another. Records of the person that come
    afterwards are new: they are kept like any other.

    Args:
        home: The system's folder, open for writing.
        who: Whom.
        now: When, microseconds since 1970 UTC.
        progress: Told what is being done.

    Returns:
        The tombstone; None when there was nothing to remove.

    Raises:
        MillraceError: The log is read only, or its master key is lost.
        Unavailable: The disk is full, or somebody has been reading the log all the while: call it again.
    """
    left = log_forget.pending(home.log.store.folder)
    if left is not None and left.who != who:
        _finish(home, left, progress)
        left = None
    return _finish(home, left or log_forget.begin(home.log.store, who, now), progress)


def _finish(home: Home, intent: Intent, progress: Progress) -> Tombstone | None:
    store, who = home.log.store, intent.who
    home.drop_snapshots()  # a view is rebuilt from the log; before the records go, so that none can bring them back
    intent = log_forget.remove(store, intent, progress)
    for left in home.folder.glob("backfill-*"):  # what a training that died was computing with
        shutil.rmtree(left, ignore_errors=True)
    for spill in home.spills.reachable():  # after the records are gone: what is begun from now on does not meet them
        progress(f"removing what a backfill put aside in {spill}", 0, 1)
        home.spills.remove(spill)
    intent = msgspec.structs.replace(intent, versions=sorted({*intent.versions, *versions_naming(home.database, home.folder, who.id)}))
    log_forget.note(store, intent)
    progress("clearing what was deleted", 0, 3)
    log_forget.clear(store, intent)
    progress("clearing what was deleted", 1, 3)
    home.registry.sweep()
    redact_versions(home.database, home.folder, who.entity, who.id, intent.versions, intent.at)
    progress("clearing what was deleted", 2, 3)
    redact_database(home.database, who.entity, who.id)
    tombstone = _tombstone(home, intent)
    log_forget.end(store)
    return tombstone


def _tombstone(home: Home, intent: Intent) -> Tombstone | None:
    removed: Counter[str] = Counter()
    since: dict[str, int] = {}
    for one in intent.rounds:
        removed.update(one.removed)
        since |= {stream: min(known, since.get(stream, known)) for stream, known in one.since.items()}
    named = sum(one.named for one in intent.rounds)
    if not removed and not named:
        return None
    master, who = home.log.store.keyring.master(make=True), intent.who
    return home.tombstones.add(master, who.entity, who.id, intent.number, intent.at, removed, named, since)
