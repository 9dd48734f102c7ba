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
from millrace.log.importing import ImportReport, import_decisions, import_file
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
        folder: The system's home.

    Raises:
        NotFound: The system has no such class.
        BadInput: The file cannot be read, a field, column or constant is wrong, or decisions are not of the system's request.
        Conflict: Another process writes to the log; or a row would become known before a decision that was made without it.
    """
    loaded = load(system)
    owner = _stream(loaded, stream)
    if decided is not None and owner is not loaded.system.request:
        raise BadInput(f"--decided: decisions are made on {loaded.system.request.__name__}, not on {stream}", field="decided")
    with writing(loaded, folder) as home, progress() as shown:
        task = shown.add_task(f"importing {file.name}", total=1.0, said="")

        def tell(share: float, rows: int) -> None:
            shown.update(task, completed=share, said=f"{rows:,} rows")

        given: dict[str, Any] = {"constants": constants, "known": known, "timezone": timezone, "now": wall(), "progress": tell}
        if decided is None:
            report = import_file(home.log, owner, file, fields, **given)
        else:
            taken = "candidate" if loaded.system.candidate is not None else "action"
            report = import_decisions(home.log, owner, file, loaded.name, {**fields, taken: decided}, **given)
    _print(stream, file, report)


def _stream(loaded: Loaded, name: str) -> type:
    if name not in loaded.streams:
        raise NotFound(f"{loaded.name} has no class {name}: choose {', '.join(loaded.streams)}")
    return loaded.streams[name]


def _print(stream: str, file: Path, report: ImportReport) -> None:
    out = console()
    again = f", {number(report.duplicates)} were there already" if report.duplicates else ""
    out.print(f"{file.name}: {number(report.rows)} rows; {number(report.added)} {stream} added{again}")
    if report.rejected:
        reasons = table(f"{number(sum(report.rejected.values()))} set aside", "rows", "why", numbers=("rows",))
        for why, count in sorted(report.rejected.items(), key=lambda pair: (-pair[1], pair[0])):
            reasons.add_row(number(count), why)
        out.print(reasons)
        out.print(f"each with its reason in {report.rejected_file}")
