"""Backfill in bounded memory: the log is cut into parts by key in a folder, and worked off part by part.

What is finished stays in the folder: done again with the same plan and rows, it goes on where it was interrupted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from millrace.features.plan import Plan
from millrace.features.plan import plan as plan_for
from millrace.features.streamed import Chunk, Group, Piece, answer, finish, groups_of, partition_of, pieces
from millrace.operate.spill import Pile, gathered, part_of
from millrace.stores.durable import write
from millrace.types import Array, Columns, size, take

EVENTS_AT_ONCE = 3_000_000
"""About so many events are worked on at once; those of one key stay together, however many."""

_ROWS_AT_ONCE = 1_000_000
_CUT = "cut"

Progress = Callable[[str, int, int], object]
"""Told what is being done, how much of it is done, and of how much."""


def parts_for(records: int, rows: int) -> int:
    """Return into how many parts to cut so many records and rows."""
    return max(1, math.ceil(records / EVENTS_AT_ONCE), math.ceil(rows / _ROWS_AT_ONCE))


@dataclass(frozen=True)
class Backfill:
    """Features of rows, computed part by part in a folder.

    Attributes:
        folder: Where the parts are kept, an empty folder at first: about 40 bytes an event and keying. What is in it must be of the same
            plan, rows and log.
        plan: What is planned.
        wanted: The features.
        rows: As for `features.offline.backfill`, in any order.
        parts: How many parts to cut into.
        threads: How many threads the kernel may use.
        rows_at_once: How many rows are finished at a time.
    """

    folder: Path
    plan: Plan
    wanted: Sequence[Any]
    rows: Columns
    parts: int
    threads: int = 1
    rows_at_once: int = _ROWS_AT_ONCE

    @classmethod
    def of(cls, folder: Path, plan: Plan, features: Iterable[Any], rows: Columns, parts: int, **settings: int) -> Backfill:
        """Return the work of computing features of a plan on rows: what other features need is left out."""
        wanted = list(features)
        return cls(folder, plan_for(plan.request, plan.candidate, wanted), wanted, rows, parts, **settings)

    def run(self, chunks: Callable[[], Iterable[Chunk]], progress: Progress = lambda *_: None) -> Iterator[dict[str, Array]]:
        """Yield the features by column, some rows at a time, in the order of the rows.

        Args:
            chunks: Returns what is known before the last watermark, chunk by chunk in the order of the log; asked only if it was not
                cut yet.
            progress: Told how far it is.

        Raises:
            Unavailable: The disk is full or fails.
        """
        if not (self.folder / _CUT).exists():
            self._cut(chunks(), progress)
            write(self.folder / _CUT, b"")
        groups = groups_of(self.plan)
        for number, group in enumerate(groups):
            for part in range(self.parts):
                progress("aggregating", number * self.parts + part, len(groups) * self.parts)
                if not self._states(number, part).exists():
                    self._answer(number, group, part)
        for chunk in range(self._row_chunks):
            progress("writing", chunk, self._row_chunks)
            yield self._finished(chunk, len(groups))

    @property
    def _row_chunks(self) -> int:
        return max(1, math.ceil(size(self.rows) / self.rows_at_once))

    def _pile(self, what: str, group: int) -> Path:
        return self.folder / f"{what}-{group}.arrow"

    def _states(self, group: int, part: int) -> Path:
        return self.folder / f"states-{group}-{part}.arrow"

    def _cut(self, chunks: Iterable[Chunk], progress: Progress) -> None:
        """Cut the log and the rows into parts."""
        seen = 0

        def counted() -> Iterator[Chunk]:
            nonlocal seen
            for chunk in chunks:
                yield chunk
                seen += sum(map(size, chunk.values()))
                progress("reading the log", seen, 0)

        with ExitStack() as open_files:
            piles: dict[tuple[str, int], Pile] = {}
            for piece in pieces(self.plan, self.rows, counted()):
                which = piece.what, piece.group
                if which not in piles:
                    parts = self._row_chunks if piece.what == "fields" else self.parts
                    piles[which] = open_files.enter_context(Pile(self._pile(*which), parts))
                piles[which].add(self._part(piece), {f"key {i}": key for i, key in enumerate(piece.keys)} | piece.columns)

    def _part(self, piece: Piece) -> Array:
        if piece.what == "fields":
            return piece.columns["row"] // self.rows_at_once
        return partition_of(piece.keys, self.parts)

    def _answer(self, number: int, group: Group, part: int) -> None:
        """Aggregate one part, and keep its states by the rows they are finished with."""
        events, rows = (part_of(self._pile(what, number), part, self.parts) for what in ("events", "rows"))
        states = answer(group, events, rows, self.threads)
        with Pile(self._states(number, part), self._row_chunks) as pile:
            pile.add(rows["row"] // self.rows_at_once, {"row": rows["row"], **states})

    def _finished(self, chunk: int, groups: int) -> dict[str, Array]:
        first = chunk * self.rows_at_once
        rows = take(self.rows, slice(first, first + self.rows_at_once))
        n = size(rows)
        states: dict[str, Array] = {}
        for number in range(groups):
            states |= gathered([part_of(self._states(number, part), chunk, self._row_chunks) for part in range(self.parts)], first, n)
        kept = self._pile("fields", -1)
        fields = gathered([part_of(kept, chunk, self._row_chunks)], first, n) if kept.exists() else {}
        return finish(self.plan, self.wanted, rows, fields, states)


def on_disk(
    folder: Path, plan: Plan, features: Iterable[Any], rows: Columns, chunks: Callable[[], Iterable[Chunk]], parts: int
) -> dict[str, Array]:
    """Return features by column, a value per row, computed part by part in a folder: the numbers of `features.offline.backfill`."""
    found = list(Backfill.of(folder, plan, features, rows, parts).run(chunks))
    return {column: np.concatenate([some[column] for some in found]) for column in found[0]}
