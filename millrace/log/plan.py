"""The plan of an import: which column of a file, constant or default each field of a stream is taken from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import numpy as np

from millrace.errors import BadInput
from millrace.log.codec import REQUIRED, Codec, Held
from millrace.log.converting import converted
from millrace.log.faults import FUTURE, told
from millrace.log.kinds import NO_INSTANT, Instant, Text
from millrace.log.settling import AHEAD
from millrace.log.sources import Chunk
from millrace.schema import Field, lag
from millrace.types import Array

AT = "at"
NOW = "now"
"""The two words for `known`; any other names a column."""

KNOWN = "known"


class Plan:
    """Where the values of an import come from.

    A field is taken from the column that `mapping` names, else from `constants`, else from the column of its own name, else it has its
    default.

    Args:
        codec: The stream's codec.
        names: The columns of the file.
        mapping: Columns by field.
        constants: Values by field, the same for all rows.
        known: `"at"`, `"now"`, or the column that says when each row became known.
        zone: The time zone of instants that do not say theirs.
        now: The instant of the import, in microseconds since 1970 UTC.
        extra: What to read besides the stream's own fields, by name: its kind and its annotation.

    Raises:
        BadInput: A field or a column does not exist, or a required field comes from nowhere.
    """

    def __init__(
        self,
        codec: Codec,
        names: Sequence[str],
        mapping: Mapping[str, str],
        constants: Mapping[str, Any],
        known: str,
        zone: str | None,
        now: int | None,
        extra: Mapping[str, tuple[Held, Any]] | None = None,
    ) -> None:
        if known == NOW and now is None:
            raise BadInput("known='now' needs to be told what time it is: give now=, in microseconds since 1970 UTC", field="known")
        self._codec = codec
        self._known = known
        self._now = now
        self._zone = _existing(zone)
        self._held = _own(codec, known)
        self._hints = {info.name: info.type for info in msgspec.structs.fields(codec.item)}
        for name, (held, hint) in (extra or {}).items():
            self._held[name], self._hints[name] = held, hint
        same = {name: name for name in self._held if name in names and name not in constants and name != KNOWN}
        self._columns = {**same, **mapping, **({} if known in (AT, NOW) else {KNOWN: known})}
        self._check(names, constants)
        self._constants = {name: self._constant(name, value) for name, value in constants.items()}

    def _check(self, names: Sequence[str], constants: Mapping[str, Any]) -> None:
        stream, file = self._codec.name, f"the file has {', '.join(names)}"
        for name in [*self._columns, *constants]:
            if name not in self._held:
                raise BadInput(f"{stream} has no field {name!r}: choose among {', '.join(self._held)}", field=name)
        for name, column in self._columns.items():
            if column not in names:
                raise BadInput(f"there is no column {column!r} to take {stream}.{name} from: {file}", field=name)
        for name, held in self._held.items():
            if held.default is REQUIRED and not held.is_optional and name not in {*self._columns, *constants}:
                raise BadInput(
                    f"{stream}.{name} is required and no column has its name: map one to it, or give a constant; {file}", field=name
                )

    def _constant(self, name: str, value: Any) -> Any:
        column, why = self._read(name, [value.isoformat() if isinstance(value, datetime) else value])
        if why[0]:
            said = why[0] if name in self._codec.private else told(why[0], value)
            raise BadInput(f"{self._codec.name}.{name}: {said}", field=name)
        return column[0]

    def _read(self, name: str, raw: Any) -> tuple[Array, Array]:
        own = name in self._codec.held
        is_key = Field(self._codec.item, name).refers_to is not None if own else name not in (AT, KNOWN)
        return converted(self._held[name], raw, self._zone, self._hints.get(name), is_key)

    @property
    def private(self) -> set[str]:
        """The columns that private fields are taken from."""
        return {column for name, column in self._columns.items() if name in self._codec.private}

    @property
    def content(self) -> list[str]:
        """What the file or a constant gives, ids and `known` apart: what a row says."""
        return [name for name in {**self._columns, **self._constants} if name not in ("id", KNOWN)]

    def rows(self, chunk: Chunk) -> tuple[dict[str, Array], Array]:
        """Return the rows of a chunk as columns (an `id` may be empty), and the first fault of each, "" where it has none."""
        n = len(chunk.numbers)
        rows, faults = {}, np.full(n, "", dtype=object)
        for name in self._held:
            rows[name], why = self.column(name, chunk)
            _add(faults, name, why)
        if self._known == NOW:
            rows[KNOWN] = np.full(n, self._now, dtype=np.int64)
        rows.setdefault(KNOWN, self._published(rows[AT]))
        rows[AT] = np.where(rows[AT] == NO_INSTANT, rows[KNOWN], rows[AT])
        latest = rows[KNOWN] if self._now is None else np.minimum(rows[KNOWN], self._now)
        _add(faults, AT, np.where(rows[AT] > latest + AHEAD, FUTURE, ""))
        _add(faults, KNOWN, np.where(rows[KNOWN] > latest + AHEAD, FUTURE, ""))
        return rows, faults

    def column(self, name: str, chunk: Chunk) -> tuple[Array, Array]:
        """Return a field of the rows of a chunk, and why each value does not fit, "" where it does; there the column holds anything."""
        n, held = len(chunk.numbers), self._held[name]
        if name in self._columns:
            return self._read(name, chunk.columns.get(self._columns[name], [None] * n))
        fits = np.full(n, "", dtype=object)
        if name in self._constants:
            return np.full(n, self._constants[name], dtype=held.kind.dtype), fits
        return held.kind.column([None if held.default is REQUIRED else held.default] * n), fits

    def told(self, fault: str, row: Mapping[str, Any]) -> str:
        """Return the fault of a row with the value that is at fault, unless that is private or came from no column."""
        name, _, why = fault.partition(": ")
        column = self._columns.get(name)
        return fault if column is None or column in self.private else f"{name}: {told(why, row.get(column))}"

    def _published(self, at: Array) -> Array:
        """Return when rows became known that do not say it: as late as their source is published, but not after the import."""
        known = at + lag(self._codec.item)
        return known if self._now is None else np.maximum(at, np.minimum(known, self._now))


def _own(codec: Codec, known: str) -> dict[str, Held]:
    """Return what a file can give for a stream, by name.

    An event without an id gets one from its content. An entity's update without an instant happened when it became known.
    """
    own = {
        "id": Held(Text(), str, (), REQUIRED if codec.is_dated else ""),
        AT: Held(Instant(), int, (), is_optional=codec.is_dated and known != AT),
    }
    return {**own, **codec.held} if known in (AT, NOW) else {**own, **codec.held, KNOWN: Held(Instant(), int, ())}


def _add(faults: Array, name: str, why: Array) -> None:
    """Put down the faults of a field for the rows that have none yet."""
    for place in np.flatnonzero((why != "") & (faults == "")):
        faults[place] = f"{name}: {why[place]}"


def _existing(zone: str | None) -> str | None:
    from zoneinfo import ZoneInfo

    try:
        return zone and ZoneInfo(zone).key
    except (KeyError, ValueError, OSError):
        raise BadInput(f"{zone!r} is no time zone: use a name such as UTC or Europe/Vienna", field="timezone") from None
