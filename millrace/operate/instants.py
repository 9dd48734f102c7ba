"""Instants in the files that are written for others: which columns are, and how they lie there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from millrace.features.on_demand import as_datetimes, gives_instants
from millrace.log.kinds import Instant
from millrace.schema import Field, field_names
from millrace.types import Array

if TYPE_CHECKING:
    import pyarrow as pa

INSTANT = Instant()
"""How an instant lies in a file: a timestamp in microseconds, UTC, null where it is missing."""


def instants(request: type, features: Mapping[str, Any]) -> frozenset[str]:
    """Return which columns are instants: of requests, of decisions on them, and of features by their name in the file."""
    asked = {name for name in field_names(request) if Field(request, name).kind == "instant"}
    return frozenset({"at", "watermark", *asked, *(name for name, one in features.items() if gives_instants(one))})


def timestamps(column: Array) -> pa.Array:
    """Return instants as they lie in a file.

    Args:
        column: Microseconds since 1970 UTC, int64, or float64 with NaN for missing. Shape (n,).
    """
    return INSTANT.to_arrow(as_datetimes(column).astype(np.int64))
