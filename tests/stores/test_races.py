"""Processes at the same database at once, from the moment it is made."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def raced(pytestconfig: pytest.Config, folder: Path, job: str) -> dict[str, Any]:
    """Return what four processes left that did a job at once."""
    command = [sys.executable, "-m", "tests.stores.racing", job, str(folder), "4"]
    done = subprocess.run(command, cwd=pytestconfig.rootpath, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    left = json.loads(done.stdout)
    assert left["ended"] == [0, 0, 0, 0], done.stderr
    return left


def test_version_that_several_processes_publish_at_once_is_one(pytestconfig: pytest.Config, tmp_path: Path):
    left = raced(pytestconfig, tmp_path, "PublishAlike")
    assert left["texts"] == ["common", "own 0", "own 1", "own 2", "own 3"]
    assert left["numbers"] == [1, 2, 3, 4, 5]
    assert left["entries"] == 5


def test_controllers_in_several_processes_lose_no_step(pytestconfig: pytest.Config, tmp_path: Path):
    left = raced(pytestconfig, tmp_path, "Advance")
    assert left == {"ended": [0, 0, 0, 0], "revision": 20, "steps": list(range(20))}


def test_run_that_several_processes_start_at_once_is_started_by_one(pytestconfig: pytest.Config, tmp_path: Path):
    left = raced(pytestconfig, tmp_path, "Start")
    assert len(left["owners"]) == 5
    assert left["doubles"] == 0


def test_snapshots_of_several_processes_are_all_whole(pytestconfig: pytest.Config, tmp_path: Path):
    left = raced(pytestconfig, tmp_path, "SaveAlong")
    assert left == {"ended": [0, 0, 0, 0], "warnings": [], "kept": True, "staging": ["lock"]}
