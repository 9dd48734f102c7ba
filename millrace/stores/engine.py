"""An engine for a folder or a URL, and its failures in words of the house.

Public: `make_engine`, `answering`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from millrace.errors import BadInput, MissingExtra, Unavailable
from millrace.log.inbox import cannot_change

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

FILE = "millrace.db"
"""The name of the database in a folder."""

PATIENCE_S = 30
"""How long a writer waits for its turn, in seconds, before the database is said to be unavailable."""


def make_engine(where: Path | str) -> Engine:
    """Return an engine for a folder (made if need be) or a URL, without connecting to it.

    Raises:
        BadInput: The URL is none, names a database in memory, or a kind that SQLAlchemy does not know.
        MissingExtra: The driver it needs is not installed.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.exc import NoSuchModuleError

    url = _url(where)
    local = url.get_backend_name() == "sqlite"
    if local and url.database in (None, "", ":memory:"):
        raise BadInput("a database in memory cannot be shared between threads and processes: name a folder", field="url")
    try:
        engine = create_engine(url, connect_args={"timeout": PATIENCE_S} if local else {})
    except NoSuchModuleError as error:
        raise BadInput(
            f"{url.drivername} is not a kind of database that SQLAlchemy knows: use postgresql or a folder", field="url"
        ) from error
    except ModuleNotFoundError as error:
        raise MissingExtra(f"{url.drivername} needs the driver {error.name}: pip install {error.name}") from error
    if local:
        _make_strict(engine)
    return engine


def _url(where: Path | str) -> URL:
    from sqlalchemy.engine import URL, make_url
    from sqlalchemy.exc import ArgumentError

    if "://" not in str(where):
        folder = Path(where)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / FILE).exists() or _can_write(folder):
            return URL.create("sqlite", database=str(folder / FILE))
        as_it_lies = {"immutable": "1"} if cannot_change(folder / FILE) else {}
        return URL.create("sqlite", database=(folder / FILE).resolve().as_uri(), query={"mode": "ro", **as_it_lies, "uri": "true"})
    try:
        return make_url(str(where))
    except ArgumentError as error:  # what was given is not shown: it may hold a password
        raise BadInput("the database URL cannot be read: write scheme://user:password@host/name, or name a folder", field="url") from error


def _can_write(folder: Path) -> bool:
    return os.access(folder, os.W_OK) and not os.statvfs(folder).f_flag & os.ST_RDONLY


def _make_strict(engine: Engine) -> None:
    """Have SQLite do what other databases do unasked: check foreign keys, let readers read while one writes, begin when told to."""
    from sqlalchemy import event

    is_read_only = engine.url.query.get("mode") == "ro"

    @event.listens_for(engine, "connect")
    def _(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # Python's driver would begin by itself, too late for what a transaction reads first
        if not is_read_only:
            _write_ahead(connection)
        for pragma in ("synchronous = full", "foreign_keys = on"):
            connection.execute(f"pragma {pragma}").close()

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        # A transaction that began as a reader could not become a writer after another has written: it is one from the start.
        connection.exec_driver_sql("begin" if connection.get_execution_options().get("reading") else "begin immediate")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Have a database keep a write-ahead log.

    SQLite does not wait here for another process that is writing, as when several open a new database at once; to be alone it does, for
    `PATIENCE_S` at most, so whoever is refused waits for that and asks again.
    """
    while True:
        try:
            return connection.execute("pragma journal_mode = wal").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
        connection.execute("begin exclusive").close()
        connection.execute("rollback").close()


def _shown(url: URL) -> str:
    """Return a URL without its password, that of a file which is only read as if it were written too."""
    path = unquote((url.database or "").removeprefix("file://"))
    return (url.set(database=path, query={}) if url.query.get("mode") == "ro" else url).render_as_string(hide_password=True)


@contextmanager
def answering(engine: Engine) -> Iterator[None]:
    """Say in words of the house that a database cannot be used."""
    from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError
    from sqlalchemy.exc import TimeoutError as NoConnectionFree

    shown = _shown(engine.url)
    try:
        yield
    except (OperationalError, NoConnectionFree) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise Unavailable(
            f"{shown} does not answer ({cause}): check that it is up, can be written and has room, and that no writer holds it"
        ) from error
    except DatabaseError as error:
        if type(error) is not DatabaseError:
            raise
        raise BadInput(f"{shown} is damaged or no database ({error.orig}): restore it from a backup, or name another folder") from error
