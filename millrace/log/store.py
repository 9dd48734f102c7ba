"""Where a log is kept, and how many readers and one writer share it."""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from millrace.errors import MillraceError, NotFound, Unavailable
from millrace.log import inbox, lake
from millrace.log.evolution import evolve
from millrace.log.keys import Keyring
from millrace.log.mark import Mark, WriterLock
from millrace.log.streams import Streams
from millrace.types import EVER

T = TypeVar("T")

_ATTEMPTS = 10


class Store:
    """The folder of a log: `inbox.sqlite`, the files of `lake/`, `rejected/`.

    `compacting` is held by whoever moves records about in the lake, `transaction` gives the one connection that writes.

    Args:
        folder: The folder; made when it is not there, unless read only.
        streams: The streams of the log.
        read_only: Whether another process may be writing to it.

    Attributes:
        path: The database of the inbox.

    Raises:
        NotFound: There is no log in the folder, to be read only.
        Unavailable: The folder cannot be written to.
        Conflict: Another process writes to it, or a class has changed in a way that its records cannot follow.
        MillraceError: It is damaged.
    """

    def __init__(self, folder: Path, streams: Streams, read_only: bool) -> None:
        self.folder = folder
        self.streams = streams
        self.keyring = streams.keyring or Keyring(folder)
        self.lake = folder / lake.FOLDER
        self.path = folder / inbox.FILE
        self.compacting = threading.Lock()
        self._writing = threading.Lock()
        self._readers: deque[sqlite3.Connection] = deque()
        self._writer: sqlite3.Connection | None = None
        if read_only and not self.path.exists():
            raise NotFound(f"there is no log in {folder}: name another folder, or open it for writing to make one")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = None if read_only else WriterLock(folder)
            self._mark = Mark(folder, write=not read_only)
        except OSError as error:
            raise Unavailable(f"{folder} cannot be written to ({error}): make it writable, or open it with read_only=True") from error
        try:
            self._open(read_only)
        except BaseException:
            self.close()
            raise

    def _open(self, read_only: bool) -> None:
        if not read_only:
            with self._errors():
                self._writer = inbox.connect(self.path, write=True)
            lake.sync(self.folder, self.folder.parent)  # the names of what was just made
        self._check_nothing_is_lost()
        with self.view() if read_only else self.transaction() as db:
            evolve(db, self.streams, write=not read_only)
        if not read_only:
            with self.view() as db:
                lake.sweep(self.lake, {part.file for part in inbox.parts(db)})

    def _check_nothing_is_lost(self) -> None:
        acknowledged = self._mark.read()  # before the records are looked at: a writer puts it down after them
        position, _ = self.heights()
        if position < acknowledged:
            raise MillraceError(
                f"{self.path}-wal or {self.path} was cut off: record {acknowledged} was acknowledged, the last one there is {position};"
                f" restore both from a backup, or delete {self.folder / 'acknowledged'} to go on without the records after {position}"
            )

    def heights(self) -> tuple[int, int]:
        """Return the last position (0 before the first) and the latest `known` (`EVER` before the first)."""
        with self.view() as db:
            position, known = inbox.heights(db)
        return position, EVER if known is None else known

    @contextmanager
    def view(self) -> Iterator[sqlite3.Connection]:
        """Give a connection that sees the log as it is at its first query, whatever is written meanwhile."""
        with self._errors():
            try:
                db = self._readers.pop()
            except IndexError:
                db = inbox.connect(self.path, write=False)
            db.execute("BEGIN")
            try:
                yield db
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                self._readers.append(db)

    def reading(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `read` makes of a view and of the files it lists, starting over when a merge replaces one of these meanwhile.

        Raises:
            MillraceError: A file of the lake is lost.
        """
        for _ in range(_ATTEMPTS):
            with suppress(lake.PartGone), self.view() as db:
                return read(db)
        with self.view() as db:
            return read(db)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give the connection that writes, to one thread at a time; what it writes is on disk after the block, or not there at all.

        Raises:
            MillraceError: The log is read only, or damaged.
            Unavailable: The disk is full or fails; nothing was written.
        """
        if self._writer is None:
            raise MillraceError(f"{self.folder} was opened with read_only=True: open it for writing")
        with self._writing, self._errors():
            db = self._writer
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")

    def scrub(self) -> None:
        """Write the inbox anew, so that nothing deleted is left in its free pages or its write-ahead log; who writes waits.

        Raises:
            MillraceError: The log is read only, or damaged.
            Unavailable: Somebody is reading the log all the while, or the disk is full.
        """
        if self._writer is None:
            raise MillraceError(f"{self.folder} was opened with read_only=True: open it for writing")
        with self._writing, self._errors():
            self._writer.execute("VACUUM")
            is_busy = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if is_busy:
            raise Unavailable(f"{self.path}-wal cannot be cleared while somebody reads {self.folder}: close what does, and do it again")

    def acknowledge(self, position: int) -> None:
        """Put down that all records up to a position are on disk."""
        self._mark.write(position)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise Unavailable(f"{self.path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise MillraceError(f"{self.path} is damaged ({error}): restore it from a backup") from error

    def close(self) -> None:
        """Close the files; another process may write to the log then."""
        for db in self._readers:
            db.close()
        self._readers.clear()
        if self._writer is not None:
            with self._errors():
                self._writer.close()
            self._writer = None
        self._mark.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None
