"""How the values of one kind of field stand in memory (a column), in a JSON body and in the lake (an Arrow array)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from millrace.errors import BadInput
from millrace.schema import Field
from millrace.types import Array, Coded, instant, moment, objects

if TYPE_CHECKING:
    import pyarrow as pa

NO_INSTANT = int(np.iinfo(np.int64).min)
"""The instant that is missing, in an int64 column: NumPy's NaT. Only a field declared `datetime | None` can hold it."""

FIRST, LAST = instant(datetime.min.replace(tzinfo=UTC)), instant(datetime.max.replace(tzinfo=UTC))
"""The instants a datetime can be: from the year 1 to the year 9999."""

EXACT = 2**53
"""From here on a float64 column no longer tells two integers apart."""

LARGEST = 4_000_000
"""How many bytes a record may take as JSON, and a text or bytes alone in a file that is imported."""


class Kind(Protocol):
    """One kind of value; `dtype` is the NumPy type of its column."""

    dtype: Any

    def column(self, values: Sequence[Any]) -> Array:
        """Return decoded values as a column. Raises BadInput, OverflowError or ValueError where one has no place in it."""
        ...

    def values(self, column: Array) -> list[Any]:
        """Return the values that the items of a class hold: the inverse of `column`."""
        ...

    def arrow(self) -> pa.DataType:
        """Return the type of the array in the lake."""
        ...

    def to_arrow(self, column: Array) -> pa.Array:
        """Return a column as it lies in the lake; missing values are null there."""
        ...

    def from_arrow(self, array: pa.ChunkedArray) -> Array:
        """Return the column of an array of the type that `arrow` gives: the inverse of `to_arrow`."""
        ...


def kind_of(field: Field) -> Kind:
    """Return the kind of a field of an Entity, Event or Request class."""
    match field.kind:
        case "text" | "bytes":
            return Text(bytes if field.kind == "bytes" else str)
        case "number":
            return Number()
        case "instant":
            return Instant()
        case "integer":
            return Integer(field.optional)
        case _:
            return Flag(field.optional)


class Text:
    """Ids, references, categories and texts: objects of str, None where missing. Raw bytes too: objects of bytes, base64 in JSON.

    Args:
        of: What the objects are.
        repeats: Whether equal ones are usual, as in a reference: then they are read as one object, which takes less memory and is looked
            up several times faster. The ids of records are all different.
    """

    dtype = object

    def __init__(self, of: type = str, *, repeats: bool = True) -> None:
        self.of = of
        self.repeats = repeats and of is str

    def column(self, values: Sequence[Any]) -> Array:
        """Return texts as an object array."""
        return objects(values)

    def values(self, column: Array) -> list[Any]:
        """Return the texts."""
        return column.tolist()

    def arrow(self) -> pa.DataType:
        """Return the large type of its sort: long texts of a large part exceed the 2 GiB of the small one."""
        import pyarrow as pa

        return pa.large_string() if self.of is str else pa.large_binary()

    def to_arrow(self, column: Array) -> pa.Array:
        """Return the texts as an Arrow array."""
        import pyarrow as pa

        return pa.array(column, self.arrow())

    def from_arrow(self, array: pa.ChunkedArray) -> Array:
        """Return the texts as an object array."""
        return np.asarray(coded(array)) if self.repeats else array.to_numpy()


def coded(array: pa.ChunkedArray) -> Coded:
    """Return text, plain or in dictionary encoding, as codes into its values, each of which is there once."""
    import pyarrow as pa

    is_plain = not pa.types.is_dictionary(array.type)
    # Of plain text in several chunks each chunk would get the whole dictionary, and bringing those together would cost its square.
    whole = array.combine_chunks().dictionary_encode() if is_plain else array.unify_dictionaries().combine_chunks()
    values = np.empty(1 + len(whole.dictionary), dtype=object)  # the first is None
    values[1:] = whole.dictionary.to_numpy(zero_copy_only=False)
    return Coded(values, whole.indices.fill_null(-1).to_numpy() + 1)


class Number:
    """Numbers: float64, NaN where missing."""

    dtype = np.float64

    def column(self, values: Sequence[Any]) -> Array:
        """Return numbers as float64; None becomes NaN."""
        return np.array(values, dtype=np.float64)

    def values(self, column: Array) -> list[Any]:
        """Return the numbers; NaN becomes None."""
        return [None if value != value else value for value in column.tolist()]

    def arrow(self) -> pa.DataType:
        """Return `float64`."""
        import pyarrow as pa

        return pa.float64()

    def to_arrow(self, column: Array) -> pa.Array:
        """Return the numbers as an Arrow array."""
        import pyarrow as pa

        return pa.array(column, from_pandas=True)  # NaN is null in the lake, so that other readers see it as missing

    def from_arrow(self, array: pa.ChunkedArray) -> Array:
        """Return the numbers as float64."""
        return array.to_numpy()


