"""`millrace experiment natural`: what a change did that nobody drew by lot, from a file of somebody's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from millrace.cli.as_json import in_json
from millrace.cli.natural_found import Natural, changed
from millrace.cli.panel_file import read_panel
from millrace.cli.printing import console, number, table


def natural(file: Path, columns: dict[str, str], since: str, treated: Sequence[str], method: str, page: Path | None, *, json: bool) -> None:
    """Print what came of a change, and perhaps write it on a page.

    Args:
        file: A row per unit and period.
        columns: The names of its columns: `outcome`, `period`, `unit` and `cluster`, the last two "" where there is none.
        since: The first period after the change.
        treated: The units that it came to.
        method: One of `natural_found.METHODS`; "" takes the one that fits what is given.
        page: Where a page with a plot is written, if one is.
        json: Print one JSON object instead.

    Raises:
        BadInput: The file cannot be used so.
        Refused: The method cannot answer by these rows; it says why.
    """
    given = read_panel(file, since=since, **columns)
    found = changed(given, treated, method)
    first, last = given.periods[0], given.periods[-1]
    about = f"{len(given.periods)} periods from {first} to {last}, changed from {given.periods[given.since]} on"
    if json:
        print(in_json({"periods": given.periods.tolist(), "since": given.since, **found._asdict()}))
    else:
        _print(columns["outcome"], about, found)
    if page is not None:
        from millrace.cli.natural_page import natural_page

        page.write_text(natural_page(columns["outcome"], about, given, found), encoding="utf-8")
        console(to_errors=json).print(f"written to {page}")


def _print(outcome: str, about: str, found: Natural) -> None:
    out = console()
    rows = table(f"{outcome}, {about}: {found.method}", "what", "figure", "95 % interval", "p", numbers=("figure", "p"))
    for what, one in found.effects.items():
        rows.add_row(what, number(one.value), f"{number(one.low)} to {number(one.high)}", f"{one.p_value:.3g}")
    if found.value is not None:
        rows.add_row("mean effect per period", number(found.value), "–", f"{found.p_value:.3g}")
    out.print(rows)
    out.print(f"It rests on this, which these rows cannot show: {found.rests_on}.")
    for one in found.told:
        out.print(f"{one[:1].upper()}{one[1:]}.")
