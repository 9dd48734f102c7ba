"""Checkpoints: what was committed is brought from the write-ahead log into the database by a thread of its own.

SQLite does it within a commit, once the write-ahead log is long: that commit takes as long as a hundred others, and all wait for it.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

from millrace.log import inbox

PAUSE_S = 0.5
"""How long commits gather before they are brought over, in seconds: a page that several of them changed is then written once."""
_PASSES = 5
"""How often it follows what is committed meanwhile: only when nothing is left does the write-ahead log begin anew."""


class Checkpoints:
    """Follows the commits to a log's database until it is closed; who commits and who reads never waits for it.

    What cannot be brought over (the disk is full) stays in the write-ahead log, where it is as safe; the next commit says what is wrong.
    Where this falls behind, SQLite does it within a commit after all.

    Args:
        path: The database.
    """

    def __init__(self, path: Path) -> None:
        self._db = inbox.connect(path, write=True)
        self._committed, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="millrace-log-checkpoints", daemon=True)
        self._thread.start()

    def committed(self) -> None:
        """Hear that something was committed."""
        if not self._committed.is_set():  # else what is to come brings this over too: the event is cleared before
            self._committed.set()

    def _run(self) -> None:
        while self._committed.wait() and not self._ended.wait(PAUSE_S):
            self._committed.clear()
            with suppress(sqlite3.Error):
                for _ in range(_PASSES):
                    _, written, brought = self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                    if brought == written:
                        break

    def close(self) -> None:
        """End it; what is left is brought over by whoever closes the database last."""
        self._ended.set()
        self._committed.set()
        self._thread.join()
        self._db.close()
