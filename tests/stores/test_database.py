import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateTable

from millrace.errors import BadInput, Conflict, MissingExtra, Unavailable
from millrace.stores.database import Database, open_database
from millrace.stores.engine import FILE
from millrace.stores.tables import METADATA


def touch(database: Database, connection: Connection) -> None:
    connection.execute(database.tables["changes"].insert().values(at=1, who="ada", what="x", subject="s", why="y"))


def test_tables_are_made_once_and_found_again(home: Path):
    with open_database(home) as database, database.transaction() as connection:
        touch(database, connection)
    with open_database(home) as database, database.reading() as connection:
        assert len(connection.execute(database.tables["changes"].select()).all()) == 1


def test_database_that_another_process_is_making_is_waited_for(home: Path):
    home.mkdir(exist_ok=True)
    with closing(sqlite3.connect(home / FILE, isolation_level=None, check_same_thread=False)) as another:
        another.execute("begin immediate")
        threading.Timer(0.1, another.commit).start()
        with open_database(home) as database, database.reading() as connection:
            assert connection.execute(database.tables["changes"].select()).all() == []


def test_transaction_that_raises_leaves_nothing(database: Database):
    def fail() -> None:
        with database.transaction() as connection:
            touch(database, connection)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.reading() as connection:
        assert connection.execute(database.tables["changes"].select()).all() == []


def test_reader_and_writer_do_not_wait_for_each_other(database: Database):
    seen = database.tables["changes"].select()
    with database.reading() as reader:
        assert reader.execute(seen).all() == []
        with database.transaction() as writer:
            touch(database, writer)
            assert reader.execute(seen).all() == []
        assert reader.execute(seen).all() == [], "a reader sees one state of the database, that of its first statement"
    with database.reading() as reader:
        assert len(reader.execute(seen).all()) == 1


def test_reference_to_a_release_that_is_not_there_is_refused(database: Database):
    dangling = database.tables["release_thresholds"].insert().values(release="r0099-abcdef", rule="block", score=0.5)
    with pytest.raises(IntegrityError), database.transaction() as connection:
        connection.execute(dangling)


def test_newer_database_is_refused_when_opened_and_when_it_was_open_already(home: Path):
    with open_database(home) as database:
        mark = database.tables["schema_version"]
        with database.transaction() as connection:
            connection.execute(mark.update().values(version=99))
        message = "the database has tables of version 99, this Millrace knows version 3: install the release that made them"
        with pytest.raises(Conflict, match=message), database.transaction():
            pass
        with pytest.raises(Conflict, match=message):
            open_database(home)


def test_file_that_is_no_database_is_refused_with_what_to_do(tmp_path: Path):
    (tmp_path / "millrace.db").write_bytes(b"not a database at all " * 100)
    with pytest.raises(BadInput, match=r"is damaged or no database .* restore it from a backup, or name another folder"):
        open_database(tmp_path)


def test_database_that_cannot_be_opened_is_unavailable(tmp_path: Path):
    with pytest.raises(Unavailable, match="unable to open database file"):
        open_database(f"sqlite:///{tmp_path}/no/such/folder/millrace.db")


@pytest.mark.parametrize(
    "url, message",
    [
        ("nothing://here", "nothing is not a kind of database that SQLAlchemy knows"),
        ("://user:secret@host", "the database URL cannot be read"),
        ("sqlite://", "a database in memory cannot be shared"),
        ("sqlite:///:memory:", "a database in memory cannot be shared"),
    ],
)
def test_impossible_url_is_refused_without_showing_it(url: str, message: str):
    with pytest.raises(BadInput, match=message) as refused:
        open_database(url)
    assert "secret" not in str(refused.value)


def test_missing_driver_is_named():
    pytest.importorskip("sqlalchemy.dialects.oracle")
    with pytest.raises(MissingExtra, match="needs the driver cx_Oracle: pip install cx_Oracle"):
        open_database("oracle+cx_oracle://host/name")


def test_tables_can_be_made_in_postgresql():
    for table in METADATA.sorted_tables:
        assert str(CreateTable(table).compile(dialect=postgresql.dialect()))


def test_importing_the_stores_does_not_load_sqlalchemy(pytestconfig: pytest.Config):
    program = """
import importlib, pkgutil, sys
import millrace, millrace.stores
for module in pkgutil.iter_modules(millrace.stores.__path__):
    if module.name != "tables":
        importlib.import_module(f"millrace.stores.{module.name}")
assert "sqlalchemy" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], cwd=pytestconfig.rootpath, check=True)
