"""Writing so that a crash leaves a whole file or folder in its place, or nothing.

Write into a `staging` folder, `flush` it, move it to its place, `flush` the folder it now lies in. What was left behind in staging is
`abandoned`.

Public: `digest`, `flush`, `flush_tree`, `move`, `write`, `staging`, `abandoned`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def flush(path: Path) -> None:
    """Wait until a file's bytes, or a folder's list of names, are on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_tree(folder: Path) -> None:
    """Wait until a folder and all within it are on disk."""
    for path in folder.rglob("*"):
        flush(path)
    flush(folder)


def move(file: Path, to: Path) -> None:
    """Give a finished file its name, in the place of what has it; it is on disk, under that name, when this returns."""
    flush(file)
    file.rename(to)
    flush(to.parent)


def write(path: Path, content: bytes) -> None:
    """Write a file, in the place of what is there; after a crash one of the two is there, whole."""
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_bytes(content)
    move(unfinished, path)


@contextmanager
def staging(root: Path) -> Iterator[Path]:
    """Make an empty folder in `root` to write in, and remove it at the end with whatever was not moved out of it.

    A block that raises leaves it behind as a process that dies does: whoever finds it can tell from it what was under way.
    """
    lock = _lock(root, fcntl.LOCK_SH)
    try:
        folder = Path(tempfile.mkdtemp(dir=root))
        yield folder
        shutil.rmtree(folder)
    finally:
        os.close(lock)


@contextmanager
def abandoned(root: Path) -> Iterator[list[Path]]:
    """Give the staging folders in `root` that were left behind, and remove them at the end.

    Gives none while anybody, in this process or another, is staging there: then it cannot be told whose a folder is.
    """
    try:
        lock = _lock(root, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield []
        return
    try:
        folders = sorted(path for path in root.iterdir() if path.is_dir())
        yield folders
        for folder in folders:
            shutil.rmtree(folder)
    finally:
        os.close(lock)


def _lock(root: Path, kind: int) -> int:
    """Take a lock and return its handle; the system takes it back when that is closed or the process dies, however it dies."""
    root.mkdir(parents=True, exist_ok=True)
    handle = os.open(root / "lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, kind)
    except BaseException:
        os.close(handle)
        raise
    return handle
