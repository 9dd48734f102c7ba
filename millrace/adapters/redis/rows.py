"""The rows of decisions as what Redis holds makes them: filled round by round, then computed like those of any engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from millrace.adapters.redis.layout import Layout, joint_piece, key_text
from millrace.adapters.redis.wants import Entities, Keys, Want
from millrace.decision import Decisions
from millrace.features.attributes import as_attribute
from millrace.features.interning import NOBODY
from millrace.features.plan import Read
from millrace.features.reading import Directory, Reader
from millrace.features.routes import RowRoute
from millrace.types import Array, objects, size


class Found(NamedTuple):
    """The rows that there are of those asked for: at which places of what was asked, and the rows themselves."""

    places: list[int]
    rows: list[bytes]


class StoredRows:
    """See `features.sides.Rows`. What `keys` asks for must be taken, round after round, before anything is computed."""

    def __init__(self, layout: Layout, d: Decisions, watermark: int) -> None:
        self.request = d.rows["request"]
        self.requests = size(d.requests)
        self.at = d.requests["at"]
        self.watermark = np.full(self.requests, watermark, dtype=np.int64)
        self._d = d
        self._layout = layout
        self._directory = Directory(layout.plan)
        self._readers: dict[str, Reader] = {}
        self._asked: dict[Want, list[Any]] = {}
        self._slots: dict[Keys, Array] = {}
        self._values: dict[Keys, dict[str, Array]] = {}
        self._renew()

    def _renew(self) -> None:
        """Read anew: a reader remembers what it was asked, and now there is more."""
        self._readers = {
            "request": Reader(self._d.requests, self._directory, None),
            "candidate": Reader({"id": self._d.rows["candidate"]}, self._directory, None, entity=self._layout.plan.candidate),
        }

    def field(self, way: RowRoute) -> Array:
        """See `Rows.field`."""
        return self._readers[way.side].values(way.field)

    def states(self, read: Read) -> tuple[Array, ...]:
        """See `Rows.states`."""
        keys = Keys.of(read)
        slots = self._slots[keys]
        return tuple(self._values[keys][state.column][slots] for state in read.states)

    def keys(self, wanted: Sequence[Want]) -> dict[Want, tuple[str, list[str]]]:
        """Return what to ask for: for each want the name of its rows, and each key once, as text."""
        return {want: self._entities(want) if isinstance(want, Entities) else self._keys(want) for want in wanted}

    def _entities(self, want: Entities) -> tuple[str, list[str]]:
        self._asked[want] = distinct(self.field(want.holder).tolist())
        return self._layout.tables[want.owner].name, [key_text(one) for one in self._asked[want]]

    def _keys(self, want: Keys) -> tuple[str, list[str]]:
        columns = [self._column(way, want.side) for way in want.routes]
        keys: list[Any] = columns[0] if len(columns) == 1 else _joint(columns)
        asked = self._asked[want] = distinct(keys)
        place = dict(zip(asked, range(1, len(asked) + 1), strict=True))
        self._slots[want] = np.fromiter(map(place.get, keys, repeat(NOBODY)), dtype=np.int64, count=len(keys))
        if len(columns) == 1:
            return self._layout.groups[want.column].name, [key_text(one) for one in asked]
        pieces = [{one: joint_piece(one) for one in distinct(column)} for column in columns]
        names = ["".join([piece[one] for piece, one in zip(pieces, joint, strict=True)]) for joint in asked]
        return self._layout.groups[want.column].name, names

    def _column(self, way: RowRoute, side: str) -> list[Any]:
        """Return the key of each row, or of each request."""
        values = self.field(way)
        if way.field.kind == "instant":
            values = as_attribute(way.field, values)
        return (values if way.side == side else values[self.request]).tolist()

    def take(self, found: Mapping[Want, Found]) -> None:
        """Take in what was found."""
        for want, (places, rows) in found.items():
            if isinstance(want, Entities):
                self._stage(want, places, rows)
            else:
                self._place(want, places, rows)
        self._renew()

    def _stage(self, want: Entities, places: list[int], rows: list[bytes]) -> None:
        if not places:
            return
        asked, n = self._asked[want], len(places)
        columns = self._layout.tables[want.owner].read(rows)
        names = self._layout.plan.attributes[want.owner]
        records = {"id": objects(asked[place] for place in places), "known": np.zeros(n, np.int64), "position": np.arange(n)}
        table = self._directory.tables[want.owner]
        table.stage(records | {name: column[1:] for name, column in zip(names, columns, strict=True)})
        table.commit()

    def _place(self, want: Keys, places: list[int], rows: list[bytes]) -> None:
        states = self._layout.empty.groups[want.column].states
        self._values[want] = dict(zip(states, self._layout.groups[want.column].read(rows), strict=True))
        if len(places) < len(self._asked[want]):  # keys without a row are nobody
            there = np.zeros(len(self._asked[want]) + 1, dtype=np.int64)
            there[np.array(places, dtype=np.int64) + 1] = np.arange(1, len(places) + 1)
            self._slots[want] = there[self._slots[want]]


def distinct(keys: Iterable[Any]) -> list[Any]:
    """Return keys once each, missing ones left out."""
    return [key for key in dict.fromkeys(keys) if key is not None and key == key]  # NaN differs from itself


def _joint(columns: Sequence[list[Any]]) -> list[Any]:
    """Return the combination of keys in each row, None where one is missing."""
    joint: list[Any] = list(zip(*columns, strict=True))
    if all(len(distinct(column)) == len(set(column)) for column in columns):
        return joint
    return [None if any(key is None or key != key for key in keys) else keys for keys in joint]
