"""The folders of versions on disk: written aside, sealed, moved into place, and cleared away when publishing failed.

Public: `Artefacts` (`staged`, `install`, `place`, `sweep`).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from millrace.stores.durable import abandoned, flush, staging


class Intent(msgspec.Struct, frozen=True):
    """Which folder a publisher is about to make. Found in what it left behind, it says what else to clear away."""

    model: str
    version: str


class Artefacts:
    """The folders `versions/<model>/<version>/` under a root, all on one file system."""

    def __init__(self, root: Path) -> None:
        self._versions = Path(root) / "versions"
        self._staging = Path(root) / "staging"

    def place(self, model: str, version: str) -> Path:
        """Return where a version's files lie, or would."""
        return self._versions / model / version

    @contextmanager
    def staged(self) -> Iterator[Path]:
        """Make an empty folder for files that may become a version; what is not installed is removed at the end, or by a later sweep."""
        with staging(self._staging) as stage:
            files = stage / "files"
            files.mkdir()
            yield files

    def install(self, files: Path, model: str, version: str) -> None:
        """Move staged files, flushed to disk already, into a version's place; whatever lay there is removed."""
        place = self.place(model, version)
        intent = files.parent / "intent.json"
        intent.write_bytes(msgspec.json.encode(Intent(model, version)))
        flush(intent)
        flush(intent.parent)
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            place.rename(files.parent / "replaced")
        files.rename(place)
        flush(place.parent)
        flush(self._versions)

    def sweep(self, is_registered: Callable[[str], bool]) -> list[str]:
        """Remove what publishers that died or failed have left, unless somebody is publishing now; first finish what was half installed.

        Where one died between taking a registered version's old files away and putting the new ones there, the new ones are put there.

        Folders of unregistered versions are removed only where their publisher noted that it was about to make them: others may belong
        to a database that is being restored, and stay.

        Returns:
            The unregistered versions whose folders were removed.
        """
        removed = []
        with abandoned(self._staging) as stages:
            for stage in stages:
                intent = _intent(stage)
                if intent is None:
                    continue
                place, files = self.place(intent.model, intent.version), stage / "files"
                if not place.exists() and files.exists() and is_registered(intent.version):
                    files.rename(place)  # they were on disk before the intent was
                    flush(place.parent)
                elif place.exists() and not is_registered(intent.version):
                    shutil.rmtree(place)
                    removed.append(intent.version)
        return removed


def _intent(stage: Path) -> Intent | None:
    """Return what a publisher noted, or None when it died before it had."""
    try:
        return msgspec.json.decode((stage / "intent.json").read_bytes(), type=Intent)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
