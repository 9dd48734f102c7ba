"""The rows of decisions as what Redis holds makes them: filled round by round, then computed like those of any engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from millrace.adapters.redis.layout import joint_piece, key_texts
from millrace.adapters.redis.wants import Needs, Want, holder_of, shortest
from millrace.decision import Decisions
from millrace.errors import BadInput
from millrace.features.attributes import as_attribute
from millrace.features.interning import NOBODY
from millrace.features.plan import Read
from millrace.features.routes import RowRoute
from millrace.schema import field_names
from millrace.types import Array, Columns, size


class StoredRows:
    """See `features.sides.Rows`. What `keys` asks for must be taken, round after round, before anything is computed.

    Attributes:
        watermark: See `Rows.watermark`; to be set once it is known.
    """

    def __init__(self, needs: Needs, d: Decisions) -> None:
        self.request = d.rows["request"]
        self.requests = size(d.requests)
        self.at = d.requests["at"]
        self.watermark = np.zeros(0, dtype=np.int64)
        self._sides: dict[str, Columns] = {"request": d.requests, "candidate": {"id": d.rows["candidate"]}}
        self._needs = needs
        self._asked: dict[Want, tuple[list[Any], list[Any]]] = {}
        self._slots: dict[Want, Array] = {}
        self._values: dict[Want, dict[str, Array]] = {}
        self._fields: dict[tuple[str, str], Array] = {}

    def field(self, way: RowRoute) -> Array:
        """See `Rows.field`."""
        place = (way.side, way.field.column)
        found = self._fields.get(place)
        if found is None:
            found = self._fields[place] = self._field(shortest(way))
        return found

    def _field(self, way: RowRoute) -> Array:
        field, holder = way.field, holder_of(way)
        if holder is None:
            found = self._sides[way.side].get(field.name)
            if found is None:
                known = ", ".join(field_names(field.owner))
                raise BadInput(
                    f"the rows of {field.owner.__name__} have no column {field.name!r}: give all its fields ({known})", field.name
                )
            return found
        want = self._needs.entities[holder.side, holder.field.column]
        return self._values[want][field.name][self._slots[want]]

    def states(self, read: Read) -> tuple[Array, ...]:
        """See `Rows.states`."""
        want = self._needs.states[read.aggregate.column]
        values, slots = self._values[want], self._slots[want]
        return tuple([values[state.column][slots] for state in read.states])

    def keys(self, want: Want) -> list[str]:
        """Return the keys of the rows to ask for, each once, without what they begin with."""
        columns = [self._column(way, is_instant, want.side) for way, is_instant in zip(want.routes, want.instants, strict=True)]
        if len(columns) > 1:
            return self._joint_keys(want, columns)
        asked = distinct(columns[0])
        self._asked[want] = (columns[0], asked)
        return key_texts(asked)

    def _joint_keys(self, want: Want, columns: Sequence[list[Any]]) -> list[str]:
        pieces = [{one: joint_piece(one) for one in distinct(column)} for column in columns]
        rows = asked = list(zip(*columns, strict=True))
        if any(len(piece) < len(set(column)) for piece, column in zip(pieces, columns, strict=True)):  # a key is missing here or there
            asked = [keys for keys in rows if all(key in piece for key, piece in zip(keys, pieces, strict=True))]
        asked = list(dict.fromkeys(asked))
        self._asked[want] = (rows, asked)
        return ["".join([piece[key] for piece, key in zip(pieces, keys, strict=True)]) for keys in asked]

    def _column(self, way: RowRoute, is_instant: bool, side: str) -> list[Any]:
        """Return the key of each row, or of each request."""
        values = self.field(way)
        if is_instant:
            values = as_attribute(way.field, values)
        return (values if way.side == side else values[self.request]).tolist()

    def take(self, want: Want, found: Sequence[bytes | None]) -> None:
        """Take in the rows at the keys that were asked for, None where there is none."""
        rows, asked = self._asked.pop(want)
        there = {key: row for key, row in zip(asked, found, strict=True) if row is not None}
        self._values[want] = want.row.read(list(there.values()))
        place = dict(zip(there, range(1, len(there) + 1), strict=True))  # keys without a row are nobody
        self._slots[want] = np.fromiter(map(place.get, rows, repeat(NOBODY)), dtype=np.int64, count=len(rows))


def distinct(keys: Iterable[Any]) -> list[Any]:
    """Return keys once each, missing ones left out."""
    return [key for key in dict.fromkeys(keys) if key is not None and key == key]  # NaN differs from itself
