"""Features made of vectors: the coordinates of a text or an image, and how alike two of them are."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np

from millrace.errors import DeclarationError, brief
from millrace.features.declare import Family, OnDemand
from millrace.features.encoders import Encoder
from millrace.features.values import is_present
from millrace.schema import Field
from millrace.types import Array, objects

_REMEMBERED = 20_000
"""How many vectors an encoding keeps: 31 MB of 384 dimensions."""

_SHORT = 100
"""Longer values are remembered by their digest: an image as a key would be kept as long as its vector."""


class Encoding:
    """An encoder that is asked about every value once: what it said is remembered, so a batch costs what is new in it.

    Args:
        by: The encoder.
    """

    def __init__(self, by: Encoder) -> None:
        self.by = by
        self._vectors: dict[Any, Array] = {}
        self._last: tuple[Any, Array, Array] | None = None

    def of(self, values: Array) -> tuple[Array, Array]:
        """Return the place of each value's vector, and the vectors; that of missing values, which comes last, is NaN.

        Args:
            values: Text or bytes, None where missing. Shape (n,).

        Returns:
            Places, int64, shape (n,); vectors, float32, shape (m + 1, dimensions), m being how many values are distinct.
        """
        last = self._last  # read once: another thread may be replacing it
        if last is not None and last[0]() is values:
            return last[1], last[2]
        places, distinct = _distinct(values)
        vectors = np.vstack([*self._of_distinct(distinct), np.full(self.by.dimensions, np.nan, dtype=np.float32)])
        self._last = weakref.ref(values), places, vectors
        return places, vectors

    def _of_distinct(self, distinct: list[Any]) -> list[Array]:
        names = [_name(value) for value in distinct]
        found = [self._vectors.get(name) for name in names]
        new = [place for place, vector in enumerate(found) if vector is None]
        if new:
            encoded = self._encoded(objects(distinct[place] for place in new))
            for place, vector in zip(new, encoded, strict=True):
                found[place] = vector
            if len(self._vectors) + len(new) > _REMEMBERED:
                self._vectors = {}
            if len(new) <= _REMEMBERED:
                self._vectors.update((names[place], vector) for place, vector in zip(new, encoded, strict=True))
        return [vector for vector in found if vector is not None]

    def _encoded(self, values: Array) -> Array:
        vectors = np.asarray(self.by.encode(values), dtype=np.float32)
        if vectors.shape != (len(values), self.by.dimensions):
            raise DeclarationError(
                f"{brief(self.by)}.encode() returned an array of shape {vectors.shape} for {len(values)} values of "
                f"{self.by.dimensions} dimensions: return one vector per value"
            )
        return vectors


def _distinct(values: Array) -> tuple[Array, list[Any]]:
    """Return the place of each value among the distinct ones, that after the last where it is missing, and those."""
    places: dict[Any, int] = {}
    present = is_present(values)
    found = [places.setdefault(value, len(places)) if there else -1 for value, there in zip(values.tolist(), present.tolist(), strict=True)]
    index = np.array(found, dtype=np.int64)
    return np.where(present, index, len(places)), list(places)


def _name(value: Any) -> Any:
    if len(value) <= _SHORT:
        return value
    return blake2b(value if isinstance(value, bytes) else value.encode(errors="surrogatepass"), digest_size=16).digest()


@dataclass(frozen=True, eq=False)
class Encoded(OnDemand):
    """A number made of what an encoder says of a field: one coordinate, or how alike two fields are.

    Attributes:
        written: Its structure as text, with that of the encoder.
        place: Which coordinate it is; None for a likeness.
    """

    written: str = ""
    place: int | None = None

    @cached_property
    def column(self) -> str:
        """Its structure as text: another encoder makes another feature."""
        return self.written

    @property
    def label(self) -> str:
        """How it reads within its family: `3`."""
        return str(self.place)

    def is_picked(self, part: Any) -> bool:
        """Whether `family[part]` means it."""
        return isinstance(part, int) and part == self.place


def encoded(of: Any, *, by: Encoder) -> Family:
    """Declare the coordinates of a field's vectors as features, one per dimension: `encoded(Video.title, by=Hashing(32))`.

    `family[3]` is the fourth. A value is missing where the field is.

    Args:
        of: A field of text or bytes, as an encoder reads.
        by: The encoder.

    Raises:
        DeclarationError: The field holds something else, or `by` is no encoder.
    """
    field = _readable(f"encoded({brief(of)})", of, by)
    encoding = Encoding(by)
    said = f"{by.column}({field.column})"
    return Family(tuple(_coordinate(encoding, field, f"{said}[{place}]", place) for place in range(by.dimensions)))


def _coordinate(encoding: Encoding, field: Field, written: str, place: int) -> Encoded:
    def coordinate(values: Array) -> Array:
        where, vectors = encoding.of(values)
        return vectors[where, place]

    coordinate.__doc__ = f"One of {encoding.by.dimensions} coordinates of {field.column} by {encoding.by.column}."
    return Encoded(coordinate, (field,), (), written, place)


def similar(left: Any, right: Any, *, by: Encoder) -> Encoded:
    """Declare how alike two fields are, from -1 to 1: the cosine of their vectors. `similar(Query.text, Passage.text, by=Hashing(512))`.

    Missing where either is, or has a vector of zeros, such as a text without words.

    Args:
        left: A field of text or bytes.
        right: Another one.
        by: The encoder of both.

    Raises:
        DeclarationError: A field holds something else, or `by` is no encoder.
    """
    said = f"similar({brief(left)}, {brief(right)})"
    fields = _readable(said, left, by), _readable(said, right, by)
    encoding = Encoding(by)

    def likeness(left: Array, right: Array) -> Array:
        return _cosines(*encoding.of(left), *encoding.of(right))

    likeness.__doc__ = f"How alike {fields[0].column} and {fields[1].column} are by {by.column}."
    return Encoded(likeness, fields, (), f"cosine of {by.column}({fields[0].column}, {fields[1].column})")


def _cosines(left: Array, of_left: Array, right: Array, of_right: Array) -> Array:
    """Return the cosine of two vectors per row, given their places and the vectors; NaN where one has no direction."""
    a, b = of_left.astype(np.float64), of_right.astype(np.float64)
    lengths = np.sqrt(np.vecdot(a, a))[left] * np.sqrt(np.vecdot(b, b))[right]
    # What one asker is compared with is compared once, not once per row.
    dots = np.vecdot(a[left[0]], b)[right] if (left == left[0]).all() else np.vecdot(a[left], b[right])
    return np.clip(dots / lengths, -1.0, 1.0)


def _readable(said: str, of: Any, by: Any) -> Field:
    if isinstance(by, type) or not all(hasattr(by, name) for name in ("kind", "column", "dimensions", "encode")):
        raise DeclarationError(f"{said}: by={brief(by)} is no encoder: use one such as Hashing(64)")
    if not isinstance(of, Field) or of.kind != by.kind:
        raise DeclarationError(f"{said}: {brief(of)} is not a field of {by.kind}, which {brief(by)} reads: name one such as Video.title")
    return of
