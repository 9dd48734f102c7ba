"""Features written to a file: in bounded memory, and on from where an earlier attempt was interrupted."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from millrace.errors import BadInput, Conflict, MillraceError, Unavailable
from millrace.features.learned import plain
from millrace.features.plan import Plan
from millrace.log.log import Log
from millrace.operate.backfilling import Backfill, Progress, parts_for
from millrace.operate.given_rows import slices
from millrace.operate.history import LogHistory
from millrace.operate.instants import instants, timestamps
from millrace.serve.home import Home
from millrace.stores.durable import move, write
from millrace.types import EVER, Array, Columns, size, take

if TYPE_CHECKING:
    import pyarrow as pa

_INPUTS = "inputs.json"
_OUTPUT = "output.parquet"


class Inputs(msgspec.Struct, frozen=True):
    """What the parts in a folder were made of.

    Attributes:
        features: Their columns.
        rows: The digest of the rows.
        parts: How many parts they were cut into.
        position: The last record of the log when it was begun.
        until: The last watermark, microseconds: what is known from then on is not read.
        forgotten: How often somebody was forgotten: parts made before hold what must be gone.
    """

    features: list[str]
    rows: str
    parts: int
    position: int
    until: int
    forgotten: int


def materialise(
    home: Home,
    history: LogHistory,
    plan: Plan,
    features: Mapping[str, Any],
    rows: Columns,
    given: Path | None,
    output: Path,
    threads: int,
    progress: Progress = lambda *_: None,
) -> int:
    """Write features of rows to a Parquet file, and return how many rows it has. Finished parts are kept until the file is whole.

    They lie beside the file, in a folder that the system's own knows of, so that who is forgotten leaves it too: it is removed then.

    Args:
        home: The system's folder.
        history: Its log, as it is read.
        plan: A plan that holds the features.
        features: Those wanted, by the name of their column in the file.
        rows: As for `features.offline.backfill`.
        given: The file of the rows, whose columns are all written beside the features; None to write those of `rows`.
        output: The file.
        threads: How many threads the kernel may use.
        progress: Told how far it is.

    Raises:
        BadInput: A feature has the name of a column of the rows.
        Conflict: Somebody was forgotten meanwhile; the same command begins anew.
        Unavailable: The disk is full or fails; what is finished stays, and the same command goes on from there.
    """
    _check_names(features, rows, given)
    folder = output.with_name(output.name + ".parts")
    wanted = list(features.values())
    parts = parts_for(history.records(plan), size(rows))
    until = int(rows["watermark"].max()) if size(rows) else EVER
    inputs = Inputs([one.column for one in wanted], digest(rows), parts, home.log.position, until, history.forgotten)
    with _unforgotten(home.log, inputs):
        work = Backfill.of(folder, plan, plain(wanted), rows, _prepared(folder, home, plan, inputs).parts, threads=threads)
        found = _found(work, features, history, progress)
        dated, at_once = instants(plan.request, features), work.rows_at_once
        made = _write(folder / _OUTPUT, found, slices(given, at_once) if given is not None else _tables(rows, at_once, dated), dated)
    with _writing(output):
        move(made, output)
    home.spills.remove(folder)
    return size(rows)


@contextmanager
def _unforgotten(log: Log, inputs: Inputs) -> Iterator[None]:
    """Refuse what was computed with the records of somebody who was forgotten meanwhile, and say so where that stopped it."""
    try:
        yield
    except (MillraceError, OSError):
        if log.forgotten == inputs.forgotten:
            raise
    if log.forgotten != inputs.forgotten:
        raise Conflict("somebody was forgotten while this ran, and what it had put aside was removed: run the same command again")


def _found(work: Backfill, features: Mapping[str, Any], history: LogHistory, progress: Progress) -> Iterator[Columns]:
    """Yield the features by name, some rows at a time, those that a version says among them."""
    chunks = history.chunks(work.plan, work.rows)
    for number, some in enumerate(work.run(chunks, progress)):
        rows = take(work.rows, slice(number * work.rows_at_once, (number + 1) * work.rows_at_once))
        known = history.completed(features.values(), some, rows)
        yield {name: known[one.column] for name, one in features.items()}


def _check_names(features: Iterable[str], rows: Columns, given: Path | None) -> None:
    from pyarrow.parquet import read_schema

    there = set(rows if given is None else read_schema(given).names)
    for name in features:
        if name in there:
            raise BadInput(f"the rows have a column {name!r} already: rename it, or leave that feature out", field=name)


def _prepared(folder: Path, home: Home, plan: Plan, inputs: Inputs) -> Inputs:
    """Keep the parts of an earlier attempt if they are of the same inputs, else begin anew; return what the parts are of."""
    path = folder / _INPUTS
    try:
        earlier = msgspec.json.decode(path.read_bytes(), type=Inputs)
    except (OSError, msgspec.DecodeError):
        earlier = None
    with _writing(folder):
        if earlier is not None and _is_same(home.log, plan, inputs, earlier):
            home.spills.note(folder)
            return earlier
        home.spills.make(folder)
        write(path, msgspec.json.encode(inputs))
    return inputs


def _is_same(log: Log, plan: Plan, inputs: Inputs, earlier: Inputs) -> bool:
    """Whether the rows and features are the same, and nothing has come to the log since that they would see."""
    alike = msgspec.structs.replace(inputs, position=earlier.position, parts=earlier.parts) == earlier
    newer = log.replay(
        after_position=earlier.position, known_until=inputs.until, chunk=1, streams=plan.streams, fields=dict.fromkeys(plan.streams, ())
    )
    return alike and inputs.position >= earlier.position and next(newer, None) is None


def digest(rows: Columns) -> str:
    """Return 16 hex digits that tell rows from others."""
    said = blake2b(digest_size=8)
    for name in sorted(rows):
        column = _arrow(rows[name])
        said.update(f"{name}:{column.type}:{len(column)}:{column.null_count}".encode())
        for buffer in column.buffers():
            if buffer is not None:
                said.update(buffer)
    return said.hexdigest()


def _tables(rows: Columns, at_once: int, dated: Collection[str]) -> Iterator[pa.Table]:
    import pyarrow as pa

    for start in range(0, max(size(rows), 1), at_once):
        some = take(rows, slice(start, start + at_once))
        yield pa.table({name: _written(column, name in dated) for name, column in some.items()})


def _write(path: Path, found: Iterable[Columns], beside: Iterable[pa.Table], dated: Collection[str]) -> Path:
    from pyarrow.parquet import ParquetWriter

    writer: Any = None
    with _writing(path):
        for features, table in zip(found, beside, strict=True):
            for name, column in features.items():
                table = table.append_column(name, _written(column, name in dated))
            writer = writer or ParquetWriter(os.fspath(path), table.schema, compression="zstd")
            writer.write_table(table.cast(writer.schema))
        writer.close()
    return path


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error}; make room, and run the same command again to go on") from error


def _written(column: Array, is_instant: bool) -> pa.Array:
    """Return a column as it lies in a file."""
    return timestamps(column) if is_instant else _arrow(column)


def _arrow(column: Array) -> pa.Array:
    """Return a column as it is told from others, and lies in a file unless it holds instants; missing values are null there."""
    import pyarrow as pa

    if column.ndim == 2:
        return pa.array(column.tolist())
    is_text = column.dtype == object and not any(isinstance(value, bytes) for value in column)
    return pa.array(column, pa.large_string() if is_text else None, from_pandas=True)
