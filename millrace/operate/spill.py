"""Columns on disk, cut into parts that are read one by one: what a computation puts aside that does not fit memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from millrace.errors import Unavailable
from millrace.stores.durable import move
from millrace.types import Array, Columns, objects, runs, size, stack

if TYPE_CHECKING:
    import pyarrow as pa

_UNFINISHED = ".unfinished"


class Pile:
    """An Arrow file to which rows are added in batches, each row in one of some parts; a part keeps the order in which it was given.

    The file has its name only once it is whole and on disk. It is closed by leaving `with`; after an error it is left unfinished.
    """

    def __init__(self, path: Path, parts: int) -> None:
        """Begin a file at `path` with `parts` parts."""
        self._path = path
        self._parts = parts
        self._writer: Any = None

    def add(self, part: Array, columns: Columns) -> None:
        """Add rows: the number of the part of each, and their columns, which are the same, with their types, in every batch.

        Raises:
            Unavailable: The disk is full or fails.
        """
        import pyarrow as pa

        order = np.argsort(part.astype(np.int16), kind="stable")
        arrays = [_to_arrow(column[order]) for column in columns.values()]
        batch = pa.RecordBatch.from_arrays(arrays, names=list(columns))
        starts = runs(part[order], self._parts)
        with self._writing():
            if self._writer is None:
                options = pa.ipc.IpcWriteOptions(compression="lz4")
                self._writer = pa.ipc.new_file(os.fspath(self._path.with_suffix(_UNFINISHED)), batch.schema, options=options)
            for first, last in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
                self._writer.write_batch(batch.slice(first, last - first))

    def __enter__(self) -> Pile:
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        if self._writer is None:
            return
        with self._writing():
            self._writer.close()
            if failed is None:
                move(self._path.with_suffix(_UNFINISHED), self._path)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable(f"{self._path} cannot be written: {error}; make room, or choose a folder on another disk") from error


def part_of(path: Path, part: int, parts: int) -> dict[str, Array]:
    """Return the rows of one part of a pile of so many, in the order in which they were added."""
    import pyarrow as pa

    with pa.OSFile(os.fspath(path)) as source, pa.ipc.open_file(source) as file:
        batches = [file.get_batch(i) for i in range(part, file.num_record_batches, parts)]
        some = [batch for batch in batches if batch.num_rows] or batches[:1]
        table = pa.Table.from_batches(some)
        return {name: _from_arrow(table.column(name)) for name in table.column_names}


def _to_arrow(column: Array) -> pa.Array:
    import pyarrow as pa

    if column.ndim == 2:
        return pa.FixedSizeListArray.from_arrays(_to_arrow(column.ravel()), column.shape[1])
    if column.dtype != object:
        return pa.array(column)
    return pa.array([None if value is None else _pack(value) for value in column.tolist()], pa.large_binary())


def _from_arrow(column: pa.ChunkedArray) -> Array:
    import pyarrow as pa

    whole = column.combine_chunks()
    if pa.types.is_fixed_size_list(whole.type):
        return _from_arrow(pa.chunked_array([whole.flatten()])).reshape(-1, whole.type.list_size)
    if not pa.types.is_large_binary(whole.type):
        return whole.to_numpy(zero_copy_only=False)
    coded = whole.dictionary_encode()
    values = objects([None, *map(_unpack, coded.dictionary.to_pylist())])  # a text that is there often is one object
    return values[coded.indices.fill_null(-1).to_numpy() + 1]


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode


def gathered(found: list[dict[str, Array]], first: int, n: int) -> dict[str, Array]:
    """Return rows that lie scattered over parts as columns in their own order.

    Args:
        found: Pieces with `row`, the position of each row; together they hold every row from `first` on once.
        first: The first position.
        n: How many.
    """
    rows = stack(found)
    place = rows.pop("row") - first
    assert size(rows) == 0 or len(place) == n, "a part of the rows is missing"
    out: dict[str, Array] = {}
    for name, column in rows.items():
        out[name] = np.empty((n, *column.shape[1:]), dtype=column.dtype)
        out[name][place] = column
    return out
