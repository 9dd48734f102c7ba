"""The database beside the log: opened from a folder (SQLite) or a URL, with one writer at a time.

Public: `open_database`, `Database` (`transaction`, `reading`, `tables`, `close`).

    with open_database(Path(".millrace")) as database:
        registry, releases, journal = Registry(database, Path(".millrace")), Releases(database), Journal(database)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from millrace.errors import Conflict, Unavailable
from millrace.stores.engine import answering, make_engine

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table


class Database:
    """An open database. Threads may share it; a process that forks opens its own afterwards."""

    def __init__(self, engine: Engine, tables: Mapping[str, Table]) -> None:
        self.tables = tables
        self._engine = engine

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open a connection whose statements all happen or, when the block raises or the process dies, none.

        Writers take turns, those of other processes too: what a block has read is still true when it writes.

        Raises:
            Unavailable: Another writer kept its turn too long, or the database cannot be written.
            Conflict: A newer release of Millrace has taken over the database.
        """
        with answering(self._engine), self._engine.connect() as connection, connection.begin():
            _refuse_other_schema(connection.scalar(self.tables["schema_version"].select().with_for_update()))
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a connection that sees what has been committed and waits for no writer.

        Raises:
            Unavailable: The database cannot be read.
        """
        with answering(self._engine), self._engine.connect().execution_options(reading=True) as connection:
            yield connection

    def scrub(self) -> None:
        """Leave nothing that was deleted or overwritten in a SQLite file and its write-ahead log; another server looks after its own.

        Raises:
            Unavailable: Somebody reads or writes it all the while.
        """
        if self._engine.dialect.name != "sqlite":
            return
        with answering(self._engine), closing(self._engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute("vacuum")
            cursor.execute("pragma wal_checkpoint(truncate)")
            if cursor.fetchall()[0][0]:
                raise Unavailable("what was deleted cannot be cleared from the database while somebody reads it: close what does")

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_database(where: Path | str) -> Database:
    """Open the database of a folder, or the one at a URL such as `postgresql://host/name`, and make its tables if it has none.

    Args:
        where: A folder, made if need be, whose `millrace.db` is opened; or a URL, anything with `://` in it.

    Raises:
        BadInput: The URL or the file is not one of a database that can be used here.
        Conflict: Its tables were made by a newer release of Millrace.
        MissingExtra: The driver that the URL needs is not installed.
        Unavailable: It cannot be reached.
    """
    engine = make_engine(where)
    try:
        with answering(engine):
            return Database(engine, _tables(engine))
    except BaseException:
        engine.dispose()
        raise


def _tables(engine: Engine) -> Mapping[str, Table]:
    """Return the tables, made in the database if it has none."""
    from sqlalchemy.exc import IntegrityError, ProgrammingError

    from millrace.stores.tables import METADATA, SCHEMA

    mark = METADATA.tables["schema_version"]
    if not _has(engine, mark):
        try:
            with engine.begin() as connection:
                METADATA.create_all(connection)
                if connection.scalar(mark.select()) is None:
                    connection.execute(mark.insert().values(version=SCHEMA))
        except (IntegrityError, ProgrammingError):
            if not _has(engine, mark):  # otherwise another process made them meanwhile
                raise
    with engine.connect().execution_options(reading=True) as connection:
        found = connection.scalar(mark.select())
    if found is not None and found < SCHEMA:
        _add_tables(engine)
    else:
        _refuse_other_schema(found)
    return METADATA.tables


def _add_tables(engine: Engine) -> None:
    """Bring a database that an older release made to the tables of this one: each version so far only added some."""
    from millrace.stores.tables import METADATA, SCHEMA

    mark = METADATA.tables["schema_version"]
    with engine.begin() as connection:
        if (connection.scalar(mark.select().with_for_update()) or 0) < SCHEMA:  # else another process was first
            METADATA.create_all(connection)
            connection.execute(mark.update().values(version=SCHEMA))


def _has(engine: Engine, table: Table) -> bool:
    from sqlalchemy import inspect

    with engine.connect().execution_options(reading=True) as connection:
        return inspect(connection).has_table(table.name)


def _refuse_other_schema(found: Any) -> None:
    from millrace.stores.tables import SCHEMA

    if found != SCHEMA:
        raise Conflict(
            f"the database has tables of version {found}, this Millrace knows version {SCHEMA}: install the release that made them"
        )
