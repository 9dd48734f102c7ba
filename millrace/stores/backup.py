"""Backing up a system's folder while it is written to: what is in the copy fits together, as of one instant.

The order makes it so. Snapshots first, which may stand behind the log and not before it; then the inbox, as SQLite copies it in one
view, and the files of the lake that it names; last what is never taken back: the database of releases and versions. Files that did not
change since the last backup in the same place become links to its copies.

The keys of private fields lie beside the backups, once, as of the last: whoever is forgotten is so in all of them from the next backup
on. The master key is in none.

Public: `back_up`.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from millrace.errors import Conflict, MillraceError, NotFound, Unavailable
from millrace.log import inbox, lake
from millrace.log.keys import key_file, keys_file
from millrace.stores.backed import FORMAT, Backup, Copied, latest, read, seal
from millrace.stores.durable import abandoned, digest, flush, flush_tree, staging
from millrace.stores.engine import FILE as DATABASE
from millrace.types import moment

LOG = "log"
"""The folder of the log in a system's folder."""

Progress = Callable[[str, int, int], object]
"""Told what is copied, how many bytes of it are, and how many there are."""

_UNFINISHED = "unfinished"
_NOT_COPIED = {"lock", "writer.lock", "acknowledged"}
_ATTEMPTS = 10
_CHUNK = 1 << 20
_PAGES = 4096


@dataclass(frozen=True)
class Made:
    """A backup that was made: where it lies, what it is, and how many bytes of it are links to those of an earlier one."""

    folder: Path
    backup: Backup
    linked: int


@dataclass
class _Copy:
    """A copy being made of a folder."""

    home: Path
    to: Path
    before: Path | None
    known: dict[str, Copied]
    progress: Progress
    files: dict[str, Copied] = field(default_factory=dict)
    linked: int = 0

    def file(self, name: str) -> None:
        """Copy a file by its path in the folder, or link it to its copy in the backup before.

        Raises:
            FileNotFoundError: It is not there, or not any more.
        """
        source, to = self.home / name, self.to / name
        to.parent.mkdir(parents=True, exist_ok=True)
        found, was = source.stat(), self.known.get(name)
        if was is not None and (was.size, was.written) == (found.st_size, found.st_mtime_ns) and self._link(name, to):
            self.files[name] = was
            self.linked += was.size
            return
        self.files[name] = Copied(found.st_size, copied(source, to, self._tell(name, found.st_size)), found.st_mtime_ns)

    def _link(self, name: str, to: Path) -> bool:
        try:
            os.link((self.before or self.to) / name, to)
        except OSError:  # not there, or on a file system without links
            return False
        return True

    def _tell(self, name: str, size: int) -> Callable[[int], object]:
        return lambda done: self.progress(name, done, size)

    def database(self, name: str) -> None:
        """Copy a SQLite database as of one instant, whoever writes to it."""
        to = self.to / name
        to.parent.mkdir(parents=True, exist_ok=True)
        to.unlink(missing_ok=True)
        copy_database(self.home / name, to, lambda done, of: self.progress(name, done, of))
        self.files[name] = Copied(to.stat().st_size, digest(to), 0)

    def tree(self, name: str) -> None:
        """Copy the files of a folder that are there to stay; one that goes meanwhile was not."""
        for path in sorted((self.home / name).rglob("*")):
            inside = path.relative_to(self.home)
            if path.is_file() and not _is_passing(inside):
                self._if_there(inside.as_posix())

    def top(self) -> None:
        """Copy the files that lie in the folder itself; its keys and its database are not among them."""
        apart = {key_file(self.home / LOG).name, keys_file(self.home / LOG).name, DATABASE}
        for path in sorted(self.home.iterdir()):
            if path.is_file() and not _is_passing(Path(path.name)) and not any(path.name.startswith(one) for one in apart):
                self._if_there(path.name)

    def _if_there(self, name: str) -> None:
        try:
            self.file(name)
        except FileNotFoundError:
            (self.to / name).unlink(missing_ok=True)
            self.files.pop(name, None)


def _is_passing(path: Path) -> bool:
    return "staging" in path.parts or path.name in _NOT_COPIED or path.suffix == ".unfinished"


def back_up(home: Path, to: Path, system: str, now: int, progress: Progress = lambda _name, _done, _all: None) -> Made:
    """Copy a system's folder into a new folder of its own in `to`; it is there whole or not at all.

    Args:
        home: The system's folder; its server may be running.
        to: Where backups of it lie, made if need be: on another disk, if it is to survive this one.
        system: The system's name.
        now: The present instant, microseconds since 1970 UTC.
        progress: Told how far it is.

    Raises:
        NotFound: There is no log in the folder.
        Conflict: `to` lies in the folder, or holds backups of another system.
        MillraceError: A file of the lake is lost, or a database is damaged.
        Unavailable: The disk is full or fails; the backups before are as they were.
    """
    if not (home / LOG / inbox.FILE).exists():
        raise NotFound(f"there is no log in {home}: name another folder with --home")
    if to.resolve().is_relative_to(home.resolve()):
        raise Conflict(f"{to} lies in {home}, which would then hold its own copies: back up to a place outside, on another disk if you can")
    try:
        return _backed_up(home, to, system, now, progress)
    except OSError as error:
        raise Unavailable(f"the backup to {to} failed ({error}): make room, or mend the disk; those before are as they were") from error


