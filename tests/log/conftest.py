"""An empty log of the small world."""

import pytest

from millrace.log.log import Log
from tests.log.world import STREAMS


@pytest.fixture
def log(tmp_path):
    with Log.open(tmp_path / "log", STREAMS) as log:
        yield log
