"""Columns as Arrow tables, the form of the lake, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from millrace.errors import MillraceError
from millrace.log.kinds import EXACT, Integer
from millrace.types import Array, Columns

if TYPE_CHECKING:
    import pyarrow as pa

    from millrace.log.codec import Codec


def table_of(codec: Codec, rows: Columns) -> pa.Table:
    """Return whole rows of a stream as an Arrow table: `position`, `known`, `id`, `at`, then its fields."""
    import pyarrow as pa

    return pa.table({name: kind.to_arrow(rows[name]) for name, kind in codec.kinds.items()})


def columns_of(codec: Codec, table: pa.Table) -> dict[str, Array]:
    """Return an Arrow table of a stream's columns as columns: the inverse of `table_of`.

    Raises:
        MillraceError: A field has changed since, and not all values can be brought to what it is now.
    """
    import pyarrow as pa

    out = {}
    for name in table.column_names:
        kind, array = codec.kinds[name], table.column(name)
        try:
            out[name] = kind.from_arrow(array if array.type == kind.arrow() else array.cast(kind.arrow()))
        except pa.ArrowInvalid as error:
            raise MillraceError(
                f"{codec.name}.{name} was {array.type} and cannot be read as {kind.arrow()}: {error}; give it its old type"
            ) from None
        if isinstance(kind, Integer) and out[name].dtype == np.float64 and (np.abs(out[name]) >= EXACT).any():
            raise MillraceError(
                f"{codec.name}.{name} holds integers beyond ±2**53, which would be rounded where one may be missing: give it its old type"
            )
    return out
