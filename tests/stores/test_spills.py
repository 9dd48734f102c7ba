"""What unfinished backfills put aside is known by the system's folder for as long as it is there."""

import os

import pytest

from millrace.errors import Unavailable
from millrace.stores.spills import Spills


def test_a_spill_is_noted_from_when_it_is_made_until_it_is_removed(tmp_path):
    spills, folder = Spills(tmp_path), tmp_path / "elsewhere" / "out.parts"
    assert spills.all() == []
    spills.make(folder)
    (folder / "part").write_text("x")
    assert Spills(tmp_path).all() == spills.reachable() == [folder]
    spills.make(folder)
    assert list(folder.iterdir()) == [], "made again it is empty"
    spills.remove(folder)
    assert (spills.all(), folder.exists()) == ([], False)
    spills.remove(folder)


def test_a_path_is_noted_whole_wherever_the_command_was_given(tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path)
    Spills(tmp_path / "home").make(tmp_path.relative_to(tmp_path) / "out.parts")
    monkeypatch.chdir("/")
    assert Spills(tmp_path / "home").all() == [tmp_path / "out.parts"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may remove anything")
def test_one_that_cannot_be_removed_is_said_and_stays_noted(tmp_path):
    spills, folder = Spills(tmp_path), tmp_path / "kept" / "out.parts"
    spills.make(folder)
    folder.parent.chmod(0o500)
    try:
        with pytest.raises(Unavailable, match="cannot be removed"):
            spills.remove(folder)
    finally:
        folder.parent.chmod(0o700)
    assert spills.all() == [folder]
