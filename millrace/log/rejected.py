"""Rows that an import could not take: set aside in a file that says why, for each."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import IO, Any

import msgspec

from millrace.types import moment

FOLDER = "rejected"


def forget(folder: Path, id_: str) -> None:
    """Write the files of rows set aside anew, without those in which a value is an id, or whose text holds it.

    Args:
        folder: The log's folder.
        id_: The id of who is forgotten.
    """
    for path in sorted((folder / FOLDER).glob("*.jsonl*")):
        if path.suffix != ".jsonl":
            path.unlink(missing_ok=True)  # left by a crash at this, perhaps used just now
            continue
        lines = path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if not _mentions(_values(line), id_)]
        if len(kept) < len(lines):
            unfinished = path.with_suffix(".jsonl-unfinished")
            with unfinished.open("wb") as file:
                file.writelines(kept)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(path)


def _values(line: bytes) -> Any:
    """Return the values of a line; of one that a crash cut off, its text."""
    try:
        return msgspec.json.decode(line)["values"]
    except (msgspec.DecodeError, TypeError, KeyError):
        return line.decode("utf-8", "backslashreplace")


def _mentions(values: Any, id_: str) -> bool:
    if isinstance(values, str):  # a row that could not be taken apart
        return id_ in values
    inner = values.values() if isinstance(values, dict) else values if isinstance(values, list) else ()
    return any(value == id_ or (isinstance(value, dict | list) and _mentions(value, id_)) for value in inner)


class Rejected:
    """A file of JSON Lines: `row` (its number in the file it came from), `reason`, and `values`, the row itself.

    The file appears with the first row. It is called for its stream and the instant of the import, and never replaces another.

    Args:
        folder: The log's folder.
        stream: The stream the rows were meant for.
        now: The instant of the import, in microseconds since 1970 UTC, if it is known.

    Attributes:
        path: The file; None while there is none.
        reasons: How many rows were set aside, by reason.
        first: By reason, the number of the first row, and what was told of it.
    """

    def __init__(self, folder: Path, stream: str, now: int | None) -> None:
        self._folder = folder / FOLDER
        self._name = stream if now is None else f"{stream}-{moment(now):%Y%m%dT%H%M%SZ}"
        self._file: IO[bytes] | None = None
        self.path: Path | None = None
        self.reasons: Counter[str] = Counter()
        self.first: dict[str, tuple[int, str]] = {}

    def add(self, row: int, reason: str, values: Any, told: str = "") -> None:
        """Set a row aside. Rows of a reason are counted together; what is told of this one may say more, as which value is wrong."""
        told = told or reason
        self.reasons[reason] += 1
        self.first.setdefault(reason, (row, told))
        file = self._file or self._made()
        file.write(msgspec.json.encode({"row": row, "reason": told, "values": values}, enc_hook=repr) + b"\n")

    def _made(self) -> IO[bytes]:
        self._folder.mkdir(parents=True, exist_ok=True)
        number = 1
        while self._file is None:
            self.path = self._folder / f"{self._name}{f'-{number}' if number > 1 else ''}.jsonl"
            try:
                self._file = self.path.open("xb")
            except FileExistsError:
                number += 1
        return self._file

    def sync(self) -> None:
        """Bring what was set aside to the disk."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Bring all to the disk and close the file."""
        self.sync()
        if self._file is not None:
            self._file.close()
