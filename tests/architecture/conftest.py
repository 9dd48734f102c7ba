"""The package as it stands, read once for all the checks."""

import pytest

from tests.architecture.source import Sources, read


@pytest.fixture(scope="session")
def house() -> Sources:
    return read()
