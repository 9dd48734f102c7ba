"""Files of rows that somebody else wrote: Parquet, CSV and JSON Lines, read in chunks, with the rows that cannot be read."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

import msgspec

from millrace.errors import BadInput


class Unreadable(msgspec.Struct, frozen=True):
    """A row that cannot be read at all: its number (from 1, a header not counted), why, and its text or cells."""

    number: int
    reason: str
    row: Any


@dataclass
class Chunk:
    """Consecutive rows of a file.

    Attributes:
        numbers: The number of each row in the file, from 1.
        columns: By name, as the file holds them: an Arrow array, or a list of text or of JSON values, None where there is none.
        row: Gives a whole row by its place in the chunk.
        unreadable: The rows among them that are not in the columns.
        share: How much of the file has been read, from 0 to 1.
    """

    numbers: Sequence[int]
    columns: Mapping[str, Any]
    row: Callable[[int], Any]
    unreadable: list[Unreadable] = field(default_factory=list)
    share: float = 1.0


class Source(Protocol):
    """A file that can be read. `names` are its columns; of JSON Lines, those of the first chunk."""

    names: Sequence[str]

    def chunks(self) -> Iterator[Chunk]:
        """Yield its rows, chunk after chunk."""
        ...


def source(path: Path, rows: int) -> Source:
    """Return the source for a file by its suffix: `.parquet`, `.csv`, `.tsv`, `.jsonl` or `.ndjson`, the text formats also with `.gz`.

    Args:
        path: The file.
        rows: How many rows a chunk holds.

    Raises:
        BadInput: The file is not there, is of another format, or cannot be read.
    """
    kinds = {".parquet": _Parquet, ".csv": _Cells, ".tsv": _Cells, ".jsonl": _Lines, ".ndjson": _Lines}
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    if suffix not in kinds or (path.suffix == ".gz" and suffix == ".parquet"):
        raise BadInput(f"{path.name} is of no format that can be imported: use {', '.join(kinds)} (text also with .gz)", field="path")
    if not path.is_file():
        raise BadInput(f"{path} is not a file", field="path")
    return kinds[suffix](path, rows)


class _Parquet:
    def __init__(self, path: Path, rows: int) -> None:
        self._path = path
        self._rows = rows
        with self._opened() as file:
            self.names = file.schema_arrow.names

    def _opened(self) -> Any:
        import pyarrow as pa
        from pyarrow.parquet import ParquetFile

        try:
            return ParquetFile(self._path)
        except (pa.ArrowException, OSError) as error:
            raise BadInput(f"{self._path} cannot be read as Parquet: {error}", field="path") from None

    def chunks(self) -> Iterator[Chunk]:
        import pyarrow as pa

        with self._opened() as file:
            total, done = max(file.metadata.num_rows, 1), 0
            try:
                for batch in file.iter_batches(self._rows):
                    numbers = range(done + 1, done + batch.num_rows + 1)
                    done += batch.num_rows
                    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
                    yield Chunk(numbers, columns, lambda place, batch=batch: batch.slice(place, 1).to_pylist()[0], share=done / total)
            except (pa.ArrowException, OSError) as error:
                raise BadInput(f"{self._path} cannot be read after row {done}: {error}", field="path") from None


class _Cells:
    """Comma- or tab-separated text in UTF-8 with a header; an empty cell is a missing value."""

    def __init__(self, path: Path, rows: int) -> None:
        self._path = path
        self._rows = rows
        with self._rows_read() as (numbered, _):
            _, first = next(numbered, (0, []))
        self.names = [] if isinstance(first, _Broken) else first
        if not self.names or len(set(self.names)) < len(self.names):
            raise BadInput(f"{path} needs a header of distinct names in its first line, which is {','.join(self.names)!r}", field="path")

    @contextmanager
    def _rows_read(self) -> Iterator[tuple[Iterator[tuple[int, list[str] | _Broken]], Callable[[], float]]]:
        delimiter = "\t" if ".tsv" in self._path.suffixes else ","
        with _unpacked(self._path) as (stream, share):
            # A byte that is not UTF-8 stays recognisable, so that its row alone is set aside.
            text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
            yield enumerate(_cell_rows(text, delimiter)), share

    def chunks(self) -> Iterator[Chunk]:
        with self._rows_read() as (numbered, share):
            next(numbered)  # the header, row 0
            while some := list(islice(numbered, self._rows)):
                yield self._chunk(some, share())

    def _chunk(self, some: Sequence[tuple[int, list[str] | _Broken]], share: float) -> Chunk:
        unreadable, numbers, rows = [], [], []
        for number, row in some:
            if isinstance(row, _Broken):
                unreadable.append(Unreadable(number, f"unreadable: {row.reason}", _printable(row.text)))
            elif len(row) != len(self.names):
                why = f"unreadable: {len(row)} cells under a header of {len(self.names)}"
                unreadable.append(Unreadable(number, why, [_printable(cell) for cell in row]))
            elif not all(cell.isascii() or _is_unicode(cell) for cell in row):
                unreadable.append(Unreadable(number, "unreadable: not UTF-8", [_printable(cell) for cell in row]))
            else:
                numbers.append(number)
                rows.append(row)
        columns = zip(*rows, strict=True) if rows else [()] * len(self.names)
        by_name = {name: [cell or None for cell in column] for name, column in zip(self.names, columns, strict=True)}
        return Chunk(numbers, by_name, lambda place: dict(zip(self.names, rows[place], strict=True)), unreadable, share)


class _Broken(NamedTuple):
    """Lines that are no row of cells, and why."""

    reason: str
    text: str


def _cell_rows(text: Iterable[str], delimiter: str) -> Iterator[list[str] | _Broken]:
    """Yield the rows of a text that are not blank; after what cannot be read it goes on with the next line."""
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for line in text:
            taken.append(line)
            yield line

    cells = csv.reader(lines(), delimiter=delimiter, strict=True)
    while True:
        taken.clear()
        try:
            row = next(cells)
        except StopIteration:
            return
        except csv.Error as error:
            row = _Broken(str(error), "".join(taken))
        if row:
            yield row


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _printable(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class _Lines:
    """JSON Lines: an object per line."""

    def __init__(self, path: Path, rows: int) -> None:
        self._path = path
        self._rows = rows
        first = next(self.chunks(), None)
        self.names = list(first.columns) if first else []

    def chunks(self) -> Iterator[Chunk]:
        with _unpacked(self._path) as (stream, share):
            numbered = ((number, line) for number, line in enumerate(stream, 1) if line.strip())
            while some := list(islice(numbered, self._rows)):
                yield _lines_chunk(some, share())


_OBJECT = msgspec.json.Decoder(dict[str, Any])


def _lines_chunk(some: Sequence[tuple[int, bytes]], share: float) -> Chunk:
    unreadable, numbers, rows = [], [], []
    for number, line in some:
        try:
            row = _OBJECT.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            unreadable.append(Unreadable(number, "unreadable: not a JSON object", line.decode("utf-8", "backslashreplace").rstrip()))
        else:
            numbers.append(number)
            rows.append(row)
    names = dict.fromkeys(name for row in rows for name in row)
    return Chunk(numbers, {name: [row.get(name) for row in rows] for name in names}, rows.__getitem__, unreadable, share)


@contextmanager
def _unpacked(path: Path) -> Iterator[tuple[IO[bytes], Callable[[], float]]]:
    """Give the bytes of a text file, unpacked, and a function that says which share of the file has been read."""
    size = max(path.stat().st_size, 1)
    with path.open("rb") as raw:
        stream: Any = gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw
        try:
            yield stream, lambda: min(raw.tell() / size, 1.0)
        except (OSError, EOFError, zlib.error) as error:
            raise BadInput(f"{path} cannot be read: {error}", field="path") from None
