"""`kill -9` at any line while features are written: a whole file or none, what is put aside is known, doing it again finishes it."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from millrace.stores.durable import flush
from millrace.stores.spills import Spills
from tests.killing import killers
from tests.operate.backfill_dies import write
from tests.serve.remembering import GONE, fill, forgetting_in, holding


@pytest.fixture(scope="module")
def memory():
    """A folder in memory where there is one: a kill leaves what was written to the system, so a disk would add waiting and nothing else."""
    place = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=place if place.is_dir() else None) as made:
        fill(Path(made) / "whole" / "club")
        yield Path(made)


@pytest.fixture(scope="module")
def dying():
    with killers("tests.operate.backfill_dies") as made:
        yield made


@pytest.mark.parametrize("sample", [12, pytest.param(None, marks=pytest.mark.slow)])
def test_killed_at_any_line_it_can_be_done_again_and_nothing_is_left_that_forgetting_does_not_find(memory, dying, sample):
    whole = memory / "whole"
    lines = dying.at_line(shutil.copytree(whole, memory / f"counted-{sample}"), 0)
    expected = pq.read_table(memory / f"counted-{sample}" / "out.parquet")
    chosen = range(1, lines + 1) if sample is None else np.random.default_rng(sample).choice(lines, min(sample, lines), replace=False) + 1
    for number in chosen:
        here = shutil.copytree(whole, memory / f"line-{number}")
        assert dying.at_line(here, number) is None, number
        out, parts = here / "out.parquet", here / "out.parquet.parts"
        if out.exists():
            assert pq.read_table(out).equals(expected), number
        noted = Spills(here / "club").all()
        assert noted == [parts] or not parts.exists() or not list(parts.iterdir()), number
        write(str(here))
        assert pq.read_table(out).equals(expected), number
        assert not parts.exists(), number
        assert Spills(here / "club").all() == [], number
        shutil.rmtree(here)


def test_who_is_forgotten_is_in_nothing_that_was_put_aside(memory, dying):
    lines = dying.at_line(shutil.copytree(memory / "whole", memory / "counted"), 0)
    for number in np.random.default_rng(1).choice(lines, 6, replace=False) + 1:
        here = memory / "here"
        shutil.copytree(memory / "whole", here)
        assert dying.at_line(here, number) is None, number
        (here / "out.parquet").unlink(missing_ok=True)  # what is finished is the user's
        forgetting_in(here / "club")
        assert holding(here, GONE) == [], number
        assert not (here / "out.parquet.parts").exists() or not list((here / "out.parquet.parts").iterdir()), number
        shutil.rmtree(here)


def test_a_file_has_its_name_when_its_bytes_are_on_disk_and_the_name_is_too_before_anything_builds_on_it(memory):
    done = []

    def tell(frame, event, called):
        if event == "call" and frame.f_code is flush.__code__:
            done.append(("flush", os.fspath(frame.f_locals["path"])))
        if event == "call" and frame.f_code is Path.rename.__code__:
            done.append(("rename", os.fspath(frame.f_locals["self"]), os.fspath(frame.f_locals["target"])))

    here = shutil.copytree(memory / "whole", memory / "watched")
    sys.setprofile(tell)
    try:
        write(str(here))
    finally:
        sys.setprofile(None)
    names = [place for place, one in enumerate(done) if one[0] == "rename"]
    assert {Path(done[place][2]).name for place in names} >= {"inputs.json", "cut", "events-0.arrow", "states-0-0.arrow", "out.parquet"}
    for place in names:
        _, old, new = done[place]
        assert done[place - 1] == ("flush", old)
        assert done[place + 1] == ("flush", os.path.dirname(new))
