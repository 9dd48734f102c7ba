"""What a backup is: a folder of files with a `backup.json` that names each by its size and SHA-256, written last.

A backup without that file, or whose file does not fit, is none: whatever interrupted it, half a backup is never taken for a whole one.

Public: `Backup`, `Copied`, `seal`, `read`, `latest`.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import msgspec

from millrace.errors import BadInput, NotFound

MANIFEST = "backup.json"
FORMAT = 1
"""What this file writes. Raise it when a backup of before could not be read as one of after."""


class Copied(msgspec.Struct, frozen=True):
    """One file: its size in bytes, its SHA-256, and when its original was last written, in nanoseconds since 1970 UTC."""

    size: int
    digest: str
    written: int


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """A backup of a system's folder.

    Attributes:
        format: How it is laid out.
        system: Whose it is.
        made: When, microseconds since 1970 UTC.
        position: The last record of the log in it.
        known: When that became known, microseconds since 1970 UTC.
        files: Every file, by its path in the system's folder.
    """

    format: int
    system: str
    made: int
    position: int
    known: int
    files: dict[str, Copied]


class _Sealed(msgspec.Struct, frozen=True):
    digest: str
    backup: Backup


def seal(folder: Path, backup: Backup) -> None:
    """Write what a backup's folder holds, so that it is one."""
    sealed = _Sealed(_digest(backup), backup)
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(sealed), indent=1) + b"\n")


def _digest(backup: Backup) -> str:
    return sha256(msgspec.json.encode(backup, order="deterministic")).hexdigest()


def read(folder: Path) -> Backup:
    """Return what a backup's folder holds, as it was sealed; its files are not looked at.

    Raises:
        NotFound: It is no backup, or was never finished.
        BadInput: What it says of itself is damaged, or of another format.
    """
    try:
        sealed = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=_Sealed)
    except FileNotFoundError:
        raise NotFound(f"{folder} holds no finished backup: name the folder that `millrace backup` wrote to") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{folder / MANIFEST} is damaged ({error}): use another backup") from None
    if sealed.backup.format != FORMAT:
        raise BadInput(f"{folder} is a backup of format {sealed.backup.format}, this Millrace reads {FORMAT}: use the release that made it")
    if sealed.digest != _digest(sealed.backup):
        raise BadInput(f"{folder / MANIFEST} was changed since it was written: use another backup")
    return sealed.backup


def latest(folder: Path) -> Path | None:
    """Return the last finished backup in a folder of backups, None when there is none."""
    return max((path.parent for path in folder.glob(f"*/{MANIFEST}")), default=None, key=lambda path: path.name)
