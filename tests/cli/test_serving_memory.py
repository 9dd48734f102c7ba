"""Where a server's memory for compactions comes from, asked of a process of its own: Arrow chooses once, when it is first used."""

import os
import subprocess
import sys

import pytest

ASK = "import millrace.cli.serving as s; s.return_memory(); import pyarrow; print(pyarrow.default_memory_pool().backend_name)"


@pytest.mark.parametrize(("chosen", "used"), [({}, "system"), ({"ARROW_DEFAULT_MEMORY_POOL": "mimalloc"}, "mimalloc")])
def test_arrow_takes_its_memory_from_the_system_unless_told_otherwise(chosen: dict[str, str], used: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"} | chosen
    done = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == used
