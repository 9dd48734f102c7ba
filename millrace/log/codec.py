"""One stream's records as items (structs), as JSON bodies and as columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from millrace.errors import BadInput, MillraceError
from millrace.log.kinds import Instant, Integer, Kind, Text, refusal
from millrace.log.private import Sealing
from millrace.schema import Entity, Event, private_fields
from millrace.types import Array, Columns, objects

RECORD: dict[str, Kind] = {"position": Integer(), "known": Instant(), "id": Text(repeats=False), "at": Instant()}
"""What every record of every stream carries beside its fields."""

ORDER = ("known", "position")
"""The columns that say where a record stands in the log: always read, whatever else is."""

REQUIRED = msgspec.NODEFAULT
"""The default of a field that has none."""


@dataclass(frozen=True)
class Held:
    """One column of a stream.

    Attributes:
        kind: What its values are.
        read: Takes its value from an item.
        needs: The fields of the item that this reads; none means the whole item.
        default: Its value in records that lack it, or `REQUIRED`.
        is_optional: Whether its value may be missing.
    """

    kind: Kind
    read: Callable[[Any], Any]
    needs: tuple[str, ...]
    default: Any = REQUIRED
    is_optional: bool = False


class Codec:
    """How the records of one stream are written and read.

    Attributes:
        name: The stream's name in the log.
        item: The class of its items.
        held: Its columns beside those of `RECORD`, by name.
        kinds: The kinds of all its columns, by name.
        private: Which of its fields are `Private`.
        is_dated: Whether (id, at) identifies a record, as it does the updates of an entity; else the id alone.
        sealing: How its private fields are sealed; None where it has none, or keeps no records.
        is_sound: Says of an item that it need not be read back to be checked, where that can be told quicker.
        part_rows: How many rows a file of the lake may hold.
        group_rows: How many rows of a file are read together when one of them is looked up.
    """

    def __init__(
        self,
        item: Any,
        name: str,
        held: Mapping[str, Held],
        *,
        is_sound: Callable[[Any], bool] = lambda _: False,
        part_rows: int = 1_000_000,
        group_rows: int = 32_768,
    ) -> None:
        self.name = name
        self.item = item
        self.sealing: Sealing | None = None
        self.held = dict(held)
        self.kinds: dict[str, Kind] = {**RECORD, **{field: one.kind for field, one in held.items()}}
        self.is_dated = issubclass(item, Entity)
        self.private = private_fields(item) if issubclass(item, Entity | Event) else ()
        self.is_sound = is_sound
        self.part_rows = part_rows
        self.group_rows = group_rows
        self._encode = msgspec.json.Encoder().encode
        self._decoders: dict[tuple[str, ...], msgspec.json.Decoder[Any]] = {(): msgspec.json.Decoder(list[item])}

    def encode(self, items: Sequence[Any]) -> list[bytes]:
        """Return the JSON body of each item.

        Raises:
            BadInput: A value cannot be written as JSON.
        """
        try:
            return list(map(self._encode, items))
        except (TypeError, ValueError, OverflowError) as error:  # text that is not Unicode raises a ValueError
            raise BadInput(f"{self.name}: {error}") from None

    def validated(self, bodies: Sequence[bytes]) -> list[Any]:
        """Return the items of JSON bodies, every value checked against the class, which a constructor does not do.

        Raises:
            BadInput: A value is of the wrong type; the message says which item, `field` says which field.
        """
        try:
            return self._decoders[()].decode(_array(bodies))
        except msgspec.ValidationError as error:
            raise self._refused(str(error)) from None

    def _refused(self, said: str) -> BadInput:
        found = re.fullmatch(r"(?s)(.*) - at `\$\[(\d+)\]\.?([^`]*)`", said)
        why, place, field = found.groups() if found else (said, "0", "")
        if why.endswith("got `null`"):
            why += " (NaN and infinity are null)"
        return self.bad(int(place), field, why)

    def bad(self, place: int, field: str, why: str) -> BadInput:
        """Return the error that names an item of a batch and its field."""
        return BadInput(f"{self.name}, item {place}: {field + ': ' if field else ''}{why}", field=field)

    def columns(self, items: Sequence[Any]) -> dict[str, Array]:
        """Return items as columns: the stream's fields, `id` and `at` (missing for updates of an entity, which do not say it).

        Raises:
            BadInput: A value has no place in its column: a naive datetime, an integer beyond 64 bits.
        """
        out = {name: self._column(name, list(map(one.read, items))) for name, one in self.held.items()}
        out["id"] = self._column("id", [item.id for item in items])
        out["at"] = self._column("at", [None if self.is_dated else item.at for item in items])
        return out

    def _column(self, name: str, values: Sequence[Any]) -> Array:
        kind = self.kinds[name]
        try:
            return kind.column(values)
        except (BadInput, OverflowError, ValueError, TypeError) as error:
            place, why = refusal(kind, values) or (0, str(error))
            raise self.bad(place, name, why) from None

    def sealed_bodies(self, items: Sequence[Any], rows: Columns) -> list[bytes]:
        """Return the JSON bodies of items whose columns are `rows`, what is private in them sealed."""
        if self.sealing is None:
            return self.encode(items)
        columns = self.sealing.seal(rows)
        hidden = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        return self.encode([msgspec.structs.replace(item, **one) for item, one in zip(items, hidden, strict=True)])

    def sealed(self, rows: Columns) -> Columns:
        """Return whole rows with what is private in them sealed."""
        return rows if self.sealing is None else {**rows, **self.sealing.seal(rows)}

    def opened(self, columns: dict[str, Array]) -> dict[str, Array]:
        """Return stored columns with what is private in them opened."""
        return columns if self.sealing is None else self.sealing.open(columns)

    def decode(self, bodies: Sequence[bytes], fields: Iterable[str]) -> dict[str, Array]:
        """Return the named fields of stored JSON bodies as columns; what they do not need is skipped, not decoded.

        Raises:
            MillraceError: The class has changed so that a stored body no longer fits it, or a private field cannot be opened.
        """
        return self.opened(self._decoded(bodies, fields))

    def _decoded(self, bodies: Sequence[bytes], fields: Iterable[str]) -> dict[str, Array]:
        wanted = {name: self.held[name] for name in fields if name in self.held}
        if not wanted:
            return {}
        try:
            items = self._decoder(wanted.values()).decode(_array(bodies))
            return {name: one.kind.column(list(map(one.read, items))) for name, one in wanted.items()}
        except (msgspec.DecodeError, OverflowError) as error:
            raise MillraceError(
                f"a stored {self.name} no longer fits its class: {error}; give the field its old type, or a default"
            ) from None

    def stored(self, bodies: Sequence[bytes]) -> dict[str, Array]:
        """Return all fields of stored bodies, on their way to the lake: what is sealed stays so, a record that is one the JSON it is."""
        whole = [name for name, one in self.held.items() if not one.needs]
        parts = self._decoded(bodies, [name for name in self.held if name not in whole])
        return {name: objects(bodies) if name in whole else parts[name] for name in self.held}

    def _decoder(self, wanted: Iterable[Held]) -> msgspec.json.Decoder[Any]:
        each = [one.needs for one in wanted]
        needs = () if () in each else tuple(sorted({field for some in each for field in some}))
        if needs not in self._decoders:
            self._decoders[needs] = msgspec.json.Decoder(list[self._view(needs)])
        return self._decoders[needs]

    def _view(self, needs: tuple[str, ...]) -> Any:
        fields = [field for field in msgspec.structs.fields(self.item) if field.name in needs]
        hints = [(field.name, field.type, _fallback(field)) for field in fields]
        rename = {field.name: field.encode_name for field in fields}
        return msgspec.defstruct(f"{self.name}View", hints, kw_only=True, rename=rename, gc=False)  # decoded JSON holds no cycles

    def restore(self, columns: Columns) -> list[Any]:
        """Return the items of whole rows: the inverse of `columns`."""
        if "decision" in self.held:
            return columns["decision"].tolist()
        names = [field.name for field in msgspec.structs.fields(self.item)]
        values = [self.kinds[name].values(columns[name]) for name in names]
        return [self.item(**dict(zip(names, row, strict=True))) for row in zip(*values, strict=True)]

    def missing(self, field: str, n: int) -> Array:
        """Return `n` times the default of a field, for records written before the class had it.

        Raises:
            MillraceError: It has no default.
        """
        one = self.held[field]
        if one.default is REQUIRED:
            raise MillraceError(
                f"{self.name}.{field} is missing in records made before it was declared: give it a default, such as `| None = None`"
            )
        return one.kind.column([one.default] * n)

    def empty(self, fields: Iterable[str]) -> dict[str, Array]:
        """Return no rows, a typed column per field."""
        return {name: np.empty(0, dtype=self.kinds[name].dtype) for name in fields}

    def repeating(self, fields: Iterable[str]) -> list[str]:
        """Return those of the columns that are text of which equal ones are usual."""
        return [name for name in fields if isinstance(kind := self.kinds[name], Text) and kind.repeats]

    @property
    def public(self) -> list[str]:
        """Its columns but the private ones: what is read where nobody says which."""
        return [name for name in self.held if name not in self.private]

    def chosen(self, fields: Iterable[str] | None, always: Iterable[str] = RECORD) -> list[str]:
        """Return the columns to read for `fields`: those that are always read, then these, or all for None.

        Raises:
            BadInput: A name is not a field of the stream.
        """
        asked = list(self.held if fields is None else fields)
        unknown = [name for name in asked if name not in self.kinds]
        if unknown:
            raise BadInput(f"{self.name} has no field {unknown[0]!r}: choose among id, at, {', '.join(self.held)}", field=unknown[0])
        return list(dict.fromkeys([*always, *asked]))


def _fallback(field: msgspec.structs.FieldInfo) -> Any:
    if field.required:
        return msgspec.field()
    if field.default_factory is REQUIRED:
        return msgspec.field(default=field.default)
    return msgspec.field(default_factory=field.default_factory)


def _array(bodies: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(bodies) + b"]"
