"""The kill switch: which systems are halted, kept in a file of its own, so that halting needs no database that can be written.

A halt freezes what answers. The file is read by every process that decides, and holds every halt there ever was with who and why; the
audit gets each as well, as soon as it can be written.

Public: `Halt`, `Halts` (`all`, `now`, `begin`, `end`, `settle`), `CHAMPION`, `FALLBACK`.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from millrace.errors import BadInput, Conflict, MillraceError, Unavailable
from millrace.stores.audit import Change, accountable, record
from millrace.stores.database import Database
from millrace.stores.durable import write

FILE = "halts.jsonl"

CHAMPION, FALLBACK = "champion", "fallback"
"""Who answers while a system is halted: the champion alone, or the policy that its Fallback falls back to."""


class Halt(msgspec.Struct, frozen=True, kw_only=True):
    """That a system was halted, or goes on.

    Attributes:
        system: The system.
        at: When, microseconds since 1970 UTC.
        who: Who did it.
        why: The reason given.
        to: `champion` or `fallback`; "" where it goes on.
        release: The champion then, which stays for as long as the halt does; "" where there was none, or nobody could say.
    """

    system: str
    at: int
    who: str
    why: str
    to: str = ""
    release: str = ""


class Halts:
    """The halts of a folder; they lie in its `halts.jsonl`, one JSON object per line, the last of a system saying how it stands.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / FILE

    def all(self, system: str | None = None) -> list[Halt]:
        """Return every halt and every end of one, of a system or of all, oldest first.

        Raises:
            MillraceError: The file is damaged.
        """
        try:
            found = [msgspec.json.decode(line, type=Halt) for line in self._path.read_bytes().splitlines()]
        except FileNotFoundError:
            return []
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise MillraceError(f"{self._path} is damaged ({error}): halt again once it is restored from a backup, or removed") from None
        return [one for one in found if system in (None, one.system)]

    def now(self, system: str) -> Halt | None:
        """Return the halt that a system is under, None where it is under none."""
        found = self.all(system)
        return found[-1] if found and found[-1].to else None

    def begin(self, system: str, to: str, release: str, change: Change) -> Halt:
        """Halt a system, or give a halt under way another target; on disk when this returns.

        Raises:
            BadInput: `to` is neither, or the change does not say who and why.
            Unavailable: The file cannot be written; nothing has changed.
        """
        if to not in (CHAMPION, FALLBACK):
            raise BadInput(f"a halt sends requests to {CHAMPION} or {FALLBACK}, not to {to!r}", field="to")
        return self._add(change, lambda change: Halt(system=system, at=change.at, who=change.who, why=change.why, to=to, release=release))

    def end(self, system: str, change: Change) -> Halt:
        """Let a system go on; on disk when this returns.

        Raises:
            Conflict: It is not halted.
            BadInput: The change does not say who and why.
            Unavailable: The file cannot be written; nothing has changed.
        """

        def ended(change: Change) -> Halt:
            if self.now(system) is None:
                raise Conflict(f"{system} is not halted: there is nothing to resume")
            return Halt(system=system, at=change.at, who=change.who, why=change.why)

        return self._add(change, ended)

    def settle(self, database: Database) -> int:
        """Write into the audit what is not there yet; return how many that were.

        Raises:
            Unavailable: The database cannot be written: what is owed is written the next time.
        """
        changes = database.tables["changes"]
        with database.transaction() as connection:  # writers take turns, so nobody writes the same one twice
            mine = changes.select().where(changes.c.what.in_(("halt", "resume")))
            known = {(row.subject, row.at, row.who, row.what) for row in connection.execute(mine)}
            owed = [one for one in self.all() if (one.system, one.at, one.who, _what(one)) not in known]
            for one in owed:
                after = {"to": one.to, "release": one.release} if one.to else None
                record(connection, database, Change(one.at, one.who, one.why), _what(one), one.system, None, after)
        return len(owed)

    def _add(self, change: Change, make: Callable[[Change], Halt]) -> Halt:
        change = accountable(change)
        try:
            with self._alone():
                made = make(change)
                write(self._path, b"".join(msgspec.json.encode(one) + b"\n" for one in [*self.all(), made]))
        except OSError as error:
            said = f"{self._path} cannot be written ({error.strerror}), so nothing has changed"
            raise Unavailable(f"{said}: make room or make it writable, a few kilobytes do, or stop the server") from error
        return made

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold off others that would write; the lock goes with the process, however it ends."""
        self._folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _what(halt: Halt) -> str:
    return "halt" if halt.to else "resume"
