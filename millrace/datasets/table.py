"""A table of data nobody here wrote: typed columns, and every row that was left out with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from millrace.errors import BadInput
from millrace.log.codec import Held
from millrace.log.converting import converted
from millrace.log.kinds import Kind, Text
from millrace.types import Array, Columns, objects, take


@dataclass(frozen=True)
class Column:
    """What a column of a data set holds.

    Attributes:
        meaning: In words, with the unit.
        kind: How its values are kept.
        optional: Whether a value may be missing.
        key: Whether its values are ids: an empty one is missing.
    """

    meaning: str
    kind: Kind = Text()  # noqa: RUF009 (a kind has no state that changes)
    optional: bool = False
    key: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of a file that could be read, and those that were set aside.

    Attributes:
        rows: By column, equal lengths.
        number: Which row of the file each is, from 1. int64, shape (n,).
        aside: What was set aside, in the order it was: `number` and `reason`.
    """

    rows: Columns
    number: Array
    aside: Columns

    def without(self, reason: str, wrong: Array) -> Table:
        """Return the table with the rows that `wrong` marks set aside for a reason. Boolean, shape (n,)."""
        if not wrong.any():
            return self
        aside = {
            "number": np.concatenate([self.aside["number"], self.number[wrong]]),
            "reason": np.concatenate([self.aside["reason"], np.full(int(wrong.sum()), reason, dtype=object)]),
        }
        return Table(take(self.rows, ~wrong), self.number[~wrong], aside)

    def part(self, kept: Array) -> Table:
        """Return the table of only some of its rows: a smaller sample of the same data. Boolean, shape (n,)."""
        return Table(take(self.rows, kept), self.number[kept], self.aside)

    def reasons(self) -> dict[str, int]:
        """Return how many rows were set aside, by reason, the most frequent first."""
        return dict(Counter(self.aside["reason"].tolist()).most_common())


def typed(what: str, columns: Mapping[str, Column], raw: Mapping[str, Any], zone: str | None = None) -> Table:
    """Return raw columns as a table; a row with a value that does not fit is set aside.

    Args:
        what: The file, for messages.
        columns: What is wanted; other columns of the file are not read.
        raw: By column an Arrow array, or a list of text, numbers or None.
        zone: The time zone of instants that do not say theirs.

    Raises:
        BadInput: A column is missing.
    """
    absent = [name for name in columns if name not in raw]
    if absent:
        raise BadInput(f"{what} has no column {absent[0]!r}: it has {', '.join(raw)}; is it another file, or another version of it?")
    n = len(next(iter(raw.values())))
    rows: dict[str, Array] = {}
    faults = np.full(n, "", dtype=object)
    for name, column in columns.items():
        held = Held(column.kind, str, (), is_optional=column.optional)
        rows[name], why = converted(held, raw[name], zone, is_key=column.key)
        first = (why != "") & (faults == "")
        faults[first] = objects(f"{name}: {reason}" for reason in why[first])
    right, number = faults == "", np.arange(1, n + 1)
    return Table(take(rows, right), number[right], {"number": number[~right], "reason": faults[~right]})


def read_parquet(path: Path, columns: Mapping[str, Column], zone: str | None = None) -> Table:
    """Return the table of a Parquet file.

    Raises:
        BadInput: It is not there, cannot be read, or lacks a column.
    """
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            found = [name for name in file.schema_arrow.names if name in columns]
            table = file.read(columns=found)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{path} cannot be read as Parquet: {error}") from None
    return typed(str(path), columns, {name: table[name].combine_chunks() for name in found}, zone)
