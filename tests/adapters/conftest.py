"""A private Redis for the tests of a session, and one of its own for a test that kills it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.private_redis import PrivateRedis


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRedis]:
    """Return a server that all tests share: each uses systems of its own."""
    server = PrivateRedis(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture
def mortal_redis(tmp_path: Path) -> Iterator[PrivateRedis]:
    """Return a server that the test may kill and start again."""
    server = PrivateRedis(tmp_path)
    yield server
    server.kill()
