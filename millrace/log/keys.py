"""The keys of a log: a master key in a file of its own, and a data key for each person, which is destroyed when the person is forgotten.

Beside the folder of a log called `log` lie `log.key`, the master key (or `MILLRACE_KEY_FILE` names it), and `log.keys`, a database of the
data keys, each sealed with the master key and called by a keyed digest, so that it says neither a key nor a name. Neither lies in the
log's folder: a copy of that folder alone holds nothing that opens a private field.
"""

from __future__ import annotations

import hmac
import os
import sqlite3
import stat
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from millrace.errors import MillraceError

VARIABLE = "MILLRACE_KEY_FILE"
"""The environment variable that names the file of the master key."""

KEY, NAME, NONCE, TAG = 32, 16, 12, 16
"""Lengths in bytes: of a key, of the digest a data key is called by, of a nonce and of an authentication tag."""

_CACHED = 100_000
"""How many opened data keys are kept in memory, about 20 MB."""

_TABLES = """
CREATE TABLE keys (name BLOB PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE master (digest BLOB PRIMARY KEY) WITHOUT ROWID;
"""


def key_file(log: Path) -> Path:
    """Return where the master key of a log lies: where `MILLRACE_KEY_FILE` says, else beside the log's folder."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else log.with_name(f"{log.name}.key")


def keys_file(log: Path) -> Path:
    """Return the database of a log's data keys."""
    return log.with_name(f"{log.name}.keys")


