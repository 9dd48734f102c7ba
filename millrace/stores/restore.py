"""Restoring a system's folder from a backup: every file checked against what it was, the folder there whole or not at all.

Public: `restore`, `Restored`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from millrace.errors import BadInput, Conflict, NotFound, Unavailable
from millrace.log import mark
from millrace.log.keys import keys_file
from millrace.stores.backed import MANIFEST, Backup, latest, read
from millrace.stores.backup import LOG, copied
from millrace.stores.durable import flush, flush_tree
from millrace.stores.tombstones import FILE as TOMBSTONES

Progress = Callable[[str, int, int], object]
"""Told which file is copied, how many bytes of the backup are, and how many there are."""


@dataclass(frozen=True)
class Restored:
    """What was restored.

    Attributes:
        source: The backup's folder.
        backup: What it says of itself.
        forgotten: How many were forgotten after it was made, as far as later backups beside it know: they are in the log again.
        needs_key: Whether private fields cannot be opened until the master key is put back, which no backup holds.
    """

    source: Path
    backup: Backup
    forgotten: int
    needs_key: bool


def restore(source: Path, home: Path, progress: Progress = lambda _name, _done, _all: None) -> Restored:
    """Make a system's folder from a backup.

    Args:
        source: A backup, or a folder of backups, whose last is taken.
        home: The folder to make; one that holds anything is left alone.
        progress: Told how far it is.

    Raises:
        NotFound: There is no finished backup, or it lacks a file.
        Conflict: The folder is not empty.
        BadInput: A file is not what it was when the backup was made.
        Unavailable: The disk is full or fails; nothing is restored.
    """
    chosen = source if (source / MANIFEST).exists() else latest(source)
    if chosen is None:
        raise NotFound(f"{source} holds no finished backup: name the folder that `millrace backup` wrote to")
    backup = read(chosen)
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise Conflict(f"{home} is not empty, and a backup replaces nothing: move it away, or restore into another folder with --home")
    try:
        _restored(chosen, backup, home, progress)
    except OSError as error:
        raise Unavailable(f"{home} cannot be restored ({error}): make room, or mend the disk; nothing was restored") from error
    return Restored(chosen, backup, _forgotten_since(chosen), keys_file(home / LOG).exists())


def _restored(chosen: Path, backup: Backup, home: Path, progress: Progress) -> None:
    home.parent.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=f".{home.name}.restoring-", dir=home.parent))
    try:
        made = stage / "home"
        made.mkdir()
        _copy(chosen, backup, made, progress)
        keys = chosen.parent / keys_file(made / LOG).name
        if keys.exists():
            copied(keys, keys_file(made / LOG))
        mark.put(made / LOG, backup.position)
        flush_tree(made)
        os.rename(made, home)  # onto an empty folder or none: anything else is refused by the system
        flush(home.parent)
    finally:
        shutil.rmtree(stage)


def _copy(chosen: Path, backup: Backup, made: Path, progress: Progress) -> None:
    total, done = sum(one.size for one in backup.files.values()), 0
    for name, one in backup.files.items():
        source, to = chosen / name, made / name
        if not to.resolve().is_relative_to(made.resolve()):
            raise BadInput(f"{chosen / MANIFEST} names {name!r}, outside of the folder: use another backup")
        if not source.exists():
            raise NotFound(f"{source} is missing from the backup: use another one")
        to.parent.mkdir(parents=True, exist_ok=True)
        progress(name, done, total)
        if copied(source, to) != one.digest:
            raise BadInput(f"{source} was changed since the backup was made: use another one")
        done += one.size
    progress("", done, total)


def _forgotten_since(chosen: Path) -> int:
    last = latest(chosen.parent)
    return 0 if last is None else max(0, _tombstones(last) - _tombstones(chosen))


def _tombstones(folder: Path) -> int:
    path = folder / TOMBSTONES
    return len(path.read_bytes().splitlines()) if path.exists() else 0
