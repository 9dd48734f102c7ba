"""What was committed comes into the database while the log stays open, and a checkpoint that cannot be made loses nothing."""

import shutil
import sqlite3
import time

from millrace.log.log import Log
from millrace.log.writer import Writer
from tests.log.test_writer import Clock
from tests.log.world import STREAMS, watch

PATIENCE_S = 30


def brought(log: Log, copy) -> int:
    """Return how many records the database holds without its write-ahead log."""
    shutil.copy(log.store.path, copy)
    db = sqlite3.connect(copy)
    try:
        return db.execute("SELECT count(*) FROM inbox").fetchone()[0]
    except sqlite3.DatabaseError:  # copied while a checkpoint was half done
        return -1
    finally:
        db.close()


def test_commits_come_into_the_database_while_the_writer_is_open(tmp_path):
    with Log.open(tmp_path / "log", STREAMS) as log, Writer(log, Clock()) as writer:
        for n in range(50):
            writer.submit([watch(f"w{n}")]).result()
        until = time.monotonic() + PATIENCE_S
        while brought(log, tmp_path / "copy.sqlite") < 50 and time.monotonic() < until:
            time.sleep(0.05)
        assert brought(log, tmp_path / "copy.sqlite") == 50


def test_reader_that_holds_an_old_view_delays_checkpoints_and_nothing_else(tmp_path):
    with Log.open(tmp_path / "log", STREAMS) as log, Writer(log, Clock()) as writer:
        writer.submit([watch("first")]).result()
        with log.store.view() as db:
            assert db.execute("SELECT count(*) FROM inbox").fetchone()[0] == 1
            for n in range(20):
                writer.submit([watch(f"w{n}")]).result()
            assert db.execute("SELECT count(*) FROM inbox").fetchone()[0] == 1
        assert log.counts()["Watch"] == 21
