"""`millrace import`: history brought into the log, and a report of what became of each row."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from millrace.cli.opening import writing
from millrace.cli.printing import console, number, progress, table
from millrace.errors import BadInput, NotFound
from millrace.loaded import Loaded
from millrace.loading import load
from millrace.log.faults import NAIVE
from millrace.log.importing import ImportReport, import_decisions, import_file
from millrace.log.slates import import_slates
from millrace.serve.clock import wall


def bring(
    system: str,
    stream: str,
    file: Path,
    fields: Mapping[str, str],
    constants: Mapping[str, Any],
    timezone: str | None,
    known: str,
    decided: str | None,
    shown: str | None,
    folder: Path,
) -> None:
    """Import a file and print what became of its rows.

    Args:
        system: The module.
        stream: The class the rows are of.
        file: The file.
        fields: Its columns by field, where the names differ.
        constants: Values by field, the same for all rows.
        timezone: What zone times are in that do not say theirs.
        known: When the rows became known: "at", "now" or a column.
        decided: The column that says what was decided on each request; None for rows that are no decisions.
        shown: The column that says what was shown, where each row is one of several candidates; None where none is.
        folder: The system's home.

    Raises:
        NotFound: The system has no such class.
        BadInput: The file cannot be read, a field, column or constant is wrong, or rows of one sort are said to be of another.
        Conflict: Another process writes to the log; or a row would become known before a decision that was made without it.
    """
    loaded = load(system)
    owner = _stream(loaded, stream)
    _check_sort(loaded, owner, decided, shown)
    with writing(loaded, folder) as home, progress() as bar:
        task = bar.add_task(f"importing {file.name}", total=1.0, said="")

        def tell(share: float, rows: int) -> None:
            bar.update(task, completed=share, said=f"{rows:,} rows")

        given: dict[str, Any] = {"constants": constants, "known": known, "timezone": timezone, "now": wall(), "progress": tell}
        if shown is not None:
            report = import_slates(home.log, owner, file, loaded.name, {**fields, "candidate": shown}, **given)
        elif decided is not None:
            taken = "candidate" if loaded.system.candidate is not None else "action"
            report = import_decisions(home.log, owner, file, loaded.name, {**fields, taken: decided}, **given)
        else:
            report = import_file(home.log, owner, file, fields, **given)
    _print(stream if shown is None else "impressions", file, report)


def _check_sort(loaded: Loaded, owner: type, decided: str | None, shown: str | None) -> None:
    """Refuse what is said of rows that cannot be so.

    Raises:
        BadInput: Decisions are not of the system's request, or are of two sorts at once, or show candidates that it has not.
    """
    said = "--shown" if decided is None else "--decided"
    if decided is not None and shown is not None:
        raise BadInput("a row is a whole decision (--decided) or one of the candidates shown (--shown): give one of the two", field="shown")
    if (decided is not None or shown is not None) and owner is not loaded.system.request:
        asked = loaded.system.request.__name__
        raise BadInput(f"{said}: decisions are made on {asked}, not on {owner.__name__}", field=said.lstrip("-"))
    if shown is not None and loaded.system.candidate is None:
        raise BadInput(f"--shown: {loaded.name} acts, it has no candidates to show: --decided takes the column of what was done", "shown")


def _stream(loaded: Loaded, name: str) -> type:
    if name not in loaded.streams:
        raise NotFound(f"{loaded.name} has no class {name}: choose {', '.join(loaded.streams)}")
    return loaded.streams[name]


def _print(stream: str, file: Path, report: ImportReport) -> None:
    out = console()
    again = f", {number(report.duplicates)} were there already" if report.duplicates else ""
    out.print(f"{file.name}: {number(report.rows)} rows; {number(report.added)} {stream} added{again}")
    if report.rejected:
        aside = f"{number(sum(report.rejected.values()))} set aside"
        reasons = table(aside, "rows", "first", "why the first was", numbers=("rows", "first"))
        for why, count in sorted(report.rejected.items(), key=lambda pair: (-pair[1], pair[0])):
            first, told = report.first[why]
            reasons.add_row(number(count), f"row {number(first)}", told)
        out.print(reasons)
        out.print(f"each with its reason in {report.rejected_file}")
        if any(why.endswith(f": {NAIVE}") for why in report.rejected):
            out.print("times that do not say their zone are taken with --timezone, such as --timezone UTC")
