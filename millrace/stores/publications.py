"""Where online views of a folder's log were published: written down before the first byte, so that whoever is forgotten leaves there too.

A note holds no secret: the user, password and options of a URL are not in it.

Public: `Publication`, `Publications`.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from millrace.errors import MillraceError
from millrace.stores.durable import write


class Publication(msgspec.Struct, frozen=True):
    """A view that may lie somewhere else.

    Attributes:
        system: The name of the system whose view it is.
        place: Where: a URL without secrets.
        is_owed: Whether it is to be deleted, because it holds what was forgotten.
    """

    system: str
    place: str
    is_owed: bool = False


class Publications:
    """The publications of a folder, in `published.json`.

    Args:
        home: The folder.
    """

    def __init__(self, home: Path) -> None:
        self._file = home / "published.json"

    def all(self) -> list[Publication]:
        """Return every place where something may lie.

        Raises:
            MillraceError: The file is damaged.
        """
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=list[Publication])
        except FileNotFoundError:
            return []
        except msgspec.DecodeError as error:
            raise MillraceError(
                f"{self._file} is damaged ({error}): delete it, and forget again with --online where it was served"
            ) from None

    def owed(self) -> list[Publication]:
        """Return those to be deleted."""
        return [one for one in self.all() if one.is_owed]

    def note(self, system: str, place: str) -> None:
        """Note that a system publishes at a place from now on; on disk when this returns."""
        if not any((one.system, one.place) == (system, place) for one in self.all()):
            self._write([*self.all(), Publication(system, place)])

    def owe(self) -> None:
        """Note that all are to be deleted; on disk when this returns."""
        if found := self.all():
            self._write([msgspec.structs.replace(one, is_owed=True) for one in found])

    def deleted(self, one: Publication) -> None:
        """Note that one is deleted."""
        self._write([other for other in self.all() if other != one])

    def _write(self, all_: list[Publication]) -> None:
        write(self._file, msgspec.json.encode(all_))
