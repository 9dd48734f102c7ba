"""A file of somebody's own, a row per unit and period, read for `millrace experiment natural`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from millrace.errors import BadInput
from millrace.types import Array

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class PanelFile:
    """The rows of a file.

    Attributes:
        outcome: What was measured. Shape (n,).
        period: When: the place of the row's period in `periods`. Shape (n,).
        periods: All periods, in their order, as text. Shape (periods,).
        unit: Whose each row is, as text; all "" where the file is one series. Shape (n,).
        cluster: What was treated together, as text; the unit where nobody says otherwise. Shape (n,).
        since: The place of the first period after the change in `periods`.
    """

    outcome: Array
    period: Array
    periods: Array
    unit: Array
    cluster: Array
    since: int


def read_panel(path: Path, outcome: str, period: str, since: str, unit: str, cluster: str) -> PanelFile:
    """Read a CSV or Parquet file.

    Args:
        path: The file.
        outcome: The column of what was measured.
        period: The column of when: numbers, dates, or text whose alphabet is its order.
        since: The first period after the change, as the file writes it; one between two periods is the later.
        unit: The column of whose each row is; "" where the file is one series.
        cluster: The column of what was treated together; "" where that is each unit by itself.

    Raises:
        BadInput: The file cannot be read, lacks a column or a value, or has no period before the change, or none after.
    """
    table = _table(path)
    missing = [name for name in (outcome, period, unit, cluster) if name and name not in table.column_names]
    if missing:
        raise BadInput(f"{path} has no column {missing[0]!r}: it has {', '.join(table.column_names)}", field=missing[0])
    periods, when = np.unique(_values(table, period), return_inverse=True)
    owner = _texts(table, unit) if unit else np.full(len(table), "", dtype=object)
    place = int(np.searchsorted(periods, _like(periods, since, period)))
    if not 0 < place < len(periods):
        reach = f"its periods go from {periods[0]} to {periods[-1]}" if len(periods) else "it has no row"
        raise BadInput(f"{path}: since={since!r} leaves no period before or none after: {reach}", field="since")
    together = _texts(table, cluster) if cluster else owner
    return PanelFile(_numbers(table, outcome), when, periods.astype(str), owner, together, place)


def _table(path: Path) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv, parquet

    readers = {".csv": csv.read_csv, ".parquet": parquet.read_table}
    if path.suffix not in readers:
        raise BadInput(f"{path} is read by its name: give a file that ends in .csv or .parquet", field="file")
    try:
        return readers[path.suffix](path)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{path} cannot be read as {path.suffix[1:]}: {error}", field="file") from None


def _present(table: pa.Table, name: str) -> pa.ChunkedArray:
    column = table.column(name)
    if column.null_count:
        row = column.is_null().to_pylist().index(True) + 1
        raise BadInput(f"row {row}: {name} is missing, as in {column.null_count} rows in all: leave them out, or fill them in", field=name)
    return column


def _numbers(table: pa.Table, name: str) -> Array:
    import pyarrow as pa

    try:
        return _present(table, name).cast(pa.float64()).to_numpy()
    except (pa.ArrowException, NotImplementedError):
        raise BadInput(f"{name} holds {table.column(name).type}, not numbers: name another --outcome", field=name) from None


def _texts(table: pa.Table, name: str) -> Array:
    import pyarrow as pa

    return np.array(_present(table, name).cast(pa.string()).to_pylist(), dtype=object)


def _values(table: pa.Table, name: str) -> Array:
    """Return numbers as numbers, and all else as text: ISO dates are in order so."""
    import pyarrow as pa

    kind = table.column(name).type
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return _present(table, name).to_numpy() if is_number else _texts(table, name).astype(str)


def _like(periods: Array, since: str, name: str) -> float | str:
    if periods.dtype.kind in "US":
        return since
    try:
        return float(since)
    except ValueError:
        raise BadInput(f"since={since!r} is no number, as those of {name} are", field="since") from None
