"""Many requests decided into a file: piece by piece, each kept as soon as it is done, so that it goes on where it was interrupted."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import msgspec

from millrace.decision import Decision
from millrace.errors import Unavailable
from millrace.loaded import Loaded
from millrace.operate.scored_rows import requests_in, schema, table_of
from millrace.schema import Request
from millrace.stores.durable import digest, flush, write
from millrace.stores.spills import Spills
from millrace.stores.standing import Standing

if TYPE_CHECKING:
    import pyarrow as pa

_BEGUN = "begun.json"

T = TypeVar("T")

Decide: TypeAlias = "Callable[[Sequence[Request]], list[Decision]]"
"""What answers some requests, in their order."""


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """What the pieces in a folder were decided with.

    Attributes:
        input: The SHA-256 of the file of requests.
        declared: The hash of the system.
        at: When it was begun, microseconds since 1970 UTC: the watermark of what is not logged.
        standing: What served then.
        at_once: How many requests a piece holds.
        is_logged: Whether the decisions go into the log.
        forgotten: How often somebody had been forgotten: what was decided before may name whom nobody may name any more.
    """

    input: str
    declared: str
    at: int
    standing: Standing
    at_once: int
    is_logged: bool
    forgotten: int


class Scoring:
    """One batch: the requests of a file, the file of their decisions, and between them the pieces that are done.

    Args:
        given: A Parquet file of requests.
        output: The Parquet file to write. The pieces lie beside it, in a folder of its name and `.parts`, until it is whole.
        now: How it would be begun now: an earlier attempt goes on if it was begun alike, with its own instant and standing.
        spills: Where the system notes folders such as this one, whose pieces name people.
    """

    def __init__(self, given: Path, output: Path, now: Begun, spills: Spills) -> None:
        self._given = given
        self._output = output
        self._spills = spills
        self.folder = output.with_name(output.name + ".parts")
        self.begun = self._opened(now)

    @staticmethod
    def how(given: Path, loaded: Loaded, at: int, standing: Standing, at_once: int, forgotten: int, *, is_logged: bool) -> Begun:
        """Return how a batch would be begun now."""
        return Begun(
            input=digest(given),
            declared=loaded.hash,
            at=at,
            standing=standing,
            at_once=at_once,
            is_logged=is_logged,
            forgotten=forgotten,
        )

    @property
    def is_resumed(self) -> bool:
        """Whether an earlier attempt left finished pieces."""
        return any(self.folder.glob("*.parquet"))

    def run(self, loaded: Loaded, decide: Decide, progress: Callable[[int], object]) -> int:
        """Decide what is not decided yet, write the file, and return how many requests there were.

        Args:
            loaded: The system.
            decide: What answers them.
            progress: Told how many requests are done.

        Raises:
            BadInput: A row of the file is wrong; what is done stays.
            Unavailable: The disk is full or fails; what is done stays, and the same again goes on from there.
        """
        done = pieces = 0
        for requests in requests_in(self._given, loaded, self.begun.at, self.begun.at_once):
            path = self._piece(pieces)
            if not path.exists():
                table = table_of(decide(requests))
                _writing(self._output, lambda table=table, path=path: _keep(table, path))
            pieces, done = pieces + 1, done + len(requests)
            progress(done)
        _writing(self._output, lambda: self._join(pieces))
        self._spills.remove(self.folder)
        return done

    def _piece(self, number: int) -> Path:
        return self.folder / f"{number:07d}.parquet"

    def _opened(self, now: Begun) -> Begun:
        """Return how the pieces that are there were begun, if that is alike; else clear the folder and begin now."""
        path = self.folder / _BEGUN
        try:
            earlier = msgspec.json.decode(path.read_bytes(), type=Begun)
        except (OSError, msgspec.DecodeError):
            earlier = None
        if earlier is not None and msgspec.structs.replace(now, at=earlier.at, standing=earlier.standing) == earlier:
            return earlier
        self._spills.make(self.folder)
        _writing(self._output, lambda: write(path, msgspec.json.encode(now)))
        return now

    def _join(self, pieces: int) -> None:
        import pyarrow.parquet as pq

        unfinished = self.folder / "whole.unfinished"
        with pq.ParquetWriter(os.fspath(unfinished), schema(), compression="zstd") as writer:
            for number in range(pieces):
                writer.write_table(pq.read_table(self._piece(number)))
        _install(unfinished, self._output)


def _keep(table: pa.Table, path: Path) -> None:
    from pyarrow.parquet import write_table

    unfinished = path.with_suffix(".unfinished")
    write_table(table, os.fspath(unfinished))
    _install(unfinished, path)


def _install(unfinished: Path, path: Path) -> None:
    flush(unfinished)
    unfinished.rename(path)
    flush(path.parent)


def _writing(output: Path, write: Callable[[], T]) -> T:
    try:
        return write()
    except OSError as error:
        raise Unavailable(f"{output} cannot be written: {error}; make room, and run the same command again to go on") from error
