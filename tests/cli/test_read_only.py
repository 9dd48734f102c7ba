"""What only reads works on a disk that is mounted read-only, and in a folder of somebody else's; what must write says what it needs."""

import shutil
import subprocess
import sys
from contextlib import closing

import pytest

from millrace.errors import Unavailable
from millrace.loading import load
from millrace.serve.home import Home
from tests.cli.shop import live, opened
from tests.cli.test_experimenting import Asked
from tests.log.disks import small_disk
from tests.operate.stand import lived, stand

READ = (("status",), ("features",), ("explain", "visit-3"), ("verify",), ("explain-value", "shown", "item-1", "now"))
NO_RIGHT = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-dac_override,-dac_read_search"]
"""Runs a command of root's without root's right to write where permissions forbid it."""


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", 64) as disk:
        yield disk


def test_disk_that_is_read_only_is_read(disk, monkeypatch, capsys):
    shop = opened(disk.folder, monkeypatch, capsys)
    shop.bring_history()
    assert shop.millrace("train", "shop.py").status == 0
    live(shop, 20)
    with disk.read_only():
        for command, *rest in READ:
            said = shop.millrace(command, "shop.py", *rest)
            assert said.status == 0, (command, said.err)
        said = shop.millrace("promote", "shop.py", "r0009-abcdef")
        assert "no release is called" in said.err
        said = shop.millrace("train", "shop.py")
        assert said.status == 1
        assert "millrace.db does not answer (attempt to write a readonly database): check that it is up, can be written" in said.err
        assert "file:" not in said.err


def test_experiment_is_read_on_a_disk_that_is_read_only_and_the_look_said_not_to_be_on_record(disk, monkeypatch, capsys):
    of = stand(disk.folder)
    lived(of, 60)
    asked = Asked(of, monkeypatch, capsys)
    asked.begin()
    with disk.read_only():
        said = asked("status")
    assert said.status == 0, said.err
    assert said.err.startswith("this look is not on record: ")


def test_folder_of_somebody_elses_is_read_whether_a_server_writes_to_it_or_not(stocked):
    if shutil.which("setpriv") is None:
        pytest.skip("it needs setpriv (util-linux), to give up the right to write anywhere")
    assert stocked.millrace("train", "shop.py").status == 0
    home = stocked.folder / ".millrace"
    shut = [home, *home.rglob("*")]
    for one in shut:
        one.chmod(one.stat().st_mode & ~0o222)
    try:
        command = [sys.executable, "-B", "-m", "millrace", "status", "shop.py"]
        tried = subprocess.run([*NO_RIGHT, "test", "-w", str(home)], capture_output=True, check=False)
        if tried.returncode != 1:
            pytest.skip("it needs the right to give up the right to write anywhere")
        loaded = load(str(stocked.folder / "shop.py"))
        for is_served in (False, True):
            with closing(Home(home, loaded) if is_served else Home(home, loaded, read_only=True)):
                done = subprocess.run([*NO_RIGHT, *command], cwd=stocked.folder, capture_output=True, text=True, timeout=120, check=False)
                assert done.returncode == 0, done.stderr
                assert "serves since" in done.stdout
    finally:
        for one in shut:
            if one.exists():  # a write-ahead log goes when its writer does
                one.chmod(one.stat().st_mode | 0o200)


def test_what_is_only_read_is_not_written(disk, monkeypatch, capsys):
    shop = opened(disk.folder, monkeypatch, capsys)
    shop.bring_history()
    loaded = load(str(shop.folder / "shop.py"))
    with disk.read_only(), closing(Home(shop.folder / ".millrace", loaded, read_only=True)) as home:
        with pytest.raises(Unavailable, match="can be written"):
            home.journal.start("shop", "train", "k", 1, {})
        assert home.journal.runs("shop") == []
