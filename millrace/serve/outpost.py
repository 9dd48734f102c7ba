"""What a replica keeps on a machine that has no log: a copy of what was released, which follows the owner of the log."""

from __future__ import annotations

import http.client
import os
import shutil
import sqlite3
import threading
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

import msgspec

from millrace.errors import Unavailable
from millrace.serve.owning import TOKEN_HEADER
from millrace.serve.reaching import Connect, asked, refusal
from millrace.serve.released import DATABASE, HALTS, HOME, Stamp, listed, listing
from millrace.stores.database import Database, open_database
from millrace.stores.durable import move
from millrace.stores.experiments import Experiments
from millrace.stores.halts import Halts
from millrace.stores.registry import Registry
from millrace.stores.releases import Releases

PATIENCE_S = 10.0
"""How long the owner may be silent while it gives a file, in seconds."""


@dataclass(frozen=True)
class Outpost:
    """What a replica reads of its folder.

    Attributes:
        log: Looks records up where the log is.
        database: The copy of `millrace.db`.
        registry: The versions in it.
        releases: The releases in it.
        halts: The halts in it.
        experiments: The experiments on record in it.
    """

    log: Any
    database: Database
    registry: Registry
    releases: Releases
    halts: Halts
    experiments: Experiments

    @classmethod
    def at(cls, folder: Path, log: Any) -> Outpost:
        """Open the copy in a folder."""
        database = open_database(folder)
        return cls(log, database, Registry(database, folder), Releases(database), Halts(folder), Experiments(database))

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()


class Copy:
    """A folder that is brought up to what the owner of the log has released, whenever it is asked. Threads may share it.

    Each file is there whole or as it was. Versions come before the database that names them, so what is read in between is older, never
    half; where one vanishes meanwhile, the next time says so.

    Args:
        folder: The copy, made if need be.
        connect: How to reach the owner.
        token: What it is shown.
    """

    def __init__(self, folder: Path, connect: Connect, token: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._connect = connect
        self._headers = {TOKEN_HEADER: token}
        self._database: Stamp | None = None
        self._lock = threading.Lock()

    def catch_up(self) -> bool:
        """Bring the folder up to the owner's; return whether anything was changed.

        Raises:
            Unavailable: The owner does not answer, or gives nothing to who shows this token; what is here stays as it is.
        """
        with self._lock:
            stamp = self._listed()[DATABASE]
            is_new = stamp != self._database
            taken = self._folder / f"{DATABASE}.unfinished"
            if is_new:
                self._take(DATABASE, taken)
            changed = self._files(self._listed())  # listed after the database was copied: it has all that is named there
            if is_new:
                _replace(self._folder / DATABASE, taken)
                self._database = stamp
            return is_new or changed

    def _listed(self) -> dict[str, Stamp]:
        status, body = asked(self._connect(PATIENCE_S), HOME, self._headers)
        if status == 404:
            raise Unavailable("the owner of the log gives no replica what was released: start it with --token-file")
        if status != 200:
            raise refusal(status, body)
        try:
            found = listing.decode(body)
        except msgspec.DecodeError as error:
            raise Unavailable(f"--owner names no server of this kind: its list of files cannot be read ({error})") from error
        if strange := [name for name in found if not _is_ours(name)]:
            raise Unavailable(f"the owner of the log would write {strange[0]!r} here: install the same Millrace on both sides")
        return found

    def _files(self, there: dict[str, Stamp]) -> bool:
        """Take the files that are others there, remove those that are gone; return whether there were any."""
        here = listed(self._folder)
        new = [name for name, stamp in there.items() if name != DATABASE and here.get(name) != stamp]
        for name in new:
            taken = self._folder / "file.unfinished"
            self._take(name, taken, there[name])
            (self._folder / name).parent.mkdir(parents=True, exist_ok=True)
            move(taken, self._folder / name)
        gone = here.keys() - there.keys()
        for name in gone:
            (self._folder / name).unlink(missing_ok=True)
        return bool(new or gone)

    def _take(self, name: str, to: Path, stamp: Stamp | None = None) -> None:
        """Write a file of the owner's, with the stamp it has there."""
        with closing(self._connect(PATIENCE_S)) as connection:
            try:
                connection.request("GET", f"{HOME}/{quote(name)}", headers=self._headers)
                answer = connection.getresponse()
                if answer.status != 200:
                    raise refusal(answer.status, answer.read())
                with to.open("wb") as file:
                    shutil.copyfileobj(answer, file)
            except http.client.HTTPException as error:
                raise Unavailable(f"the owner of the log broke off {name} ({type(error).__name__})") from error
            except OSError as error:
                raise Unavailable(f"{name} could not be copied from the owner of the log ({error})") from error
        size = stamp[0] if stamp is not None else int(answer.headers.get("content-length", -1))
        if to.stat().st_size != size:
            raise Unavailable(f"the owner of the log broke off {name}, or it changed meanwhile")
        if stamp is not None:
            os.utime(to, ns=(stamp[1], stamp[1]))


def _is_ours(name: str) -> bool:
    """Whether a name is that of a file that replicas need: no owner writes anywhere else on this machine."""
    parts = PurePosixPath(name).parts
    return name in (DATABASE, HALTS) or (len(parts) > 2 and parts[0] == "versions" and ".." not in parts)


def _replace(place: Path, by: Path) -> None:
    """Make a database what another one is, at once for all who have it open; nothing of what it was is left in its write-ahead log."""
    try:
        with closing(sqlite3.connect(by)) as new, closing(sqlite3.connect(place, isolation_level=None)) as held:
            held.execute("PRAGMA journal_mode = WAL")
            new.backup(held, sleep=0.02)
            held.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise Unavailable(f"{place} could not be brought up to the owner's ({error}): make room, or remove it") from error
    by.unlink()
