"""`millrace backfill`: features of rows, each as of its own instant, written to a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from millrace.cli.finding import feature_called, named_features
from millrace.cli.opening import Desk, reading
from millrace.cli.printing import console, number, progress
from millrace.errors import NotFound
from millrace.operate.given_rows import read_rows
from millrace.operate.materialise import materialise
from millrace.types import EVER, Columns, size

_OF_A_ROW = ("id", "at", "watermark", "candidate", "rank", "policy", "action", "release")
"""What is written of a logged decision, beside the fields of its request."""


def backfill(system: str, rows: Path | None, output: Path, features: Sequence[str], threads: int, folder: Path) -> None:
    """Compute features for rows a user gives, or for those that decisions took, and write them beside the rows.

    Args:
        system: The module.
        rows: A Parquet file; None for the logged decisions.
        output: The Parquet file to write.
        features: Which, by name; all that the system reads when there is none.
        threads: How many threads may work.
        folder: The system's home.

    Raises:
        NotFound: There is no such feature, or no decision was logged.
        BadInput: The rows cannot be used; the message says why.
        Conflict: Somebody was forgotten meanwhile; the same command begins anew.
        Unavailable: The disk is full; what is finished stays, and the same command goes on from there.
    """
    with reading(system, folder) as desk:
        wanted = _wanted(desk, features)
        asked = read_rows(rows, desk.loaded) if rows is not None else _decided(desk)
        records = desk.history.records(desk.loaded.plan)
        with progress() as shown:
            task = shown.add_task("reading the log", total=None, said="")

            def tell(what: str, done: int, of: int) -> None:
                shown.update(task, description=what, completed=done, total=of or records, said=f"{done:,} of {of or records:,}")

            n = materialise(desk.home, desk.history, desk.loaded.plan, wanted, asked, rows, output, threads, tell)
    console().print(f"{output}: {number(n)} rows, {number(len(wanted))} features, from {number(records)} records at most")


def _wanted(desk: Desk, features: Sequence[str]) -> dict[str, Any]:
    if not features:
        return named_features(desk.loaded)
    return {name: feature_called(desk.loaded, name) for name in features}


def _decided(desk: Desk) -> Columns:
    rows = desk.history.decided(EVER, -EVER)
    if not size(rows):
        raise NotFound(f"{desk.loaded.name} has logged no decision yet: give rows, --rows FILE.parquet")
    own = desk.loaded.system.request.__struct_fields__
    return {name: column for name, column in rows.items() if name in _OF_A_ROW or name in own}
