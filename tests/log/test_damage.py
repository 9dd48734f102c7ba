"""A damaged log says which file is damaged, and never reads as if nothing were missing."""

import sqlite3

import pytest

from millrace.errors import MillraceError
from millrace.log.log import Log
from tests.log.world import NOON, STREAMS, Watch, ids, watch, watches


@pytest.fixture
def part(tmp_path):
    """The one file of the lake of a closed log."""
    with Log.open(tmp_path, STREAMS) as log:
        log.append(watches(50), NOON + 60_000_000)
        log.compact()
    (path,) = tmp_path.glob("lake/Watch/*.parquet")
    return path


def cut(path, share):
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


def flip(path, share):
    """Turn over some bytes on end: one alone may be of a page's statistics, which nobody reads."""
    content = bytearray(path.read_bytes())
    start = int(len(content) * share)
    content[start : start + 32] = bytes(byte ^ 0xFF for byte in content[start : start + 32])
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, flip])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_damaged_file_of_the_lake_is_named(tmp_path, part, damage, share):
    with Log.open(tmp_path, STREAMS) as log:
        damage(part, share)
        with pytest.raises(MillraceError, match=part.name):
            log.read(Watch)


def test_lost_file_of_the_lake_is_named(tmp_path, part):
    part.unlink()
    with Log.open(tmp_path, STREAMS) as log:
        for look in (lambda: log.read(Watch), lambda: log.find(Watch, "w7"), lambda: list(log.replay())):
            with pytest.raises(MillraceError, match=f"{part.name} is lost: restore this file from a backup"):
                look()


def crashed(folder):
    """Return the files of a log whose process was killed: copies, so that nobody folds its write-ahead log away."""
    copy = folder / "copy"
    with Log.open(folder / "log", STREAMS) as log:
        log.append([watch("a")], NOON)
        log.append([watch("b")], NOON + 1)
        log.append([watch("c")], NOON + 2)
        copy.mkdir()
        for path in (folder / "log").iterdir():
            if path.is_file():
                (copy / path.name).write_bytes(path.read_bytes())
    return copy


def test_log_of_a_killed_process_opens_whole(tmp_path):
    with Log.open(crashed(tmp_path), STREAMS) as log:
        assert ids(log.read(Watch)) == ["a", "b", "c"]


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
def test_write_ahead_log_that_was_cut_off_is_named(tmp_path, share, read_only):
    folder = crashed(tmp_path)
    cut(folder / "inbox.sqlite-wal", share)
    with pytest.raises(
        MillraceError,
        match=r"inbox\.sqlite-wal or .* was cut off: (record 3 was acknowledged, the last one there is [012]|there is nothing)",
    ):
        Log.open(folder, STREAMS, read_only)
    (folder / "acknowledged").unlink()
    Log.open(folder, STREAMS).close()


def test_write_ahead_log_that_is_gone_is_named(tmp_path):
    folder = crashed(tmp_path)
    (folder / "inbox.sqlite-wal").unlink()
    with pytest.raises(MillraceError, match="was cut off"):
        Log.open(folder, STREAMS)


def test_mark_that_cannot_be_read_stops_nothing(tmp_path):
    folder = crashed(tmp_path)
    (folder / "acknowledged").write_text("half a numb")
    with Log.open(folder, STREAMS) as log:
        assert log.position == 3


@pytest.mark.parametrize(
    "content", [b"no database at all, only some text that is long enough to be looked at", b"SQLite format 3\0" + b"\xff" * 5000]
)
def test_inbox_that_is_no_database_is_named(tmp_path, content):
    (tmp_path / "inbox.sqlite").write_bytes(content)
    with pytest.raises(MillraceError, match=r"inbox\.sqlite is damaged .*restore it from a backup"):
        Log.open(tmp_path, STREAMS)
    with pytest.raises(MillraceError, match=r"inbox\.sqlite is damaged"):  # and the lock is free again
        Log.open(tmp_path, STREAMS)


def test_inbox_of_a_later_version_is_refused(tmp_path):
    Log.open(tmp_path, STREAMS).close()
    db = sqlite3.connect(tmp_path / "inbox.sqlite")
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(MillraceError, match="has format 99, this library reads up to 1: upgrade it"):
        Log.open(tmp_path, STREAMS)
