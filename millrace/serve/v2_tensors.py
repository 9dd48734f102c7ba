"""Tensors of the Open Inference Protocol: their datatypes, and their values as JSON and as bytes."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np

from millrace.errors import BadInput
from millrace.types import Array, objects

TEXT, NUMBER, BOOLEAN, WHOLE = "BYTES", "FP64", "BOOL", "INT64"

DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype("?"),
    **{f"UINT{8 * size}": np.dtype(f"<u{size}") for size in (1, 2, 4, 8)},
    **{f"INT{8 * size}": np.dtype(f"<i{size}") for size in (1, 2, 4, 8)},
    **{f"FP{8 * size}": np.dtype(f"<f{size}") for size in (2, 4, 8)},
    "BF16": np.dtype("<u2"),  # the upper half of an FP32
    "BYTES": np.dtype(object),
}
"""The NumPy type of each datatype's values as they are sent, little-endian."""

_LENGTH = struct.Struct("<I")
_FLOATS = msgspec.json.Decoder(list[float])
_ANY = msgspec.json.Decoder()


def volume(name: str, datatype: str, shape: Sequence[int]) -> int:
    """Return how many values a tensor holds.

    Raises:
        BadInput: There is no such datatype.
    """
    if datatype not in DTYPES:
        raise BadInput(f"{name}: there is no datatype {datatype!r}: use one of {', '.join(DTYPES)}", name)
    return math.prod(shape)


def from_json(name: str, datatype: str, shape: Sequence[int], data: msgspec.Raw) -> Array:
    """Return the values of a tensor that was sent as JSON: a flat list in row-major order, or lists in lists.

    Missing is null: NaN for a floating-point tensor, None for text; whole numbers and booleans have no such value.

    Returns:
        The values in row-major order: float64 for every floating-point type, objects of str or None for BYTES. Shape (volume,).

    Raises:
        BadInput: The list is not as long as the shape says, or a value does not fit the datatype.
    """
    count = volume(name, datatype, shape)
    is_float = datatype.startswith(("FP", "BF"))
    try:
        floats = _FLOATS.decode(data) if is_float else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):  # nulls, lists in lists, or nonsense
        floats = None
    if floats is not None and len(floats) == count:
        return np.array(floats, dtype=np.float64)
    values = _read(name, data)
    if isinstance(values, list) and values and isinstance(values[0], list):
        values = list(_flat(name, shape, values))
    if not isinstance(values, list) or len(values) != count:
        found = f"{len(values)} values" if isinstance(values, list) else "no list"
        raise BadInput(f"{name}: the shape {list(shape)} stands for {count} values and there are {found}", name)
    return _typed(name, datatype, values, is_float)


def _read(name: str, data: msgspec.Raw) -> Any:
    try:
        return _ANY.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"{name}: its data cannot be read: {error}", name) from error


def _flat(name: str, shape: Sequence[int], values: Any) -> Iterator[Any]:
    if not isinstance(values, list) or not shape or len(values) != shape[0]:
        raise BadInput(f"{name}: the lists in its data are not nested as the shape {list(shape)} says", name)
    if len(shape) == 1:
        yield from values
    else:
        for value in values:
            yield from _flat(name, shape[1:], value)


def _typed(name: str, datatype: str, values: list[Any], is_float: bool) -> Array:
    """Return a list as an array, every value checked: NumPy alone would take true for 1, and text for a number."""
    kinds = set(map(type, values))
    if is_float and kinds <= {float, int, type(None)}:
        try:
            return np.array(values, dtype=np.float64)  # None becomes NaN
        except OverflowError:
            raise BadInput(f"{name}: a value does not fit {datatype}", name) from None
    if datatype == TEXT and kinds <= {str, type(None)}:
        return objects(values)
    if datatype == BOOLEAN and kinds <= {bool}:
        return np.array(values, dtype=bool)
    if not is_float and datatype not in (TEXT, BOOLEAN) and kinds <= {int}:
        limits = np.iinfo(DTYPES[datatype])
        if values and not limits.min <= min(values) <= max(values) <= limits.max:
            raise BadInput(f"{name}: a value does not fit {datatype}, which holds {limits.min} to {limits.max}", name)
        return np.array(values, dtype=DTYPES[datatype])
    raise BadInput(_unfit(name, datatype, kinds), name)


def _unfit(name: str, datatype: str, kinds: set[type]) -> str:
    if kinds <= {int, bool, type(None)} and type(None) in kinds:
        return f"{name}: a {datatype} cannot be missing: leave the row out, or send FP64 with null where the input takes numbers"
    wanted = "text" if datatype == TEXT else "true and false" if datatype == BOOLEAN else "numbers"
    wanted = f"whole {wanted}" if "INT" in datatype else wanted
    return f"{name}: a {datatype} tensor holds {wanted}, and there is something else in its data"


def from_bytes(name: str, datatype: str, shape: Sequence[int], data: memoryview) -> Array:
    """Return the values of a tensor that was sent as bytes, little-endian; text as UTF-8, each after its length in 4 bytes.

    Returns and raises as `from_json`.
    """
    count = volume(name, datatype, shape)
    if datatype == TEXT:
        return objects(_texts(name, shape, count, data))
    dtype = DTYPES[datatype]
    if len(data) != count * dtype.itemsize:
        raise BadInput(
            f"{name}: {datatype} of the shape {list(shape)} takes {count * dtype.itemsize} bytes and there are {len(data)}", name
        )
    values = np.frombuffer(data, dtype=dtype)
    if datatype == "BF16":
        return (values.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    if datatype == BOOLEAN:
        return values.view(np.uint8) != 0  # any byte may be sent, and NumPy takes only 0 and 1 for a boolean
    return values.astype(np.float64) if dtype.kind == "f" else values


def _texts(name: str, shape: Sequence[int], count: int, data: memoryview) -> list[str]:
    if len(data) < _LENGTH.size * count:  # before anything is made of so many
        raise BadInput(f"{name}: the shape {list(shape)} stands for {count} texts, more than {len(data)} bytes can hold", name)
    found, place = [], 0
    try:
        for _ in range(count):
            (length,) = _LENGTH.unpack_from(data, place)
            place += _LENGTH.size + length
            if place > len(data):
                raise BadInput(f"{name}: the length before one of its texts goes beyond its {len(data)} bytes", name)
            found.append(str(data[place - length : place], "utf-8"))
    except struct.error:
        raise BadInput(f"{name}: its {len(data)} bytes end before its {count} texts do", name) from None
    except UnicodeDecodeError:
        raise BadInput(f"{name}: one of its texts is not UTF-8", name) from None
    if place != len(data):
        raise BadInput(f"{name}: {len(data) - place} bytes are left after its {count} texts", name)
    return found


def datatype_of(values: Array) -> str:
    """Return the datatype in which an array is sent; any floating-point number as FP64, what is no number as text."""
    return {"f": NUMBER, "i": WHOLE, "u": WHOLE, "b": BOOLEAN}.get(values.dtype.kind, TEXT)


def to_bytes(values: Array) -> bytes:
    """Return an array as bytes in the datatype of `datatype_of`, row by row."""
    datatype = datatype_of(values)
    if datatype != TEXT:
        return values.astype(DTYPES[datatype]).tobytes()
    texts = (b"" if value is None else str(value).encode() for value in values.ravel().tolist())
    return b"".join(part for text in texts for part in (_LENGTH.pack(len(text)), text))
