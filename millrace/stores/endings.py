"""How a version ends: a date is announced until which it is served, and after that its files may be deleted; its record stays.

What serves, is being rolled out, or would serve again after a rollback is never deleted. The record that stays says what the version was
and where it came from: with the same log, declaration and seed it can be trained again, byte for byte.

Public: `Endings` (`announce`, `delete`, `let_go`), `SUNSET`, `DEPRECATED`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from millrace.errors import BadInput, Conflict, NotFound
from millrace.stores.artefacts import Artefacts
from millrace.stores.audit import Change, accountable, record
from millrace.stores.database import Database
from millrace.stores.durable import flush
from millrace.stores.halts import Halts
from millrace.stores.plain import stored
from millrace.stores.stages import move
from millrace.stores.standing import Standing, champions
from millrace.stores.versions import DEPRECATED, SUNSET, VersionRecord
from millrace.types import moment

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Endings:
    """The endings of a folder's versions.

    Args:
        database: Where they are registered.
        folder: Where their files lie; see `Registry`.
    """

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._versions = database.tables["versions"]
        self._artefacts = Artefacts(folder)
        self._halts = Halts(folder)

    def announce(self, version: str, sunset: int, change: Change) -> VersionRecord:
        """Retire a version and say until when it can be asked; announcing it again gives it another date.

        Args:
            version: Its id.
            sunset: From when on it may be gone, microseconds since 1970 UTC.
            change: When, who and why.

        Raises:
            NotFound: There is no such version.
            Conflict: It serves, or was deleted.
            BadInput: The date has passed, or the change does not say who and why.
        """
        change = accountable(change)
        if sunset <= change.at:
            raise BadInput(f"{moment(sunset):%Y-%m-%d} has passed: announce a date to come", field="sunset")
        with self._database.transaction() as connection:
            before = self._get(connection, version)
            if before.stage in ("champion", "deleted"):
                raise Conflict(f"{version} is {before.stage}: only what does not serve, and is still there, can be given an end")
            if before.stage == "candidate":
                move(connection, self._database, version, "retired", change)
            notes = {**before.notes, DEPRECATED: before.notes.get(DEPRECATED, change.at), SUNSET: sunset}
            connection.execute(self._versions.update().where(self._versions.c.version == version).values(notes=notes))
            record(connection, self._database, change, "sunset", version, before.notes.get(SUNSET), sunset)
            return self._get(connection, version)

    def delete(self, version: str, change: Change, referring: int = 0) -> VersionRecord:
        """Delete a version's files, and keep its record; what a process that died left of them is deleted by the next call.

        Args:
            version: Its id.
            change: When, who and why.
            referring: How many decisions were made with it, for the audit; whether that forbids it is for the caller to say.

        Raises:
            NotFound: There is no such version.
            Conflict: It serves, is rolled out, answers during a halt, or a rollback would return to it; no end was announced, or it has
                not come.
            BadInput: The change does not say who and why.
        """
        change = accountable(change)
        with self._database.transaction() as connection:
            found = self._get(connection, version)
            if found.stage != "deleted":
                sunset = found.notes.get(SUNSET)
                if sunset is None:
                    raise Conflict(f"no end was announced for {version}: millrace models retire it with --sunset, and wait until then")
                if change.at < sunset:
                    raise Conflict(f"{version} is promised until {moment(sunset):%Y-%m-%d %H:%M} UTC: it can be deleted after that")
                if need := self._needed(connection, self._uses(connection), version):
                    raise Conflict(f"{version} is needed: {need}")
                found = self._deleted(connection, found, change, {"decisions": referring})
        self._remove(found)
        return found

    def let_go(self, versions: Iterable[str], change: Change) -> list[str]:
        """Delete the files of retired versions for which no end was announced, but for those that are needed; return which.

        It is for beliefs: one replaces the other by the minute, nobody asks them by name, and the log makes them again.

        Args:
            versions: Their ids.
            change: When, who and why.

        Raises:
            NotFound: There is no such version.
            BadInput: The change does not say who and why.
        """
        change = accountable(change)
        with self._database.transaction() as connection:
            uses = self._uses(connection)
            retired = [one for one in (self._get(connection, version) for version in versions) if one.stage == "retired"]
            free = [one for one in retired if SUNSET not in one.notes and not self._needed(connection, uses, one.version)]
            gone = [self._deleted(connection, one, change, None) for one in free]
        for one in gone:
            self._remove(one)
        return [one.version for one in gone]

    def _deleted(self, connection: Connection, found: VersionRecord, change: Change, told: Mapping[str, int] | None) -> VersionRecord:
        """Return the record of a version that is deleted now, with that on record."""
        move(connection, self._database, found.version, "deleted", change)
        record(connection, self._database, change, "delete", found.version, {"content": found.content}, told)
        return self._get(connection, found.version)

    def _remove(self, found: VersionRecord) -> None:
        place = self._artefacts.place(found.model, found.version)
        if place.exists():  # nobody can make it champion any more
            shutil.rmtree(place)
            flush(place.parent)

    def _needed(self, connection: Connection, uses: Mapping[str, str], version: str) -> str:
        """Return what needs a version, "" when nothing does."""
        held = self._database.tables["release_versions"]
        mine = [one.release for one in connection.execute(held.select().where(held.c.version == version))]
        return next((f"{uses[release]}, with {release}" for release in mine if release in uses), "")

    def _uses(self, connection: Connection) -> dict[str, str]:
        """Return by release what it is needed for, of all systems."""
        standings, history = self._database.tables["standings"], dict[str, list[Standing]]()
        for row in connection.execute(standings.select().order_by(standings.c.revision)).mappings():
            history.setdefault(row["system"], []).append(stored(row, Standing))
        found: dict[str, str] = {}
        for system, known in history.items():
            now, served = known[-1], champions(known)
            halt = self._halts.now(system)
            uses = {"it serves": now.champion, "it is being rolled out": now.candidate, "a halt goes to it": halt and halt.release}
            uses["a rollback would return to it"] = served[-2] if len(served) > 1 else None
            for use, release in uses.items():
                if release:
                    found.setdefault(release, f"{use} in {system}")
        return found

    def _get(self, connection: Connection, version: str) -> VersionRecord:
        row = connection.execute(self._versions.select().where(self._versions.c.version == version)).mappings().one_or_none()
        if row is None:
            raise NotFound(f"no version is called {version!r}: millrace models lists those of a system")
        return stored(row, VersionRecord)
