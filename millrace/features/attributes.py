"""Attributes of entities and requests as they were known: the record that was the latest at a moment, not the latest there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from millrace.features.interning import NOBODY, Interner, longer
from millrace.features.values import NOT_A_TIME
from millrace.schema import Field
from millrace.types import Array, Columns, size


@dataclass(frozen=True)
class Moments:
    """Places in the total order of the log, one per row: (known, position). Position -1 is before all records of that instant."""

    known: Array
    position: Array

    @classmethod
    def of(cls, rows: Columns) -> Moments:
        """Return where records stand in the log."""
        return cls(rows["known"], rows["position"])

    @classmethod
    def before(cls, watermark: Array) -> Moments:
        """Return the moments that see exactly what is known before each watermark."""
        return cls(watermark, np.full(len(watermark), -1))


class Versions:
    """The records of one class, arranged so that the one known at a moment is found by binary search."""

    def __init__(self, codes: Array, moments: Moments) -> None:
        """Arrange records of the entities `codes`, known at `moments`: at least one, in any order. Shape (n,) each."""
        order = np.lexsort((moments.position, moments.known))
        self._known, self._position = moments.known[order], moments.position[order]
        rank = np.argsort(codes[order], kind="stable")
        self._record = order[rank]
        self._codes = codes[self._record]
        self._places = self._codes * (len(codes) + 1) + rank

    def known_at(self, codes: Array, moments: Moments) -> Array:
        """Return the position of each entity's latest record strictly before each moment, -1 where there is none. Shape (n,)."""
        targets = codes * (len(self._codes) + 1) + self._before(moments)
        found = np.searchsorted(self._places, targets) - 1
        missing = (found < 0) | (self._codes[found] != codes)
        return np.where(missing, -1, self._record[found])

    def latest(self) -> Array:
        """Return the position of the last record of each entity."""
        ends = np.flatnonzero(np.append(self._codes[1:] != self._codes[:-1], True))
        return self._record[ends]

    def _before(self, moments: Moments) -> Array:
        """Return how many records come strictly before each moment in the total order."""
        before = np.searchsorted(self._known, moments.known, "left")
        tied = np.flatnonzero(before < np.searchsorted(self._known, moments.known, "right"))
        if len(tied) == 0:
            return before
        # Records and moments of the same instant: put them in one order; where even positions agree, the moment comes first.
        n = len(self._known)
        known = np.concatenate([self._known, moments.known[tied]])
        position = np.concatenate([self._position, moments.position[tied]])
        is_record = np.arange(len(known)) < n
        order = np.lexsort((is_record, position, known))
        counted = np.empty(len(known), dtype=np.int64)
        counted[order] = np.cumsum(is_record[order])
        before[tied] = counted[n:]
        return before


@dataclass(frozen=True)
class Located:
    """Which entities are asked about, and for each the staged record to read (-1: what the table holds)."""

    codes: Array
    record: Array | None


