"""What a demonstration shows while it runs, and what it leaves behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import msgspec


class Figured(Protocol):
    """The figures of a demonstration: JSON for programs, lines for people."""

    def rows(self) -> list[tuple[str, str]]:
        """Return them as lines for people."""
        ...


def bar_of_days() -> Any:
    """Return a progress bar over simulated days."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    texts = ("day {task.fields[day]:>4.1f}", "{task.fields[decisions]:,} decisions, {task.fields[doing]}")
    return Progress(TextColumn(texts[0]), BarColumn(), TextColumn(texts[1]), TimeElapsedColumn(), console=Console(highlight=False))


def leave(out: Path, page: str, found: Figured) -> None:
    """Write `index.html` and `summary.json` into a folder, print the figures as a table and, last, as a line of JSON."""
    from rich.console import Console
    from rich.table import Table

    (out / "index.html").write_text(page, encoding="utf-8")
    (out / "summary.json").write_bytes(msgspec.json.encode(found))
    table = Table(show_header=False, box=None, padding=(0, 2))
    for name, value in found.rows():
        table.add_row(name, value)
    console = Console(highlight=False)
    console.print()
    console.print(table)
    console.print(f"\nThe page: {out / 'index.html'}\n")
    print(msgspec.json.encode(found).decode())
