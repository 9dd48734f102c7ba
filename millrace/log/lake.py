"""The lake: Parquet files that are written once, whole, and never changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from millrace.errors import MillraceError, Unavailable
from millrace.log.order import Part, Span
from millrace.log.tables import columns_of, encodings, integers, table_of
from millrace.types import Array, Columns, size, stack, take

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

    from millrace.log.codec import Codec

FOLDER = "lake"
_UNFINISHED = ".unfinished"


class PartGone(MillraceError):
    """A part's file is not there: a merge replaced it after the list of parts was read, or it is lost."""


def write_part(lake: Path, codec: Codec, rows: Columns) -> Part:
    """Write rows as a file of the lake, on disk when this returns; it counts once it is registered.

    Args:
        lake: The lake's folder.
        codec: The stream's codec.
        rows: Whole rows, what is private in them sealed, sorted by (known, position), at least one.
    """
    known, position = rows["known"], rows["position"]
    first, last = int(position.min()), int(position.max())
    part = Part(file_name(codec.name, first, last, size(rows)), codec.name, size(rows), first, last, int(known[0]), int(known[-1]))
    write_file(lake / part.file, table_of(codec, rows), codec.group_rows)
    return part


def file_name(stream: str, first: int, last: int, rows: int) -> str:
    """Return the name of a part below the lake: a merge of parts never has the name of one of them, as it has more rows."""
    return f"{stream}/{first:012d}-{last:012d}-{rows}.parquet"


def write_file(path: Path, table: Any, group_rows: int) -> None:
    """Write an Arrow table so that the file is there whole or not at all, whatever happens meanwhile.

    Raises:
        Unavailable: The disk is full or fails.
    """
    write_groups(path, table.schema, (table.slice(first, group_rows) for first in range(0, len(table), group_rows)))


def write_groups(path: Path, schema: Any, groups: Iterable[Any]) -> None:
    """Write Arrow tables of one schema, each a row group. See `write_file`."""
    from pyarrow.parquet import ParquetWriter

    unfinished = path.with_suffix(_UNFINISHED)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            with ParquetWriter(file, schema, compression="zstd", write_page_checksum=True, **encodings(schema)) as writer:
                for group in groups:
                    writer.write_table(group, row_group_size=len(group))
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
        sync(path.parent, path.parent.parent, path.parent.parent.parent)  # the names of the file, of its stream's folder and of the lake
    except BaseException as error:  # the groups may come from a file that is damaged
        unfinished.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise Unavailable(f"{path} cannot be written: {error}; make room, or mend the disk") from error
        raise


def sync(*folders: Path) -> None:
    """Bring the names in folders to the disk: a new file is on disk only when its name is."""
    for folder in folders:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_part(lake: Path, codec: Codec, part: Part, fields: Sequence[str], span: Span, coding: bool = False) -> dict[str, Array]:
    """Return the rows of a part that lie in a span, in its order (known, position).

    Args:
        lake: The lake's folder.
        codec: The stream's codec.
        part: Which part.
        fields: Columns to read; `known` and `position` among them.
        span: Which rows.
        coding: See `tables.columns_of`.

    Raises:
        PartGone: The file is not there.
        MillraceError: It is damaged.
    """
    with opened(lake / part.file, codec.repeating(fields)) as file:
        groups = [group for group, oldest, newest in _bounds(file, "known") if newest >= span.after[0] and oldest <= span.until[0]]
        return _rows(file, codec, fields, groups, span.mask, coding)


def read_rows(lake: Path, codec: Codec, part: Part, fields: Sequence[str], positions: Array) -> dict[str, Array]:
    """Return the rows of a part at those of the positions (ascending) that it holds. Arguments and errors are those of `read_part`."""
    with opened(lake / part.file, codec.repeating(fields)) as file:
        near = [group for group, low, high in _bounds(file, "position") if _is_between(positions, low, high)]
        return _rows(file, codec, fields, near, lambda known, position: np.isin(position, positions))


def _is_between(values: Array, low: int, high: int) -> bool:
    return bool(np.searchsorted(values, low) < np.searchsorted(values, high, "right"))


def first_keys(lake: Path, part: Part, span: Span, n: int) -> dict[str, Array]:
    """Return `known` and `position` of at least the first `n` rows of a part in a span, of all of them where there are fewer."""
    found: list[dict[str, Array]] = []
    with opened(lake / part.file) as file:
        for group, _, newest in _bounds(file, "known"):
            if newest < span.after[0] or sum(map(size, found)) >= n:
                continue
            table = file.read_row_group(group, columns=["known", "position"])
            keys = {"known": integers(table["known"]), "position": integers(table["position"])}
            found.append(take(keys, span.mask(**keys)))
    return stack(found)


