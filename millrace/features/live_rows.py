"""The rows of decisions as the online view sees them now: whatever several features need of a row is found once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from millrace.decision import Decisions
from millrace.features.keyed import KeyedStates
from millrace.features.plan import Plan, Read
from millrace.features.reading import Directory, Reader
from millrace.features.routes import RowRoute
from millrace.features.tiles import TiledState
from millrace.types import Array, size


class Held(NamedTuple):
    """Where an online view holds what an aggregate reads.

    Attributes:
        group: The states that share its keying.
        states: Its own of them, in their order.
    """

    group: KeyedStates
    states: tuple[TiledState, ...]


def held(plan: Plan, groups: Mapping[str, KeyedStates]) -> dict[str, Held]:
    """Return where the states of each read of a plan are, by the aggregate's column; `groups` are all states by keying."""
    found = {}
    for column, read in plan.reads.items():
        group = groups[read.states[0].keying.column]
        found[column] = Held(group, tuple(group.states[state.column] for state in read.states))
    return found


class LiveRows:
    """See `sides.Rows`."""

    def __init__(self, plan: Plan, directory: Directory, holds: Mapping[str, Held], d: Decisions, watermark: int) -> None:
        """See rows as of a watermark that what is held has reached.

        Args:
            plan: What is kept.
            directory: The ids and attributes that are known.
            holds: Where states are: `held`.
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
        self._slots: dict[str, Array] = {}
        self._spread: dict[str, Array] = {}

    @property
    def watermark(self) -> Array:
        """See `Rows.watermark`."""
        return np.full(self.requests, self._as_of, dtype=np.int64)

    def field(self, way: RowRoute) -> Array:
        """See `Rows.field`."""
        return self._readers[way.side].values(way.field)

    def states(self, read: Read) -> tuple[Array, ...]:
        """See `Rows.states`."""
        group, states = self._holds[read.aggregate.column]
        slots = self._slots.get(read.reach)
        if slots is None:
            slots = self._slots[read.reach] = group.slots.lookup([self._codes(way, read.side) for way in read.routes])
        return tuple([state.tally.value[slots] for state in states])

    def _codes(self, way: RowRoute, side: str) -> Array:
        codes = self._readers[way.side].codes(way.field)
        if way.side == side:
            return codes
        spread = self._spread.get(way.field.column)
        if spread is None:
            spread = self._spread[way.field.column] = codes[self.request]
        return spread
