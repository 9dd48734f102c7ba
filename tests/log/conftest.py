"""An empty log of the small world, and a small disk."""

import pytest

from millrace.log.log import Log
from tests.log.disks import small_disk
from tests.log.world import STREAMS


@pytest.fixture
def log(tmp_path):
    with Log.open(tmp_path / "log", STREAMS) as log:
        yield log


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk") as disk:
        yield disk