class Master:
    """The master key. It is only ever used through digests of it, one for each purpose, and shows itself in no message."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def read(cls, log: Path) -> Master | None:
        """Return the master key of a log, None where it has no file.

        Raises:
            MillraceError: The file holds no key, or others may read it.
        """
        path = key_file(log)
        try:
            mode, text = path.stat().st_mode, path.read_text()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise MillraceError(f"{path} cannot be read as a key ({type(error).__name__}): restore it from where you keep it") from None
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise MillraceError(f"others may read {path}, the key of the private fields: chmod 600 {path}")
        try:
            secret = bytes.fromhex(text)
        except ValueError:
            secret = b""
        if len(secret) != KEY:
            raise MillraceError(f"{path} holds no key of {2 * KEY} hexadecimal digits: restore it from where you keep it")
        return cls(secret)

    @classmethod
    def made(cls, log: Path) -> Master:
        """Return the master key of a log, made at first use in a file that only its owner may read.

        Raises:
            MillraceError: It is lost: there are data keys that were sealed with it.
        """
        there = cls.read(log)
        if there is not None:
            return there
        path = key_file(log)
        if keys_file(log).exists():
            raise MillraceError(lost(log))
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(os.urandom(KEY).hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(unfinished, path)  # unlike a rename it never replaces the key another process has just made
        except FileExistsError:
            pass
        finally:
            unfinished.unlink()
        return cls.made(log)

    def digest(self, purpose: str, content: bytes) -> bytes:
        """Return the HMAC-SHA256 of some bytes under the key of a purpose, 32 bytes."""
        own = hmac.digest(self._secret, purpose.encode(), sha256)
        return hmac.digest(own, content, sha256)


def lost(log: Path) -> str:
    """Return what to say when the master key of a log is not there."""
    return (
        f"{key_file(log)} is lost, and private fields of {log} were sealed with the key in it:"
        f" restore it from where you keep it, or name its place in {VARIABLE}"
    )


class Keyring:
    """The data keys of a log, for any number of threads. Nothing is opened or made before the first use.

    Args:
        log: The log's folder.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._path = keys_file(log)
        self._lock = threading.Lock()
        self._master: Master | None = None
        self._opened: dict[bytes, bytes] = {}

    def names(self, owners: Collection[str], make: bool = True) -> dict[str, bytes]:
        """Return what the data key of each owner is called.

        Args:
            owners: Who they are of: a class and an id.
            make: Whether to make the master key where there is none; without one there are no names.
        """
        if not make and Master.read(self._log) is None:
            return {}
        master = self.master(make)
        return {owner: master.digest("name", owner.encode())[:NAME] for owner in owners}

    def master(self, make: bool) -> Master:
        """Return the master key, once it is certain that it is the one the data keys were sealed with.

        Raises:
            MillraceError: It is lost, or is another one.
        """
        if self._master is None:
            found = Master.made(self._log) if make else Master.read(self._log)
            if found is None:
                raise MillraceError(lost(self._log))
            if self._path.exists():
                with self._database("ro") as db:
                    self._check(db, found)
            self._master = found
        return self._master

    def _check(self, db: sqlite3.Connection, master: Master) -> None:
        known = db.execute("SELECT digest FROM master").fetchone()
        if known is not None and not hmac.compare_digest(known[0], master.digest("check", b"")):
            raise MillraceError(
                f"{key_file(self._log)} is not the key that private fields of {self._log} were sealed with: restore that one,"
                f" or name its place in {VARIABLE}"
            )

    def made(self, names: Collection[bytes]) -> dict[bytes, bytes]:
        """Return data keys by name, making those that are not there; on disk before this returns.

        Raises:
            MillraceError: The master key is lost, or is another one.
        """
        with self._lock:
            missing = set(names) - self._opened.keys()
            if missing:
                master = self.master(make=True)
                with self._database("rwc") as db:
                    db.execute("BEGIN IMMEDIATE")
                    _make_tables(db, master)
                    new = missing - self._found(db, missing).keys()
                    seal = cipher(master.digest("seal", b""))
                    rows = [(name, sealed(seal, os.urandom(KEY), name)) for name in sorted(new)]
                    db.executemany("INSERT INTO keys VALUES (?, ?)", rows)
                    db.execute("COMMIT")
                    self._open(self._found(db, missing), master)
            return {name: self._opened[name] for name in names}

    def found(self, names: Collection[bytes]) -> dict[bytes, bytes]:
        """Return the data keys there are, by name: those of who was forgotten are missing.

        Raises:
            MillraceError: The master key or the data keys are lost, or the master key is another one.
        """
        with self._lock:
            missing = set(names) - self._opened.keys()
            if missing:
                master = self.master(make=False)
                if not self._path.exists():
                    raise MillraceError(f"{self._path}, the keys of the private fields of {self._log}, is lost: restore it from a backup")
                with self._database("ro") as db:
                    self._open(self._found(db, missing), master)
            return {name: self._opened[name] for name in names if name in self._opened}

    def destroy(self, names: Collection[bytes]) -> int:
        """Destroy data keys, beyond what the file's free pages hold; return how many there were."""
        with self._lock:
            for name in names:
                self._opened.pop(name, None)
            if not self._path.exists():
                return 0
            with self._database("rw") as db:
                gone = db.executemany("DELETE FROM keys WHERE name = ?", [(name,) for name in names]).rowcount
                db.execute("VACUUM")
            return max(gone, 0)

    def _found(self, db: sqlite3.Connection, names: Collection[bytes]) -> dict[bytes, bytes]:
        rows = (db.execute("SELECT name, sealed FROM keys WHERE name = ?", (name,)).fetchone() for name in names)
        return dict(row for row in rows if row is not None)

    def _open(self, rows: dict[bytes, bytes], master: Master) -> None:
        """Open data keys and keep them; in a full memory, instead of the others."""
        seal = cipher(master.digest("seal", b""))
        if len(self._opened) + len(rows) > _CACHED:
            self._opened.clear()
        for name, content in rows.items():
            key = opened(seal, content, name)
            if key is None:
                raise MillraceError(f"{self._path} is damaged: restore it from a backup")
            self._opened[name] = key

    @contextmanager
    def _database(self, mode: str) -> Iterator[sqlite3.Connection]:
        if mode == "rwc":
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        path = f"{self._path.resolve().as_uri()}?mode={'rw' if mode == 'rwc' else mode}"
        try:
            with closing(sqlite3.connect(path, uri=True, isolation_level=None, timeout=60)) as db:
                db.execute("PRAGMA synchronous = FULL")
                db.execute("PRAGMA secure_delete = ON")
                yield db
        except sqlite3.Error as error:
            raise MillraceError(f"{self._path} cannot be used ({error}): make room, or restore it from a backup") from error


def _make_tables(db: sqlite3.Connection, master: Master) -> None:
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'keys'").fetchone():
        for statement in _TABLES.split(";"):
            db.execute(statement)
        db.execute("INSERT INTO master VALUES (?)", (master.digest("check", b""),))


def cipher(key: bytes) -> Any:
    """Return the authenticated cipher of a key: AES-256 in Galois/counter mode."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def sealed(seal: Any, content: bytes, about: bytes) -> bytes:
    """Return bytes sealed, with the nonce before them. `about` is not in them, and they cannot be opened as being about another."""
    nonce = os.urandom(NONCE)
    return nonce + seal.encrypt(nonce, content, about)


def opened(seal: Any, content: bytes, about: bytes) -> bytes | None:
    """Return what was sealed; None when it was sealed with another key, was about another, or has changed since."""
    from cryptography.exceptions import InvalidTag

    try:
        return seal.decrypt(content[:NONCE], content[NONCE:], about)
    except (InvalidTag, ValueError):
        return None


def combined(keys: Sequence[bytes]) -> bytes:
    """Return the key that needs all of some keys: whoever of their owners is forgotten, what it sealed is gone."""
    return keys[0] if len(keys) == 1 else sha256(b"".join(keys)).digest()
