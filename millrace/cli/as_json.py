"""Read-outs as JSON in which nothing can be taken for something else: what is infinite says so, and what is missing is null."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np


def in_json(value: Any) -> str:
    """Return a value as one line of JSON.

    JSON has no infinities, and written as null an interval that is open to one side could not be told from none: they are the text
    "Infinity" and "-Infinity", which most languages read as a number. What is no number is null.

    Args:
        value: Structs, named tuples, mappings, sequences, numbers and text, in any depth.

    >>> in_json({"low": float("-inf"), "high": 1.5, "error": float("nan")})
    '{"low":"-Infinity","high":1.5,"error":null}'
    """
    return msgspec.json.encode(_plain(value)).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return _plain(value._asdict())  # type: ignore[attr-defined]
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None if np.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
