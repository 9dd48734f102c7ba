"""Importing history: a file's rows go to the lake; a row that cannot be taken is set aside with the reason, never dropped."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from millrace.log.bulk import Loaded, load
from millrace.log.codec import REQUIRED, Held
from millrace.log.history import load_history
from millrace.log.identity import ContentIds
from millrace.log.kinds import Number, Text
from millrace.log.log import Log
from millrace.log.plan import AT, Plan
from millrace.log.rejected import Rejected
from millrace.log.sources import Source, Unreadable, source
from millrace.types import EVER, Array, objects, take

Progress = Callable[[float, int], object]
"""Told after each chunk: the share of the file that has been read, from 0 to 1, and the number of its rows."""

CHANCE = Annotated[float, Meta(gt=0, le=1)]
ROWS = 100_000
TOO_OLD = "older than what the log keeps"


@dataclass(frozen=True)
class ImportReport:
    """What became of the rows of a file: `rows` = `added` + `duplicates` + those rejected.

    Attributes:
        rows: How many the file has.
        added: How many were added to the log.
        duplicates: How many were in it already.
        rejected: How many were set aside, by reason.
        rejected_file: Where they are, a JSON object per line with `row`, `reason` and `values`; None if there are none.
        first: By reason, the number of the first row set aside for it, from 1, and what was told of it: which value is wrong.
    """

    rows: int
    added: int
    duplicates: int
    rejected: Mapping[str, int]
    rejected_file: Path | None
    first: Mapping[str, tuple[int, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Read:
    """Consecutive rows of a file, brought to the columns of their stream.

    Attributes:
        columns: By field. Shape (n,) each.
        faults: Why each row cannot be taken, "" where it can. Objects, shape (n,).
        numbers: The number of each row in the file, from 1. Shape (n,).
        row: Gives a whole row, as the file has it, by its place.
        unreadable: The rows among them that are in no column.
        share: How much of the file has been read, from 0 to 1.
    """

    columns: Mapping[str, Array]
    faults: Array
    numbers: Sequence[int]
    row: Callable[[int], Any]
    unreadable: Sequence[Unreadable]
    share: float


def import_file(
    log: Log,
    stream: type,
    path: str | Path,
    mapping: Mapping[str, str] | None = None,
    constants: Mapping[str, Any] | None = None,
    known: str = AT,
    *,
    timezone: str | None = None,
    now: int | None = None,
    progress: Progress | None = None,
    chunk_rows: int = ROWS,
) -> ImportReport:
    """Import a Parquet, CSV or JSON Lines file into a stream; importing it again adds nothing.

    A field is taken from the column `mapping` names, else from `constants`, else from the column of its own name, else it has its default.
    Events without an id get one from what their row says.

    Args:
        log: The log, open for writing.
        stream: An Event, Request or Entity class.
        path: The file: `.parquet`, `.csv`, `.tsv`, `.jsonl` or `.ndjson`, text also with `.gz`.
        mapping: Columns of the file by field.
        constants: Values by field, the same for all rows.
        known: When the rows became known: `"at"` (when they happened, or as much later as the class declares its `lag`), `"now"`, or a
            column of the file.
        timezone: The time zone of instants that do not say theirs, such as "UTC"; without one, rows with such instants are set aside.
        now: The instant of the import, in microseconds since 1970 UTC: for `known="now"`, to refuse the future, and to name the file of
            rejected rows.
        progress: Told how far the import is.
        chunk_rows: How many rows to read at a time, and the rows of a file of the lake.

    Raises:
        BadInput: The file cannot be read, or a field, column or constant is wrong.
        Conflict: A row would become known before a decision that was made without it: import it with `known="now"`.
        Unavailable: The disk is full or fails; the chunks before are in the log, and importing again adds the others.
    """
    codec = log.store.streams.of(stream)
    file = source(Path(path), chunk_rows)
    plan = Plan(codec, file.names, mapping or {}, constants or {}, known, timezone, now)

    def keep(rows: dict[str, Array]) -> Loaded:
        return load(log.store, codec, rows, whole=False)

    reads = read(file, plan, log.retained().get(codec.name, EVER))
    return run(reads, plan, keep, Rejected(log.store.folder, codec.name, now), progress)


def import_decisions(
    log: Log,
    request: type,
    path: str | Path,
    system: str,
    mapping: Mapping[str, str] | None = None,
    constants: Mapping[str, Any] | None = None,
    known: str = AT,
    *,
    timezone: str | None = None,
    now: int | None = None,
    progress: Progress | None = None,
    chunk_rows: int = ROWS,
) -> ImportReport:
    """Import decisions that were made elsewhere, one per row: a request, and a decision of the policy `history` that answers it.

    Beside the request's fields, a row (or a constant) gives `candidate`, what was taken, by default the request itself; `action`, what
    was done, by default "shown"; and `propensity`, the chance in (0, 1] that it would be taken, unknown by default. The decision's
    watermark is the request's `at`: features are computed as of then. The arguments and errors are those of `import_file`, `system` is the
    name of the system whose history it is. A second decision on a request is set aside.
    """
    codec = log.store.streams.of(request)
    file = source(Path(path), chunk_rows)
    given = {*file.names, *(mapping or {}), *(constants or {})}
    extra: dict[str, tuple[Held, Any]] = {}
    for name, default in {"candidate": "", "action": "shown"}.items():
        extra[name] = Held(Text(), str, (), REQUIRED if name in given else default), str
    extra["propensity"] = (Held(Number(), float, (), is_optional=True), CHANCE)
    plan = Plan(codec, file.names, mapping or {}, constants or {}, known, timezone, now, extra)

    def keep(rows: dict[str, Array]) -> Loaded:
        candidates = objects([candidate or id_] for candidate, id_ in zip(rows["candidate"].tolist(), rows["id"].tolist(), strict=True))
        chances = objects([one] for one in rows["propensity"].tolist())
        taken = {"action": rows["action"], "candidate": candidates, "propensity": chances}
        return load_history(log.store, codec, system, rows, taken)

    reads = read(file, plan, log.retained().get(codec.name, EVER))
    return run(reads, plan, keep, Rejected(log.store.folder, codec.name, now), progress)


UNKEPT = "(private)"
"""What is set aside in the place of a private value, or of a whole row that may hold one and cannot be read."""


def _kept(row: Mapping[str, Any], private: Collection[str]) -> Mapping[str, Any]:
    """Return a row as it is set aside: in clear, so without what is private in it."""
    return {column: UNKEPT if column in private else value for column, value in row.items()} if private else row


def read(file: Source, plan: Plan, floor: int) -> Iterator[Read]:
    """Yield the rows of a file, chunk after chunk; what happened before `floor`, microseconds, is at fault."""
    for chunk in file.chunks():
        columns, faults = plan.rows(chunk)
        faults[(faults == "") & (columns["at"] < floor)] = TOO_OLD
        yield Read(columns, faults, chunk.numbers, chunk.row, chunk.unreadable, chunk.share)


def run(
    reads: Iterable[Read], plan: Plan, keep: Callable[[dict[str, Array]], Loaded], rejected: Rejected, progress: Progress | None
) -> ImportReport:
    """Add the rows of a file that are right, and set aside the others.

    Args:
        reads: The rows.
        plan: Which of them are private, and what they say.
        keep: Adds rows that are right, all with an id, to the log.
        rejected: Where the others go; it is closed.
        progress: Told how far the import is.
    """
    ids = ContentIds(plan.content)
    rows = added = duplicates = 0
    try:
        for some in reads:
            for one in some.unreadable:
                rejected.add(one.number, one.reason, UNKEPT if plan.private else one.row)
            faults = some.faults
            right = np.flatnonzero(faults == "")
            good = take(some.columns, right)
            nameless = good["id"] == ""
            good["id"][nameless] = ids.of(take(good, nameless))
            loaded = keep(good)
            faults[right] = [field and f"id used before with other content ({field})" for field in loaded.conflicts]
            for place in np.flatnonzero(faults != "").tolist():
                row = some.row(place)
                rejected.add(some.numbers[place], faults[place], _kept(row, plan.private), plan.told(faults[place], row))
            rejected.sync()  # before the next chunk: what was set aside is as durable as what was taken
            rows += len(some.numbers) + len(some.unreadable)
            added += int(loaded.added.sum())
            duplicates += int(loaded.duplicates.sum())
            if progress is not None:
                progress(some.share, rows)
    finally:
        rejected.close()
    return ImportReport(rows, added, duplicates, dict(rejected.reasons), rejected.path, rejected.first)
