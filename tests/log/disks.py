"""A disk of a few megabytes that can be filled to the last byte, emptied again, and made read-only: a file system in memory."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class Disk:
    """A small file system, mounted.

    Attributes:
        folder: Where.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    @contextmanager
    def full(self, room: int = 0) -> Iterator[None]:
        """Leave no room, or about so many bytes, while the block runs."""
        with self._filler.open("wb", buffering=0) as file:
            for chunk in (b"\0" * 4096, b"\0"):
                try:
                    while True:
                        file.write(chunk)
                except OSError:
                    continue
            file.truncate(max(0, file.tell() - room))
        try:
            yield
        finally:
            self._filler.unlink()

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Refuse every write while the block runs."""
        _run("mount", "-o", "remount,ro", str(self.folder))
        try:
            yield
        finally:
            _run("mount", "-o", "remount,rw", str(self.folder))


@contextmanager
def small_disk(folder: Path, megabytes: int = 4) -> Iterator[Disk]:
    """Mount a small file system on a new folder; the test is skipped where that is not allowed."""
    folder.mkdir()
    try:
        _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "millrace-test", str(folder))
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a small disk needs the right to mount one (tmpfs)")
    try:
        yield Disk(folder)
    finally:
        _run("umount", "--lazy", str(folder))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
