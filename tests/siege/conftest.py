"""A server of one process for the tests of a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.siege.besieged import Besieged
from tests.siege.test_chaos import stock


@pytest.fixture(scope="module")
def besieged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Besieged]:
    """Return a server with goods on its shelf."""
    folder: Path = tmp_path_factory.mktemp("siege")
    server = Besieged(folder, folder / "home")
    try:
        server.start()
        stock(server)
        yield server
    finally:
        server.close()
