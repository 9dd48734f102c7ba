"""An empty log of the small world, a small disk, and a folder for processes that are killed."""

import tempfile
from pathlib import Path

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


@pytest.fixture
def folder():
    """A folder in memory where there is one: a kill leaves what was written to the system, so a disk would add waiting and nothing else."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as made:
        yield Path(made)
