"""One writer per log, and a mark of what it has acknowledged."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from millrace.errors import Conflict

_FILE = "acknowledged"


class WriterLock:
    """The right to write to a log, held by one process until it ends or closes it; however it ends, the right is free again.

    Raises:
        Conflict: Another process (or another `Log` of this one) holds it.
    """

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / "writer.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise Conflict(
                f"{folder} is being written to by another process: close it there, or open it here with read_only=True"
            ) from None

    def close(self) -> None:
        """Give the right back."""
        os.close(self._file)


def put(folder: Path, position: int) -> None:
    """Make the mark of a log that is being made of copies: its last record is acknowledged."""
    (folder / _FILE).write_bytes(_written(position))


def _written(position: int) -> bytes:
    return b"%020d\n" % position


class Mark:
    """The last position acknowledged, in a small file of its own.

    A write-ahead log that was cut off opens without a complaint, with its last records gone. The mark is written after every commit and
    not synchronised: after a crash of the machine it may be behind the records, but it is never ahead of them unless some were lost.
    """

    def __init__(self, folder: Path, write: bool) -> None:
        self._path = folder / _FILE
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644) if write else None

    def read(self) -> int:
        """Return the last position acknowledged; 0 when none was, or when the file is not readable as a number."""
        try:
            return int(self._path.read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def write(self, position: int) -> None:
        """Put down the last position acknowledged, if the disk takes it: the records are there, and a mark that is behind harms nothing."""
        if self._file is not None:
            with suppress(OSError):
                os.pwrite(self._file, _written(position), 0)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
