"""The rows of slates: those of a request in one piece, and none taken unless all of them can be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import groupby
from typing import Any

import numpy as np

from millrace.errors import BadInput
from millrace.log.codec import Codec
from millrace.log.comparing import first_difference
from millrace.log.identity import Occurrences
from millrace.log.importing import Read
from millrace.log.plan import KNOWN, Plan
from millrace.log.sources import Chunk, Source
from millrace.types import Array, Columns, stack, take

MOST = 10_000
"""How many rows a request may have: they are in memory together."""

BESIDE = "beside a row that does not say its request, which may have had more"
OTHERS = "another row of its request cannot be taken"
TWICE = "candidate: twice in its request"


def survey(file: Source, plan: Plan, tell: Callable[[float], object]) -> set[str]:
    """Read the ids of a file; return those of requests beside a row that does not say whose it is: they may not be whole.

    Args:
        file: The file.
        plan: What ids are taken from.
        tell: Told which share of the file has been read, from 0 to 1.

    Raises:
        BadInput: Rows of a request do not stand together, or are too many.
    """
    found = _Survey()
    for chunk in file.chunks():
        found.add(_ids(plan, chunk))
        tell(chunk.share)
    return found.beside


def _ids(plan: Plan, chunk: Chunk) -> list[str | None]:
    """Return the ids of the rows of a chunk, None for those that do not say theirs, in the order of the file."""
    ids, why = plan.column("id", chunk)
    told = [None if fault else id_ for id_, fault in zip(ids.tolist(), why.tolist(), strict=True)] + [None] * len(chunk.unreadable)
    numbers = [*chunk.numbers, *(one.number for one in chunk.unreadable)]
    return [told[place] for place in np.argsort(numbers)] if chunk.unreadable else told


@dataclass
class _Survey:
    """What was seen so far of the ids of a file: in 8 bytes for each, as all that is asked is whether one comes again."""

    beside: set[str] = field(default_factory=set)
    _seen: Occurrences = field(default_factory=Occurrences)
    _last: str | None = None
    _rows: int = 0
    _is_after_unknown: bool = False

    def add(self, ids: Sequence[str | None]) -> None:
        new: list[str] = []
        for id_, rows in groupby(ids):
            if id_ is None:
                self._is_after_unknown = True
                if self._last is not None:
                    self.beside.add(self._last)
                continue
            if id_ != self._last:
                new.append(id_)
                self._rows = 0
            if self._is_after_unknown:
                self.beside.add(id_)
            self._rows += sum(1 for _ in rows)
            self._last, self._is_after_unknown = id_, False
            if self._rows > MOST:
                raise BadInput(f"{id_} has more than {MOST:,} rows: take `id` from the column that says whose a row is", field="id")
        digests = [int.from_bytes(blake2b(one.encode(), digest_size=8).digest()) for one in new]
        again = np.flatnonzero(self._seen.add(np.array(digests, dtype=np.uint64)))
        if len(again):
            raise BadInput(f"the rows of {new[again[0]]} do not stand together: sort the file by what `id` is taken from", field="id")


def together(reads: Iterator[Read]) -> Iterator[Read]:
    """Yield the same rows with those of a request in one piece: what is last is held back until the next is seen."""
    held: Read | None = None
    for some in reads:
        whole = some if held is None else _joined(held, some)
        start = _last_request(whole)
        yield _part(whole, slice(0, start), whole.row)
        rows = [whole.row(place) for place in range(start, len(whole.numbers))]  # not the chunks that they are of
        held = replace(_part(whole, slice(start, None), rows.__getitem__), unreadable=())
    if held is not None:
        yield held


def _joined(held: Read, some: Read) -> Read:
    n = len(held.numbers)
    return Read(
        stack([held.columns, some.columns]),
        np.concatenate([held.faults, some.faults]),
        [*held.numbers, *some.numbers],
        lambda place: held.row(place) if place < n else some.row(place - n),
        some.unreadable,
        some.share,
    )


def _part(whole: Read, rows: slice, row: Callable[[int], Any]) -> Read:
    return replace(whole, columns=take(whole.columns, rows), faults=whole.faults[rows], numbers=whole.numbers[rows], row=row)


def _last_request(some: Read) -> int:
    """Return the place at which the rows of the last request begin; of one that is beside unknown rows already, the end."""
    told = np.flatnonzero(_says(some))
    if not len(told) or told[-1] < len(some.faults) - 1:
        return len(some.faults)
    ids = some.columns["id"][told]
    before = np.flatnonzero(ids != ids[-1])
    return int(told[before[-1] + 1] if len(before) else told[0])


def _says(some: Read) -> Array:
    """Return which rows say which request they are of. Boolean."""
    return np.array([not why.startswith("id: ") for why in some.faults], dtype=bool)


def slates_of(ids: Array) -> tuple[Array, Array]:
    """Return the number of the slate of each row, from 0, and the first row of each. Shapes (n,) and (slates,)."""
    begins = np.concatenate([[True], ids[1:] != ids[:-1]]) if len(ids) else np.zeros(0, dtype=bool)
    return np.cumsum(begins) - 1, np.flatnonzero(begins)


def checked(codec: Codec, some: Read, place: str, base: int, beside: set[str]) -> Read:
    """Return rows in which all those of a request are at fault where one is, or where they do not fit together.

    Args:
        codec: Of the request class.
        some: The rows, those of a request in one piece.
        place: The column that says where each candidate stood.
        base: The number of the best place.
        beside: Requests that may not be whole.
    """
    says = np.flatnonzero(_says(some))
    rows = take(some.columns, says)
    faults = some.faults[says]
    number, first = slates_of(rows["id"])
    line = f"{place}: not {base}, {base + 1}, ... without a gap in its request"
    for why in (
        np.where([one in beside for one in rows["id"].tolist()], BESIDE, ""),
        np.where(faults != "", OTHERS, ""),
        _differing(codec, rows, first[number]),
        np.where(_is_twice(rows["candidate"], number), TWICE, ""),
        np.where(_is_out_of_line(rows[place], number, first, base), line, ""),
    ):
        _spread(faults, number, why)
    whole = some.faults.copy()
    whole[says] = faults
    return replace(some, faults=whole)


def _spread(faults: Array, number: Array, why: Array) -> None:
    """Give the first reason that rows of a slate have to all of its rows that have none yet."""
    reasons: dict[int, str] = {}
    for row in np.flatnonzero(why != "").tolist():
        reasons.setdefault(int(number[row]), str(why[row]))
    for row in np.flatnonzero(np.isin(number, list(reasons)) & (faults == "")).tolist():
        faults[row] = reasons[int(number[row])]


def _differing(codec: Codec, rows: Columns, first: Array) -> Array:
    """Return for rows that say of their request what its first row does not, which field it is."""
    before = take(rows, first)
    found = first_difference(codec, rows, before)
    for name in (KNOWN, "action"):
        found[(found == "") & (rows[name] != before[name])] = name
    return np.array([name and f"{name}: not the same in all rows of its request" for name in found], dtype=object)


def _is_twice(candidates: Array, number: Array) -> Array:
    """Return which rows name a candidate that another row of their slate names. Boolean."""
    _, code = np.unique(candidates.astype(str), return_inverse=True)
    _, pair, counts = np.unique(number * (len(code) + 1) + code, return_inverse=True, return_counts=True)
    return counts[pair] > 1


def _is_out_of_line(places: Array, number: Array, first: Array, base: int) -> Array:
    """Return which rows stand at a place that their slate, counted from `base`, leaves out or has twice. Boolean."""
    order = np.lexsort((places, number))
    found = np.zeros(len(places), dtype=bool)
    found[order] = places[order] - base != np.arange(len(places)) - first[number[order]]
    return found
