"""How the command line prints: one console, quiet tables, instants and numbers as people read them."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

from millrace.types import EVER, instant, moment

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

_WIDE = 120
"""How wide lines are where no terminal says."""


def console(*, to_errors: bool = False) -> Console:
    """Return the console for results, or the one for progress and warnings, which leaves a piped result clean.

    What is printed is data, so brackets mean brackets: no markup, no highlighting.
    """
    from rich.console import Console

    stream = sys.stderr if to_errors else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else _WIDE
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False)


def table(title: str, *columns: str, numbers: tuple[str, ...] = ()) -> Table:
    """Return an empty table; the columns in `numbers` are aligned to the right."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    # A title wider than its columns would be broken into lines: it widens them instead.
    made = Table(title=Text(title, "bold"), title_justify="left", box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
    made.min_width = len(title)
    for column in columns:
        made.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return made


def progress() -> Progress:
    """Return a progress display on the error stream, if that is a terminal; it leaves no trace when it is done."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"), TimeElapsedColumn())
    shown = console(to_errors=True)
    return Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal)


def when(at: int | None) -> str:
    """Return an instant in UTC to the second; "never" where there is none.

    >>> when(0)
    '1970-01-01 00:00:00 UTC'
    """
    return "never" if at is None or at <= EVER else f"{moment(at):%Y-%m-%d %H:%M:%S} UTC"


def precisely(at: int) -> str:
    """Return an instant in UTC as precisely as it is known: to the second, or to the microsecond where there is a part of one.

    >>> precisely(0), precisely(6)
    ('1970-01-01 00:00:00 UTC', '1970-01-01 00:00:00.000006 UTC')
    """
    return f"{moment(at).replace(tzinfo=None).isoformat(sep=' ')} UTC"


def typed_instant(said: str) -> int:
    """Return the instant that somebody typed, in ISO 8601 with its time zone or as it is printed here; microseconds since 1970 UTC.

    Raises:
        ValueError: It is none.
        BadInput: It has no time zone.

    >>> typed_instant("1970-01-01 00:00:00 UTC"), typed_instant("1970-01-01T00:00:01Z")
    (0, 1000000)
    """
    return instant(datetime.fromisoformat(f"{said.removesuffix(' UTC')}+00:00" if said.endswith(" UTC") else said))


def number(value: Any) -> str:
    """Return a number in few digits, a missing one as a dash, anything else as it is.

    >>> number(1234567), number(0.123456), number(float("nan")), number("nl")
    ('1,234,567', '0.1235', '–', 'nl')
    """
    if value is None or value != value:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{int(value):,}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.4g}"
