"""The rows of decisions as the online view sees them now: whatever several features need of a row is found once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from millrace.decision import Decisions
from millrace.features.interning import Combinations
from millrace.features.keyed import KeyedStates
from millrace.features.plan import Plan, Read
from millrace.features.reading import Directory, Reader
from millrace.features.routes import RowRoute
from millrace.features.sides import on_side
from millrace.types import Array, size


class Held(NamedTuple):
    """Where an online view holds what aggregates of one reach read.

    Attributes:
        slots: Where the keys of a row lead.
        is_timed: Whether one of the aggregates changes with the watermark alone.
        read: Returns the values of each aggregate there, given the watermark of each.
    """

    slots: Combinations
    is_timed: bool
    read: Callable[[Array, Array | int], list[Array]]


def held(groups: Mapping[str, KeyedStates], reads: Sequence[Read]) -> Held:
    """Return where the states of reads of one reach are; `groups` are all states by keying."""
    group = groups[reads[0].states[0].keying.column]
    return Held(group.slots, any(read.operation.timed for read in reads), group.values.reading(reads))


class LiveRows:
    """See `sides.Rows`."""

    def __init__(self, plan: Plan, directory: Directory, holds: Callable[[tuple[Read, ...]], Held], d: Decisions, watermark: int) -> None:
        """See rows as of a watermark that what is held has reached.

        Args:
            plan: What is kept.
            directory: The ids and attributes that are known.
            holds: Returns where the states of reads of one reach are: `held`.
            d: The rows.
            watermark: As of when they are read, microseconds.
        """
        self.request = d.rows["request"]
        self.requests = size(d.requests)
        self.at = d.requests["at"]
        self._as_of = watermark
        self._holds = holds
        self._readers = {
            "request": Reader(d.requests, directory, None),
            "candidate": Reader({"id": d.rows["candidate"]}, directory, None, entity=plan.candidate),
        }
        self._spread: dict[str, Array] = {}

    @property
    def watermark(self) -> Array:
        """See `Rows.watermark`."""
        return np.full(self.requests, self._as_of, dtype=np.int64)

    def field(self, way: RowRoute) -> Array:
        """See `Rows.field`."""
        return self._readers[way.side].values(way.field)

    def aggregates(self, reads: tuple[Read, ...]) -> list[Array]:
        """See `Rows.aggregates`."""
        first = reads[0]
        codes = [self._codes(way, first.side) for way in first.routes]
        slots, is_timed, read = self._holds(reads)
        watermark = on_side(self.watermark, "request", first.side, self) if is_timed else self._as_of
        return read(slots.lookup(codes), watermark)

    def _codes(self, way: RowRoute, side: str) -> Array:
        codes = self._readers[way.side].codes(way.field)
        if way.side == side:
            return codes
        spread = self._spread.get(way.field.column)
        if spread is None:
            spread = self._spread[way.field.column] = codes[self.request]
        return spread
