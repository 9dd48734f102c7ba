"""A system and its folder, opened: to look beside a running server, or as the one process that writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from millrace.errors import Conflict, NotFound
from millrace.loaded import Loaded
from millrace.loading import load
from millrace.log.mark import WriterLock
from millrace.operate.history import LogHistory
from millrace.operate.published import Published
from millrace.serve.home import Home
from millrace.serve.release import Versions
from millrace.stores.standing import Standing


@dataclass(frozen=True)
class Desk:
    """A system's folder, open to look at, and to train and release from; decisions are made elsewhere.

    Attributes:
        loaded: The system.
        home: Its folder; the log is only read.
        versions: Loads its versions.
        history: The log as training reads it.
    """

    loaded: Loaded
    home: Home
    versions: Versions
    history: LogHistory

    @property
    def standing(self) -> Standing:
        """What serves now."""
        return self.home.releases.standing(self.loaded.name)


@contextmanager
def reading(system: str, folder: Path) -> Iterator[Desk]:
    """Open a system's folder; its log is only read, so a server may be running.

    Raises:
        DeclarationError: The module is wrong.
        NotFound: Nothing was ever logged there.
    """
    loaded = load(system)
    if not (folder / "log").is_dir():
        raise NotFound(f"there is nothing in {folder} yet: import history or serve {loaded.name} first, or name its folder with --home")
    home = Home(folder, loaded, read_only=True)
    try:
        versions = Versions(loaded, home.registry)
        yield Desk(loaded, home, versions, LogHistory(home.log, loaded, published=Published(loaded, home.releases, versions)))
    finally:
        home.close()


@contextmanager
def writing(loaded: Loaded, folder: Path) -> Iterator[Home]:
    """Open a system's folder as the one process that writes to its log.

    Raises:
        Conflict: Another process does.
    """
    refuse_busy(folder)
    home = Home(folder, loaded)
    try:
        yield home
    finally:
        home.close()


def refuse_busy(folder: Path) -> None:
    """Refuse a folder whose log another process writes to.

    Raises:
        Conflict: One does.
    """
    if not (folder / "log").is_dir():
        return
    try:
        WriterLock(folder / "log").close()
    except Conflict:
        raise Conflict(f"another process, such as millrace serve, writes to {folder}: stop it first, or choose another --home") from None
