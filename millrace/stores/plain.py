"""Records as JSON and a database can hold them.

Public: `checked`, `stored`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
import numpy as np

from millrace.errors import BadInput

R = TypeVar("R", bound=msgspec.Struct)


def checked(record: R) -> R:
    """Return the same record with every value of the type its field declares, and nothing of NumPy's left in it.

    A store outlives the code that wrote to it, so what could not be read back is refused before it is written: SQLite, for one, keeps
    a NumPy integer as eight bytes of text. A NaN or an infinity in a free-form field becomes None, for JSON has neither.

    Raises:
        BadInput: A field holds a value of another type, or one that JSON cannot express.
    """
    kind = type(record)
    try:
        return msgspec.json.decode(msgspec.json.encode(record, enc_hook=_unwrapped), type=kind)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$.")
        field = path.rstrip("`")
        raise BadInput(f"{kind.__name__}.{field} is wrong: {reason[:1].lower()}{reason[1:]}", field=field) from error
    except (TypeError, ValueError) as error:
        raise BadInput(f"{kind.__name__} cannot be kept as JSON: {error}; use numbers, text, booleans, lists and dicts") from error


def stored(row: Mapping[Any, Any], kind: type[R]) -> R:
    """Return a database's row as the record that was written; a column that the record has no field for is left out."""
    return msgspec.convert({str(column): value for column, value in row.items()}, type=kind)


def _unwrapped(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"it holds a {type(value).__name__}")
