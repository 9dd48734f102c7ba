"""Snapshots: arrays and what is to be known of them, kept so that a crash costs at most the one being written.

A snapshot spares replaying the log from its start; it is never needed for the truth. So a damaged one is passed over with a warning, and
the one before it, or the log, stands in. Each is one NumPy archive named for its number and the SHA-256 of its bytes.

Public: `Snapshot`, `Snapshots` (`save`, `load`, `clear`).

    snapshots = Snapshots(folder)
    snapshots.save({"viewer": ids, "plays": counts}, {"position": 120_000})
    snapshot, warnings = snapshots.load()
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import msgspec
import numpy as np

from millrace.errors import BadInput
from millrace.stores.durable import abandoned, digest, flush, staging
from millrace.stores.plain import checked
from millrace.types import Array, objects

KEPT = 2
"""How many snapshots stay: the last, and one in case the last is damaged."""

FORMAT = 1
"""What this file writes. Raise it when a snapshot of before could not be read as one of after."""

_NAME = re.compile(r"(\d{8,})-([0-9a-f]{64})\.npz")


@dataclass(frozen=True)
class Snapshot:
    """What was saved.

    Attributes:
        arrays: The arrays by name.
        meta: What is to be known of them: the log position they stand for, and the like.
    """

    arrays: dict[str, Array]
    meta: dict[str, Any]


class Snapshots:
    """The snapshots of one thing, in a folder of their own that several processes may use."""

    def __init__(self, folder: Path) -> None:
        self._folder = Path(folder)
        self._staging = self._folder / "staging"

    def save(self, arrays: Mapping[str, Array], meta: Mapping[str, Any]) -> Path:
        """Write a snapshot, on disk when this returns, and remove those before the last two.

        Args:
            arrays: Arrays by name: numbers, booleans, instants or NumPy text of any shape, and object arrays of str and None of one
                dimension.
            meta: What is to be known of them, as JSON.

        Raises:
            BadInput: An array holds other objects, or `meta` is not JSON.
        """
        members = _packed(arrays, meta)
        with abandoned(self._staging):
            pass
        with staging(self._staging) as stage:
            written = stage / "snapshot.npz"
            np.savez(written, allow_pickle=False, **members)
            flush(written)
            number = max((number for number, _ in self._files()), default=0) + 1
            place = self._folder / f"{number:08d}-{digest(written)}.npz"
            written.rename(place)
        flush(self._folder)
        for _, old in self._files()[:-KEPT]:
            old.unlink(missing_ok=True)
        return place

    def load(self) -> tuple[Snapshot | None, tuple[str, ...]]:
        """Return the last snapshot that is whole, or None; and a warning for each that is not and was passed over."""
        files, warnings = self._files(), []
        for _, path in reversed(files):
            try:
                return _read(path), tuple(warnings)
            except (BadInput, OSError) as error:
                if not path.exists() and self._files() != files:  # another process has saved since, and removed it
                    return self.load()
                warnings.append(f"{error}: the snapshot before it stands in, or the log itself")
        return None, tuple(warnings)

    def clear(self) -> None:
        """Remove every snapshot: the log stands in."""
        with abandoned(self._staging):
            pass
        for _, path in self._files():
            path.unlink(missing_ok=True)
        flush(self._folder)

    def _files(self) -> list[tuple[int, Path]]:
        """Return the snapshots there are, with their numbers, oldest first."""
        named = ((_NAME.fullmatch(path.name), path) for path in self._folder.glob("*.npz"))
        return sorted((int(match[1]), path) for match, path in named if match)


class _Header(msgspec.Struct, frozen=True):
    """What stands before the arrays: their names in order, and which are text kept as JSON."""

    format: int
    names: list[str]
    text: list[bool]
    meta: dict[str, Any]


def _packed(arrays: Mapping[str, Array], meta: Mapping[str, Any]) -> dict[str, Array]:
    """Return the members of the archive: the header, then the arrays by their number, for a name may be any text."""
    text = [array.dtype.kind == "O" for array in arrays.values()]
    header = checked(_Header(FORMAT, list(arrays), text, dict(meta)))
    members = {"header": _bytes(msgspec.json.encode(header))}
    for i, (name, array) in enumerate(arrays.items()):
        if array.dtype.hasobject and (array.ndim != 1 or not all(value is None or isinstance(value, str) for value in array)):
            raise BadInput(f"the array {name!r} holds objects that cannot be kept without executing them: keep numbers, text or None")
        members[str(i)] = _bytes(msgspec.json.encode(array.tolist())) if text[i] else array
    return members


def _read(path: Path) -> Snapshot:
    """Read a snapshot. Raises BadInput when its bytes are not those that were written, or were written in another format."""
    with path.open("rb") as file:
        if not path.stem.endswith(hashlib.file_digest(file, "sha256").hexdigest()):
            raise BadInput(f"the snapshot {path} is damaged")
        file.seek(0)
        try:
            return _unpacked(file)
        except (ValueError, KeyError, EOFError, BadZipFile, msgspec.MsgspecError) as error:
            raise BadInput(f"the snapshot {path} has another format than this Millrace reads ({error})") from error


def _unpacked(file: io.BufferedReader) -> Snapshot:
    with np.load(file, allow_pickle=False) as members:
        header = msgspec.json.decode(members["header"].tobytes(), type=_Header)
        if header.format != FORMAT:
            raise ValueError(f"format {header.format}, not {FORMAT}")
        arrays = {name: members[str(i)] for i, name in enumerate(header.names)}
    for name, text in zip(header.names, header.text, strict=True):
        if text:
            arrays[name] = objects(msgspec.json.decode(arrays[name].tobytes(), type=list[str | None]))
    return Snapshot(arrays, header.meta)


def _bytes(content: bytes) -> Array:
    return np.frombuffer(content, dtype=np.uint8)
