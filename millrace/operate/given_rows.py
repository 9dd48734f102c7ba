"""Rows that a user gives to compute features for: a Parquet file with what a decision would have been made on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from millrace.errors import BadInput
from millrace.loaded import Loaded
from millrace.log.kinds import Instant, Kind, Text, kind_of
from millrace.schema import Field, field_names
from millrace.types import Array, Columns

if TYPE_CHECKING:
    import pyarrow as pa


def read_rows(path: Path, loaded: Loaded) -> Columns:
    """Return the rows of a Parquet file as a backfill takes them: what the system knows of the file's columns.

    `watermark` says as of when a row sees the log; without it, `at` does, and the row sees what was known before. Instants are timestamps
    with a time zone, or whole microseconds since 1970 UTC.

    Args:
        path: The file: `watermark` or `at`, the request's fields, and `candidate` where the system has candidates.
        loaded: The system.

    Raises:
        BadInput: The file cannot be read, a column is missing, or holds what it cannot.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = _kinds(loaded)
    try:
        names = pq.read_schema(path).names
        texts = [name for name, kind in wanted.items() if isinstance(kind, Text) and name in names]
        table = pq.read_table(path, columns=[name for name in wanted if name in names], read_dictionary=texts)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{path} cannot be read as Parquet: {error}", field="rows") from None
    rows = {name: _column(path, name, table.column(name), wanted[name]) for name in table.column_names}
    return _complete(path, rows, loaded)


def _kinds(loaded: Loaded) -> dict[str, Kind]:
    request = loaded.system.request
    own = {name: kind_of(Field(request, name)) for name in field_names(request) if name not in ("id", "at")}
    candidate = {"candidate": Text()} if loaded.system.candidate is not None else {}
    return {"id": Text(), "at": Instant(), "watermark": Instant(), **candidate, **own}


def _complete(path: Path, rows: dict[str, Array], loaded: Loaded) -> Columns:
    if "watermark" not in rows and "at" not in rows:
        raise BadInput(f"{path} does not say as of when: give it a column `watermark`, or `at`", field="at")
    candidate = loaded.system.candidate
    if candidate is not None and "candidate" not in rows:
        raise BadInput(f"{path} has no column `candidate`: give the id of the {candidate.__name__} of each row", field="candidate")
    for name, other in (("at", "watermark"), ("watermark", "at")):
        if name not in rows:
            rows[name] = rows[other]
    return rows


def _column(path: Path, name: str, column: Any, kind: Kind) -> Array:
    import pyarrow as pa

    if isinstance(kind, Instant) and pa.types.is_timestamp(column.type) and column.type.tz is None:
        raise BadInput(f"{path}: {name} has no time zone: store it as a timestamp in UTC, or as microseconds since 1970", field=name)
    if column.null_count and name in ("at", "watermark"):
        raise BadInput(f"{path}: {name} is missing in {column.null_count} rows: say as of when for each", field=name)
    try:
        if isinstance(kind, Text) and pa.types.is_floating(column.type):
            column = column.cast(pa.int64())  # ids that went through a program which knows no missing integers
        return kind.from_arrow(column if pa.types.is_dictionary(column.type) else column.cast(kind.arrow()))
    except (pa.ArrowException, ValueError) as error:
        raise BadInput(f"{path}: {name} holds {column.type}, which is not {kind.arrow()}: {error}", field=name) from None


def slices(path: Path, rows: int) -> Iterator[pa.Table]:
    """Yield a Parquet file as tables of so many rows; the last may have fewer."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        held = file.schema_arrow.empty_table()
        for batch in file.iter_batches(rows):
            held = pa.concat_tables([held, pa.Table.from_batches([batch])])
            while len(held) >= rows:
                yield held.slice(0, rows)
                held = held.slice(rows)
        yield held
