"""Columns as Arrow tables, the form of the lake, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from millrace.errors import MillraceError
from millrace.log.kinds import EXACT, Integer, coded
from millrace.types import Array, Columns

if TYPE_CHECKING:
    import pyarrow as pa

    from millrace.log.codec import Codec


def table_of(codec: Codec, rows: Columns) -> pa.Table:
    """Return whole rows of a stream as an Arrow table: `position`, `known`, `id`, `at`, then its fields."""
    import pyarrow as pa

    return pa.table({name: kind.to_arrow(rows[name]) for name, kind in codec.kinds.items()})


def columns_of(codec: Codec, table: pa.Table, coding: bool = False) -> dict[str, Array]:
    """Return an Arrow table of a stream's columns as columns: the inverse of `table_of`.

    Args:
        codec: The stream's codec.
        table: The table.
        coding: Whether text that repeats and is not private is wanted as `types.Coded`.

    Raises:
        MillraceError: A field has changed since, and not all values can be brought to what it is now.
    """
    import pyarrow as pa

    out: dict[str, Any] = {}
    as_codes = set(codec.repeating(table.column_names)).difference(codec.private) if coding else ()
    for name in table.column_names:
        kind, array = codec.kinds[name], table.column(name)
        try:
            array = array if _is_of(array.type, kind.arrow()) else array.cast(kind.arrow())
            out[name] = coded(array) if name in as_codes else kind.from_arrow(array)
        except pa.ArrowInvalid as error:
            raise MillraceError(
                f"{codec.name}.{name} was {array.type} and cannot be read as {kind.arrow()}: {error}; give it its old type"
            ) from None
        if isinstance(kind, Integer) and out[name].dtype == np.float64 and (np.abs(out[name]) >= EXACT).any():
            raise MillraceError(
                f"{codec.name}.{name} holds integers beyond ±2**53, which would be rounded where one may be missing: give it its old type"
            )
    return out


def _is_of(found: pa.DataType, expected: pa.DataType) -> bool:
    """Whether values are of a type, as they are or in dictionary encoding, where text comes as the small type of its sort."""
    import pyarrow as pa

    if pa.types.is_dictionary(found):
        return found.value_type == expected or (found.value_type == pa.string() and expected == pa.large_string())
    return found == expected


def encodings(schema: pa.Schema) -> dict[str, Any]:
    """Return how columns are encoded: instants and counts by their steps, which is small and quick; the rest by dictionaries, ids apart."""
    import pyarrow as pa

    stepwise = [field.name for field in schema if pa.types.is_int64(field.type) or pa.types.is_timestamp(field.type)]
    return {
        "use_dictionary": [name for name in schema.names if name not in (*stepwise, "id")],
        "column_encoding": dict.fromkeys(stepwise, "DELTA_BINARY_PACKED"),
    }


def integers(column: Any) -> Array:
    """Return an Arrow column of integers or instants as int64."""
    return column.to_numpy().view(np.int64)