@contextmanager
def opened(path: Path, coded: Sequence[str] = ()) -> Iterator[ParquetFile]:
    """Open a file; columns that are text in it and among `coded` are read in the dictionary encoding they lie in."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile, read_metadata

    try:
        found = read_metadata(path)
        coded = [name for name in coded if name in found.schema.names]
        with ParquetFile(path, metadata=found, page_checksum_verification=True, read_dictionary=coded) as file:
            yield file
    except FileNotFoundError:
        raise PartGone(f"{path} is lost: restore this file from a backup") from None
    except (pa.ArrowException, OSError) as error:
        raise MillraceError(f"{path} is damaged ({str(error).strip()}): restore this file from a backup") from error


def _bounds(file: ParquetFile, column: str) -> Iterator[tuple[int, int, int]]:
    """Yield the number of each row group with the lowest and the highest value of an integer or instant column in it."""
    place = file.schema_arrow.get_field_index(column)
    for group in range(file.num_row_groups):
        found = file.metadata.row_group(group).column(place).statistics
        yield group, found.min_raw, found.max_raw


def _rows(
    file: ParquetFile,
    codec: Codec,
    fields: Sequence[str],
    groups: Sequence[int],
    keep: Callable[[Array, Array], Array],
    coding: bool = False,
) -> dict[str, Array]:
    """Return columns of the rows of row groups that `keep` marks by `known` and `position`; fields younger than the file have defaults."""
    there = set(file.schema_arrow.names)
    table = file.read_row_groups(groups, columns=[name for name in fields if name in there])
    kept = keep(integers(table["known"]), integers(table["position"]))
    if not kept.all():  # before the columns are made, which costs most
        table = table.filter(kept)
    rows = codec.opened(columns_of(codec, table, coding))
    return {name: rows[name] if name in rows else codec.missing(name, len(table)) for name in fields}


def shape(lake: Path, part: Part) -> tuple[str, int]:
    """Return the columns of a part's file with their types, and its length in bytes once unpacked.

    Parts merge when their columns are equal, so that no column is lost.
    """
    with opened(lake / part.file) as file:
        columns = file.schema_arrow.to_string(show_field_metadata=False, show_schema_metadata=False)
        return columns, sum(file.metadata.row_group(group).total_byte_size for group in range(file.num_row_groups))


def rewrite(lake: Path, codec: Codec, part: Part, keep: Callable[[Any], Array]) -> Part | None:
    """Write the rows of a part that `keep` marks in its Arrow table as a file of its own, fields the class no longer has among them.

    Returns:
        The new part, to be registered in the place of the old one; None when no row is left.
    """
    with opened(lake / part.file) as file:
        table = file.read()
    left = table.filter(keep(table))
    if not len(left):
        return None
    known, position = integers(left["known"]), integers(left["position"])
    first, last = int(position.min()), int(position.max())
    made = Part(file_name(codec.name, first, last, len(left)), codec.name, len(left), first, last, int(known[0]), int(known[-1]))
    if made.file != part.file:
        write_file(lake / made.file, left, codec.group_rows)
    return made


def table(lake: Path, part: Part, choose: Callable[[Any], Sequence[str]] | None = None) -> Any:
    """Return a part as an Arrow table: all of it, or the columns that `choose` names given the file's schema.

    Raises:
        PartGone: The file is not there.
        MillraceError: It is damaged.
    """
    with opened(lake / part.file) as file:
        return file.read(None if choose is None else choose(file.schema_arrow))


def replacement(lake: Path, part: Part, rows: Any, group_rows: int) -> Part:
    """Write an Arrow table, at least a row of a part in its order, as a file to be registered in its place."""
    known, position = integers(rows["known"]), integers(rows["position"])
    first, last = int(position.min()), int(position.max())
    name = file_name(part.stream, first, last, len(rows))
    while (lake / name).exists():  # that of the part itself, when rows were altered and none is gone
        name = name.replace(".parquet", "-altered.parquet")
    write_file(lake / name, rows, group_rows)
    return Part(name, part.stream, len(rows), first, last, int(known[0]), int(known[-1]))


def least(lake: Path, part: Part, column: str) -> int:
    """Return the lowest value of an integer or instant column in a part."""
    with opened(lake / part.file) as file:
        return min(low for _, low, _ in _bounds(file, column))


def discard(lake: Path, parts: Sequence[Part]) -> None:
    """Delete the files of parts that are no longer registered; who still reads one reads on, who opens one starts over."""
    for part in parts:
        (lake / part.file).unlink(missing_ok=True)


def sweep(lake: Path, registered: Collection[str]) -> None:
    """Delete the files that are no part of the lake: what a crash left unfinished or unregistered, and what a merge replaced.

    Args:
        lake: The lake's folder.
        registered: The files of the lake's parts.
    """
    for path in lake.glob("*/*"):
        if path.suffix in (_UNFINISHED, ".parquet") and path.relative_to(lake).as_posix() not in registered:
            path.unlink()
