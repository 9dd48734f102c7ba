"""Merging: several files of the lake become one, of which only some rows are in memory at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

from millrace.log.codec import Codec
from millrace.log.lake import file_name, opened, write_groups
from millrace.log.order import Part


def merge(lake: Path, codec: Codec, parts: Sequence[Part]) -> Part:
    """Write the rows of parts as one file, in the order (known, position), fields the class no longer has among them.

    Parts of which each ends before the next begins, as compaction makes them, are copied some groups of rows at a time; others are in
    memory together, to be sorted.
    """
    ordered = sorted(parts, key=lambda part: (part.oldest, part.first))
    tables = _groups(lake, ordered)
    if any(one.newest > other.oldest or one.last > other.first for one, other in pairwise(ordered)):
        tables = iter([_concatenated(list(tables)).sort_by([("known", "ascending"), ("position", "ascending")])])
    first, last = min(part.first for part in parts), max(part.last for part in parts)
    rows = sum(part.rows for part in parts)
    name, beginning = file_name(codec.name, first, last, rows), next(tables)
    write_groups(lake / name, beginning.schema, _regrouped(chain([beginning], tables), codec.group_rows))
    return Part(name, codec.name, rows, first, last, min(part.oldest for part in parts), max(part.newest for part in parts))


def _groups(lake: Path, parts: Sequence[Part]) -> Iterator[Any]:
    """Yield the row groups of parts as Arrow tables, one after the other."""
    for part in parts:
        with opened(lake / part.file) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group)


def _regrouped(tables: Iterable[Any], rows: int) -> Iterator[Any]:
    """Yield the rows of Arrow tables as tables of so many rows each, the last perhaps of fewer."""
    held: list[Any] = []
    for table in tables:
        held.append(table)
        if sum(map(len, held)) >= rows:
            whole = _concatenated(held)
            full = len(whole) // rows * rows
            yield from (whole.slice(first, rows) for first in range(0, full, rows))
            held = [whole.slice(full)] if full < len(whole) else []
    if held:
        yield _concatenated(held)


def _concatenated(tables: Sequence[Any]) -> Any:
    import pyarrow as pa

    return pa.concat_tables(tables)
