"""Whether a log takes records: said once when it stops and once when it does again, and tried by whoever asks in between."""

from __future__ import annotations

import logging
import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from millrace.errors import Unavailable

log = logging.getLogger("millrace.log")

_ROOM = 256 * 1024
"""How much must fit beside a log that could not be written before it is said to take records again, in bytes."""


class Ailing:
    """What keeps a log from being written, by what became of its latest commits.

    Where nobody is sent because it fails, no commit would ever show that it is well again: so `why` tries, as long as it fails.

    Args:
        path: The log's database.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._why = ""

    def failed(self, error: Exception) -> None:
        """Hear that a commit failed, for whatever reason."""
        if not isinstance(error, Unavailable | OSError | sqlite3.Error):
            return
        if not self._why:
            log.error("nothing can be logged, so nothing is decided or taken in: %s; it goes on by itself once that is mended", error)
        self._why = str(error)

    def worked(self) -> None:
        """Hear that a commit did not fail."""
        if self._why:
            log.warning("the log takes records again")
            self._why = ""

    def why(self) -> str:
        """Return what keeps the log from being written; "" when nothing does, or when nothing would any more."""
        if self._why:
            try:
                _tried(self._path)
            except (OSError, sqlite3.Error):
                return self._why
            self.worked()
        return ""


def _tried(path: Path) -> None:
    """Write some room's worth beside a database, and take its lock for a moment.

    Raises:
        OSError: There is no room, or it cannot be written.
        sqlite3.Error: Somebody else holds it.
    """
    with tempfile.TemporaryFile(dir=path.parent) as file:
        file.write(b"\0" * _ROOM)
        file.flush()
        os.fsync(file.fileno())
    with closing(sqlite3.connect(path, timeout=0.5, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("ROLLBACK")
