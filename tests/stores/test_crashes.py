"""Processes killed in the middle of what a store does, at steps from the first to the last, leave all of it or nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from millrace.stores.database import open_database
from millrace.stores.registry import Registry

POINTS = 24


def killed(pytestconfig: pytest.Config, folder: Path, job: str) -> list[dict[str, Any]]:
    """Return what each process that was killed while doing a job left behind."""
    command = [sys.executable, "-m", "tests.stores.dying", job, str(folder), str(POINTS)]
    done = subprocess.run(command, cwd=pytestconfig.rootpath, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    left = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(left) == POINTS
    assert all(one["killed"] for one in left)
    assert sorted(one["done"] for one in left) == [one["done"] for one in left], "what is done stays done at every later step"
    return left


def test_publish_killed_at_any_step_registers_all_or_nothing_and_can_be_repeated(pytestconfig: pytest.Config, tmp_path: Path):
    left = killed(pytestconfig, tmp_path, "Publish")
    assert {one["done"] for one in left} == {True, False}
    for one in left:
        assert one["numbers"] == [1, 2], one
        assert one["text"] == "second", one
        assert one["folders"] == one["registered"], one
        assert one["swept"] == one["orphans"], one
        assert one["entries"] == 1, one
        assert one["staging"] == ["lock"], one
    assert any(one["orphans"] for one in left), "no process died between moving its files and registering them"


def test_mending_a_damaged_version_killed_at_any_step_can_be_repeated(pytestconfig: pytest.Config, tmp_path: Path):
    for one in killed(pytestconfig, tmp_path, "Mend"):
        assert (one["numbers"], one["text"]) == ([1], "first"), one


def test_promotion_killed_at_any_step_happens_whole_or_not(pytestconfig: pytest.Config, tmp_path: Path):
    left = killed(pytestconfig, tmp_path, "Promote")
    assert {one["done"] for one in left} == {True, False}
    for one in left:
        after = (1, ["retired", "champion"], 2) if one["done"] else (0, ["champion", "candidate"], 1)
        assert (one["champion"], one["stages"], one["promotions"]) == after, one


def test_snapshot_killed_at_any_step_leaves_a_whole_one(pytestconfig: pytest.Config, tmp_path: Path):
    left = killed(pytestconfig, tmp_path, "Save")
    assert {one["position"] for one in left} == {2, 3}
    for one in left:
        assert (one["warnings"], one["kept"], one["staging"]) == ([], 2, ["lock"]), one


@pytest.mark.parametrize("step", ["before writing", "half written", "all written"])
def test_trainer_that_exits_while_saving_registers_nothing(pytestconfig: pytest.Config, tmp_path: Path, step: str):
    program = f"""
import os, sys
from pathlib import Path
from millrace.stores.database import open_database
from millrace.stores.registry import Registry
from tests.stores.making import lineage
def save(folder):
    if {step!r} != "before writing":
        (folder / "weights.txt").write_text("a")
    if {step!r} == "all written":
        (folder / "more.txt").write_text("b")
    os._exit(9)
home = Path(sys.argv[1])
Registry(open_database(home), home).publish("ranker", save, lineage(), {{}}, {{}})
"""
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=pytestconfig.rootpath).returncode == 9
    with open_database(tmp_path) as database:
        registry = Registry(database, tmp_path)
        assert registry.versions("ranker") == []
        assert len(os.listdir(tmp_path / "staging")) == 2
        assert registry.sweep() == []
        assert os.listdir(tmp_path / "staging") == ["lock"]