class Integer:
    """Integers: int64, or float64 with NaN where one may be missing."""

    def __init__(self, optional: bool = False) -> None:
        self.dtype = np.float64 if optional else np.int64

    def column(self, values: Sequence[Any]) -> Array:
        """Return integers as int64, or as float64 when they may be missing; one that would not be exact is refused."""
        try:
            column = np.array(values, dtype=self.dtype)
        except OverflowError:
            raise OverflowError(f"an integer beyond 64 bits: at most {2**63 - 1} is kept") from None
        if self.dtype is np.float64 and (np.abs(column) >= EXACT).any():
            raise OverflowError(f"an integer that may be missing must lie between ±2**53: {values!r}")
        return column

    def values(self, column: Array) -> list[Any]:
        """Return the integers; NaN becomes None."""
        return [None if value != value else int(value) for value in column.tolist()]

    def arrow(self) -> pa.DataType:
        """Return `int64`."""
        import pyarrow as pa

        return pa.int64()

    def to_arrow(self, column: Array) -> pa.Array:
        """Return the integers as an Arrow array."""
        import pyarrow as pa

        return pa.array(column, from_pandas=True).cast(self.arrow())

    def from_arrow(self, array: pa.ChunkedArray) -> Array:
        """Return the integers as a column."""
        import pyarrow as pa

        return array.to_numpy() if self.dtype is np.int64 else array.cast(pa.float64(), safe=False).to_numpy()


class Flag:
    """Booleans: bool, or float64 (1, 0, NaN) where one may be missing."""

    def __init__(self, optional: bool = False) -> None:
        self.dtype = np.float64 if optional else np.bool_

    def column(self, values: Sequence[Any]) -> Array:
        """Return booleans as bool, or as float64 when they may be missing."""
        return np.array(values, dtype=self.dtype)

    def values(self, column: Array) -> list[Any]:
        """Return the booleans; NaN becomes None."""
        return [None if value != value else bool(value) for value in column.tolist()]

    def arrow(self) -> pa.DataType:
        """Return `bool`."""
        import pyarrow as pa

        return pa.bool_()

    def to_arrow(self, column: Array) -> pa.Array:
        """Return the booleans as an Arrow array."""
        import pyarrow as pa

        return pa.array(column, from_pandas=True).cast(self.arrow())

    def from_arrow(self, array: pa.ChunkedArray) -> Array:
        """Return the booleans as a column."""
        import pyarrow as pa

        return array.to_numpy() if self.dtype is np.bool_ else array.cast(pa.float64()).to_numpy()


class Instant:
    """Instants: int64 microseconds since 1970 UTC, `NO_INSTANT` where missing; ISO 8601 with its offset in JSON."""

    dtype = np.int64

    def column(self, values: Sequence[Any]) -> Array:
        """Return datetimes (or microseconds) as int64; a naive datetime is refused, and what no datetime can be."""
        whole = [NO_INSTANT if value is None else value if isinstance(value, int) else instant(value) for value in values]
        try:
            column = np.array(whole, dtype=np.int64)
        except OverflowError:
            column = None
        if column is None or is_no_instant(column).any():
            raise BadInput(f"{max(whole, key=abs)} microseconds since 1970 UTC lie outside of the years 1 to 9999", field="at")
        return column

    def values(self, column: Array) -> list[Any]:
        """Return the instants as datetimes in UTC."""
        return [None if value == NO_INSTANT else moment(value) for value in column.tolist()]

    def arrow(self) -> pa.DataType:
        """Return a timestamp in microseconds, UTC."""
        import pyarrow as pa

        return pa.timestamp("us", tz="UTC")

    def to_arrow(self, column: Array) -> pa.Array:
        """Return the instants as an Arrow array."""
        import pyarrow as pa

        return pa.array(column, mask=column == NO_INSTANT).view(self.arrow())

    def from_arrow(self, array: pa.ChunkedArray) -> Array:
        """Return the instants as microseconds."""
        import pyarrow as pa

        return array.cast(pa.int64()).fill_null(NO_INSTANT).to_numpy()


def is_no_instant(column: Array) -> Array:
    """Return which microseconds are no instant, neither one that a datetime can be nor the missing one."""
    return ((column < FIRST) | (column > LAST)) & (column != NO_INSTANT)


def refusal(kind: Kind, values: Sequence[Any]) -> tuple[int, str] | None:
    """Return the place of the first value that has no place in the column, and why; None when all have one."""
    for place, value in enumerate(values):
        try:
            kind.column([value])
        except (BadInput, OverflowError, ValueError, TypeError) as error:
            return place, str(error)
    return None