class Table:
    """The attributes of one class by entity code: what is known now, and the records of a batch that are being worked in.

    Offline the table is empty and the whole history is one batch. Text is kept as str or None, everything else as float64 or NaN
    (instants in microseconds). Attributes that lead on to keys are kept as codes too.
    """

    def __init__(self, fields: tuple[Field, ...], interner: Interner, coders: Mapping[str, Interner]) -> None:
        """Make an empty table.

        Args:
            fields: The attributes kept.
            interner: The domain of the entities' own ids.
            coders: By attribute, the domain of those that lead on to keys.
        """
        self._fields = {field.name: field for field in fields}
        self._interner = interner
        self._coders = coders
        self._values: dict[str, Array] = {name: np.full(1, _missing(field)[1], _missing(field)[0]) for name, field in self._fields.items()}
        self._codes: dict[str, Array] = {name: np.zeros(1, dtype=np.int64) for name in coders}
        self._known = np.zeros(1, dtype=bool)
        self._staged: Versions | None = None
        self._staged_codes: dict[str, Array] = {}
        self._staged_values: dict[str, Array] = {}
        self._staged_ids: Array = np.zeros(0, dtype=np.int64)
        self.changes = 0

    def stage(self, records: Columns) -> None:
        """Take in the records of a batch (`id`, `known`, `position` and the fields); reads with moments see them from then on."""
        if size(records) == 0:
            return
        self._staged_ids = self._interner.intern(records["id"])
        self._staged = Versions(self._staged_ids, Moments.of(records))
        self._staged_values = {name: as_attribute(field, np.asarray(records[name])) for name, field in self._fields.items()}
        self._staged_codes = {name: coder.intern(self._staged_values[name]) for name, coder in self._coders.items()}

    def commit(self) -> None:
        """Make the staged records what is known now."""
        if self._staged is None:
            return
        self.fit()
        latest = self._staged.latest()
        at = self._staged_ids[latest]
        for held, staged in ((self._values, self._staged_values), (self._codes, self._staged_codes)):
            for name, column in staged.items():
                held[name][at] = column[latest]
        self._known[at] = True
        self._staged = None
        self.changes += 1

    def fit(self) -> None:
        """Grow with the domain, so that every code has a place."""
        room = self._interner.capacity
        if len(self._known) < room:
            self._values = {name: longer(column, room, column[NOBODY]) for name, column in self._values.items()}
            self._codes = {name: longer(column, room, NOBODY) for name, column in self._codes.items()}
            self._known = longer(self._known, room, False)

    def locate(self, codes: Array, moments: Moments | None) -> Located:
        """Find the records known at each moment; None asks for what is known now."""
        self.fit()
        if moments is None or self._staged is None:
            return Located(codes, None)
        return Located(codes, self._staged.known_at(codes, moments))

    def values(self, name: str, at: Located) -> Array:
        """Return an attribute's value for each place: text or None, number or NaN."""
        return _either(self._values[name], self._staged_values.get(name), at)

    def codes(self, name: str, at: Located) -> Array:
        """Return the code of an attribute that leads on to keys, `NOBODY` where it is missing."""
        return _either(self._codes[name], self._staged_codes.get(name), at)

    def column(self, name: str) -> Array:
        """Return an attribute of every entity as known now, by code. Shape (entities + 1,); the first place is nobody."""
        return self._values[name][: len(self._interner) + 1]

    @property
    def entities(self) -> Array:
        """The codes of the entities that have a record, in the order they were first mentioned."""
        return np.flatnonzero(self._known[: len(self._interner) + 1])

    @property
    def nbytes(self) -> int:
        """The memory its arrays take, in bytes, the texts themselves apart."""
        return self._known.nbytes + sum(column.nbytes for columns in (self._values, self._codes) for column in columns.values())

    def snapshot(self) -> dict[str, Array]:
        """Return what is known now, by attribute, with `entities`: the codes of those known."""
        entities = self.entities
        return {"entities": entities} | {f"value.{name}": column[entities] for name, column in self._values.items()}

    def restore(self, saved: Columns) -> None:
        """Hold what a snapshot held. The interners must hold the same ids already."""
        self.fit()
        entities = saved["entities"]
        self._known[entities] = True
        for name in self._values:
            self._values[name][entities] = saved[f"value.{name}"]
        for name, coder in self._coders.items():
            self._codes[name][entities] = coder.lookup(saved[f"value.{name}"])


def _either(held: Array, staged: Array | None, at: Located) -> Array:
    if at.record is None or staged is None:
        return held[at.codes]
    out = staged[at.record]
    old = np.flatnonzero(at.record < 0)
    out[old] = held[at.codes[old]]
    return out


def as_attribute(field: Field, column: Array) -> Array:
    """Return a recorded column as attributes are kept: text or None, everything else float64 or NaN (instants in microseconds)."""
    if field.kind in ("text", "bytes"):
        return column.astype(object)
    if field.kind == "instant" and column.dtype.kind == "i":
        return np.where(column == NOT_A_TIME, np.nan, column.astype(np.float64))
    return column.astype(np.float64)


def _missing(field: Field) -> tuple[type, float | None]:
    return (object, None) if field.kind in ("text", "bytes") else (np.float64, np.nan)