def _backed_up(home: Path, to: Path, system: str, now: int, progress: Progress) -> Made:
    to.mkdir(parents=True, exist_ok=True)
    before = latest(to)
    known = read(before) if before is not None else None
    if known is not None and known.system != system:
        raise Conflict(f"{to} holds backups of {known.system}: give {system} a folder of its own")
    with abandoned(to / _UNFINISHED):
        pass
    with staging(to / _UNFINISHED) as stage:
        made = stage / "backup"
        copy = _Copy(home, made, before, known.files if known else {}, progress)
        copy.tree("snapshots")
        position, last = _log(copy)
        if (home / DATABASE).exists():
            copy.database(DATABASE)
        copy.tree("versions")
        copy.top()
        _keys(home, to)
        backup = Backup(format=FORMAT, system=system, made=now, position=position, known=last, files=copy.files)
        seal(made, backup)
        flush_tree(made)
        place = to / f"{moment(now):%Y%m%dT%H%M%S.%fZ}"
        if place.exists():
            raise Conflict(f"{place} is there already: wait a moment, and back up again")
        made.rename(place)
    flush(to)
    return Made(place, backup, copy.linked)


def _log(copy: _Copy) -> tuple[int, int]:
    """Copy the log; return its last position and when that became known.

    Parts that are merged while they are copied are gone: then the inbox, copied again, names others.
    """
    name = f"{LOG}/{inbox.FILE}"
    for attempt in range(_ATTEMPTS):
        copy.database(name)
        with closing(sqlite3.connect(copy.to / name)) as db:
            (position, last), parts = inbox.heights(db), {f"{LOG}/{lake.FOLDER}/{part.file}" for part in inbox.parts(db)}
        _drop(copy, f"{LOG}/{lake.FOLDER}/", parts)
        try:
            for part in sorted(parts - copy.files.keys()):
                copy.file(part)
        except FileNotFoundError as lost:
            if attempt == _ATTEMPTS - 1:
                raise MillraceError(f"{lost.filename} is lost: restore this file from an earlier backup") from None
            continue
        break
    for inside in _beside(copy.home):
        copy.file(inside)
    return position, last or 0


def _drop(copy: _Copy, under: str, wanted: set[str]) -> None:
    """Remove what was copied under a folder and is not wanted any more."""
    for name in [name for name in copy.files if name.startswith(under) and name not in wanted]:
        (copy.to / name).unlink()
        del copy.files[name]


def _beside(home: Path) -> Iterator[str]:
    """Yield the files of the log beside its inbox and its lake: what imports set aside, what is being forgotten."""
    for path in sorted((home / LOG).rglob("*")):
        inside = path.relative_to(home / LOG)
        if path.is_file() and inside.parts[0] != lake.FOLDER and not path.name.startswith(inbox.FILE) and not _is_passing(inside):
            yield f"{LOG}/{inside.as_posix()}"


def _keys(home: Path, to: Path) -> None:
    """Put the keys of private fields as they are now in the place of those that lie beside the backups."""
    keys = keys_file(home / LOG)
    if keys.exists():
        unfinished = to / f"{keys.name}.unfinished"
        unfinished.unlink(missing_ok=True)
        copy_database(keys, unfinished)
        unfinished.chmod(0o600)
        flush(unfinished)
        unfinished.rename(to / keys.name)


def copied(source: Path, to: Path, tell: Callable[[int], object] = lambda _done: None) -> str:
    """Copy a file and return the SHA-256 of what is on disk then, which is that of what was read.

    Raises:
        Unavailable: What was written is not what was read.
    """
    reading = sha256()
    with source.open("rb") as file, to.open("wb") as copy:
        while chunk := file.read(_CHUNK):
            reading.update(chunk)
            copy.write(chunk)
            tell(copy.tell())
    shutil.copystat(source, to)
    if digest(to) != reading.hexdigest():
        raise Unavailable(f"{to} does not hold what was written to it: mend the disk")
    return reading.hexdigest()


def copy_database(source: Path, to: Path, tell: Callable[[int, int], object] = lambda _done, _all: None) -> None:
    """Copy a SQLite database as of one instant, checked, without a write-ahead log beside it.

    Raises:
        MillraceError: It is damaged.
    """
    try:
        with closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)) as db:
            db.execute("BEGIN")
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on it is read as it is now, whoever writes
            with closing(sqlite3.connect(to, isolation_level=None)) as copy:
                db.backup(copy, pages=_PAGES, progress=lambda _status, left, of: tell(of - left, of))
                copy.execute("PRAGMA journal_mode = DELETE")
                found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        raise Unavailable(f"{source} cannot be copied to {to} ({error}): make room, or mend the disk") from error
    except sqlite3.DatabaseError as error:
        raise MillraceError(f"{source} is damaged ({error}): restore it from an earlier backup") from error
    if found != "ok":
        raise MillraceError(f"{source} is damaged ({found}): restore it from an earlier backup")
