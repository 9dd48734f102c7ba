"""A database in a folder of the test's own, and the stores on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from millrace.stores.database import Database, open_database
from millrace.stores.journal import Journal
from millrace.stores.registry import Registry
from millrace.stores.releases import Releases


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def database(home: Path) -> Iterator[Database]:
    with open_database(home) as database:
        yield database


@pytest.fixture
def registry(database: Database, home: Path) -> Registry:
    return Registry(database, home)


@pytest.fixture
def releases(database: Database) -> Releases:
    return Releases(database)


@pytest.fixture
def journal(database: Database) -> Journal:
    return Journal(database)
