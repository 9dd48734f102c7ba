"""Where a system's unfinished backfills keep what they put aside: written down in its folder before the first byte, so that it is found.

What is put aside holds values of events, so whoever is forgotten has to leave it too, on whatever disk it lies. A spill is a folder. It is
made, then noted here, then filled, and never made again by who fills it: once it is removed, who was filling it cannot write on.

Public: `Spills`.
"""

from __future__ import annotations

import shutil
from hashlib import blake2b
from pathlib import Path

from millrace.errors import Unavailable
from millrace.stores.durable import flush, write

_ATTEMPTS = 100


class Spills:
    """The spills of one system: a small file for each, in `spills/` of its folder, that holds the path.

    Args:
        home: The system's folder.
    """

    def __init__(self, home: Path) -> None:
        self._notes = home / "spills"

    def make(self, folder: Path) -> None:
        """Make an empty spill, and note where it is; on disk when this returns. What lay there is removed."""
        self.remove(folder)
        folder.mkdir(parents=True)
        flush(folder.parent)
        self.note(folder)

    def note(self, folder: Path) -> None:
        """Note where a spill is; on disk when this returns."""
        if not self._notes.is_dir():
            self._notes.mkdir(exist_ok=True)
            flush(self._notes.parent)
        write(self._note(folder), str(folder.absolute()).encode())

    def remove(self, folder: Path) -> None:
        """Remove a spill with all that is in it, and then its note.

        Raises:
            Unavailable: It cannot be removed.
        """
        for _ in range(_ATTEMPTS):  # who fills it may add a file meanwhile
            if not folder.exists():
                break
            shutil.rmtree(folder, ignore_errors=True)
        else:
            raise Unavailable(f"{folder} cannot be removed: see to its rights, or remove it by hand, and do it again")
        if folder.parent.is_dir():
            flush(folder.parent)
        self._note(folder).unlink(missing_ok=True)

    def all(self) -> list[Path]:
        """Return the spills that are noted, whether they can be reached or not: one may lie on a disk that is not there."""
        return sorted(Path(note.read_text()) for note in self._notes.glob("*.txt"))

    def reachable(self) -> list[Path]:
        """Return those whose disk is there."""
        return [folder for folder in self.all() if folder.parent.is_dir()]

    def _note(self, folder: Path) -> Path:
        return self._notes / f"{blake2b(str(folder.absolute()).encode(), digest_size=8).hexdigest()}.txt"
