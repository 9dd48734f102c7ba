"""What the system says of a process: its memory, its files, its threads, its children."""

import os
import re
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


def memory(process: int) -> int:
    """Return the resident memory of a process that it shares with nobody's file, in bytes."""
    resident, shared = Path(f"/proc/{process}/statm").read_text().split()[1:3]
    return (int(resident) - int(shared)) * _PAGE


def files(process: int) -> tuple[int, int]:
    """Return how many files and sockets a process has open: those of SQLite's databases, and all others."""
    found = [_open_at(f"/proc/{process}/fd/{one}") for one in os.listdir(f"/proc/{process}/fd")]
    databases = sum(_DATABASE.search(one) is not None for one in found)
    return databases, len(found) - databases


_DATABASE = re.compile(r"\.(sqlite|db)(-wal|-shm)?$")


def _open_at(link: str) -> str:
    try:
        return os.readlink(link)
    except FileNotFoundError:  # closed meanwhile
        return ""


def threads(process: int) -> int:
    """Return how many threads a process has."""
    return len(os.listdir(f"/proc/{process}/task"))
