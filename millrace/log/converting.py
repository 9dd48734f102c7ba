"""Values of a file, whatever its types, brought into a column of a stream: what fits, and for the rest why it does not."""
# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported)

from __future__ import annotations

import typing
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import NoneType
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from millrace.log.codec import REQUIRED, Held
from millrace.log.faults import (
    MISSING,
    NAIVE,
    NO_INSTANT,
    NO_SUCH_TIME,
    NOT_BYTES,
    NOT_FINITE,
    NOT_FLAG,
    NOT_INTEGER,
    NOT_NUMBER,
    NOT_TEXT,
    OUTSIDE,
    TOO_LARGE,
    TOO_LONG,
    unlike,
)
from millrace.log.kinds import EXACT, LARGEST, Flag, Instant, Integer, Kind, Number, Text, is_no_instant
from millrace.types import Array

if TYPE_CHECKING:
    import pyarrow as pa

_LEAST, _MOST = -(2**63), 2**63 - 1
_HUGE = "an integer beyond 64 bits"


def converted(held: Held, raw: Any, zone: str | None = None, hint: Any = None, is_key: bool = False) -> tuple[Array, Array]:
    """Return values as a column, and why each does not fit.

    Text is read as what the field holds; a number with a fraction is no integer, an integer no instant. NaN stands for a missing value
    where one may be missing, and where a value is missing the field's default is taken.

    Args:
        held: The column's kind, its default, whether a value may be missing.
        raw: An Arrow array, or a list of text or JSON values, None where there is none.
        zone: The time zone of instants that do not say theirs, such as "UTC" or "Europe/Vienna"; None refuses them.
        hint: The field's annotation, for the limits it may set.
        is_key: Whether the values are ids: an empty one is missing.

    Returns:
        The column, and an object array of reasons, "" where the value fits; where it does not, the column holds anything.
    """
    n = len(raw)
    column, why, absent = np.empty(n, dtype=held.kind.dtype), np.full(n, unlike(held.kind), dtype=object), np.zeros(n, dtype=bool)
    for places, values in _alike(raw):
        column[places], why[places], absent[places] = _converted(held, _without_signs(values, held, is_key), zone)
    if held.default is not REQUIRED and not held.is_optional:
        column[absent] = held.kind.column([held.default])[0]
    elif not held.is_optional:
        why[absent] = MISSING
    fits = (why == "") & ~absent
    if column.dtype.kind == "f":
        why[fits & ~np.isfinite(column)] = NOT_FINITE
        if isinstance(held.kind, Integer):
            why[fits & (np.abs(column) >= EXACT)] = TOO_LARGE
    if isinstance(held.kind, Text):
        why[fits & np.array([isinstance(value, str | bytes) and len(value) > LARGEST for value in column.tolist()], dtype=bool)] = TOO_LONG
    if isinstance(held.kind, Instant):
        why[fits & is_no_instant(column)] = NO_INSTANT
    if _limits(hint):
        places = np.flatnonzero(fits)
        why[places[~_allowed(hint, held.kind.values(column[places]))]] = OUTSIDE
    return column, why


def _converted(held: Held, values: pa.Array, zone: str | None) -> tuple[Array, Array, Array]:
    """Return values of one type as a column, why each is not what the field holds, and which are missing."""
    made, why = _reader(held.kind, zone)(values)
    return _column(held.kind, made), why, np.asarray(values.is_null())


def _alike(raw: Any) -> Iterator[tuple[Any, pa.Array]]:
    """Yield values as Arrow arrays of plain types, with their places; lists and objects, which no field holds, are left out."""
    import pyarrow as pa

    if isinstance(raw, pa.Array):
        if not pa.types.is_nested(raw.type):
            yield slice(None), raw.cast(raw.type.value_type) if pa.types.is_dictionary(raw.type) else raw
        return
    sorts: dict[Any, list[int]] = {}
    for place, value in enumerate(raw):
        sort = type(value)
        sorts.setdefault(_HUGE if sort is int and not _LEAST <= value <= _MOST else sort, []).append(place)
    for sort, places in sorts.items():
        values = [raw[place] for place in places]
        if sort is _HUGE:  # a number at most, and in a float column only
            yield np.array(places), pa.array([float(str(value)) for value in values])
        elif sort in (str, bool, int, float, NoneType):
            yield np.array(places), pa.array(values)


def _without_signs(values: pa.Array, held: Held, is_key: bool) -> pa.Array:
    """Return values with null for what stands for nothing: NaN where a value may be missing, the empty text where no text is asked for."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if held.is_optional and pa.types.is_floating(values.type):
        return pc.if_else(pc.is_nan(values), None, values)
    if _is_text(values) and (is_key or not isinstance(held.kind, Text)):
        return pc.if_else(pc.equal(pc.utf8_trim_whitespace(values), ""), None, values)
    return values


def _column(kind: Kind, made: pa.Array) -> Array:
    import pyarrow as pa

    if isinstance(kind, Integer | Flag) and kind.dtype is not np.float64:
        made = made.fill_null(0 if isinstance(kind, Integer) else False)  # NumPy has no missing ones; `why` says which they are
    return kind.from_arrow(pa.chunked_array([made])).copy()


def _reader(kind: Kind, zone: str | None) -> Callable[[pa.Array], tuple[pa.Array, Array]]:
    if isinstance(kind, Text):
        return _texts if kind.of is str else _bytes
    if isinstance(kind, Instant):
        return lambda values: _instants(values, zone)
    return {Number: _numbers, Integer: _integers, Flag: _flags}[type(kind)]  # type: ignore[index]


def _texts(values: pa.Array) -> tuple[pa.Array, Array]:
    import pyarrow as pa

    if pa.types.is_floating(values.type):  # ids that went through a program which knows no missing integers
        return _where_possible(lambda some: some.cast(pa.int64()).cast(pa.large_string()), values, pa.large_string(), NOT_TEXT)
    if pa.types.is_boolean(values.type):
        return _none(values, pa.large_string(), NOT_TEXT)
    return _where_possible(lambda some: some.cast(pa.large_string()), values, pa.large_string(), NOT_TEXT)


def _bytes(values: pa.Array) -> tuple[pa.Array, Array]:
    import pyarrow as pa

    if _is_text(values):
        return _where_possible(
            lambda some: pa.array(
                [None if text is None else b64decode(text, validate=True) for text in some.to_pylist()], pa.large_binary()
            ),
            values,
            pa.large_binary(),
            NOT_BYTES,
        )
    return _where_possible(lambda some: some.cast(pa.large_binary()), values, pa.large_binary(), NOT_BYTES)


def _numbers(values: pa.Array) -> tuple[pa.Array, Array]:
    import pyarrow as pa

    if pa.types.is_boolean(values.type):
        return _none(values, pa.float64(), NOT_NUMBER)
    return _where_possible(lambda some: some.cast(pa.float64(), safe=False), _trimmed(values), pa.float64(), NOT_NUMBER)


def _integers(values: pa.Array) -> tuple[pa.Array, Array]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_boolean(values.type):
        return _none(values, pa.int64(), NOT_INTEGER)
    if _is_text(values):  # "+3" and "3.0" are integers, "0x3" is not
        values = pc.replace_substring_regex(_trimmed(values), r"^\+?(-?[0-9]+)(\.0*)?$", r"\1")
        values = pc.if_else(pc.match_substring_regex(values, r"^-?[0-9]+$"), values, pa.scalar("?", values.type))
    return _where_possible(lambda some: some.cast(pa.int64()), values, pa.int64(), NOT_INTEGER)


def _flags(values: pa.Array) -> tuple[pa.Array, Array]:
    import pyarrow as pa

    if pa.types.is_boolean(values.type) or _is_text(values):
        return _where_possible(lambda some: some.cast(pa.bool_()), _trimmed(values), pa.bool_(), NOT_FLAG)
    # Through text, which reads 0 and 1 and no other number.
    return _where_possible(lambda some: some.cast(pa.int64()).cast(pa.string()).cast(pa.bool_()), values, pa.bool_(), NOT_FLAG)


def _instants(values: pa.Array, zone: str | None) -> tuple[pa.Array, Array]:
    import pyarrow as pa
    import pyarrow.compute as pc

    aware, naive = pa.timestamp("us", tz="UTC"), pa.timestamp("us")
    to_micros = partial(pc.CastOptions, allow_time_truncate=True)
    if pa.types.is_date(values.type) or (pa.types.is_timestamp(values.type) and values.type.tz is None):
        local, wrong = _where_possible(lambda some: pc.cast(some, options=to_micros(naive)), values, naive, NO_INSTANT)
        moved, lost = _in_zone(local, zone)
        return moved, np.where(wrong != "", wrong, lost)
    if pa.types.is_timestamp(values.type):
        return _where_possible(lambda some: pc.cast(some, options=to_micros(aware)), values, aware, NO_INSTANT)
    if not _is_text(values):
        return _none(values, aware, NO_INSTANT)
    text = pc.replace_substring_regex(pc.ascii_upper(_trimmed(values)), r"(\.[0-9]{6})[0-9]+", r"\1")  # finer than a microsecond
    says = pc.match_substring_regex(text, r"[0-9](Z|[+-][0-9]{2}:?[0-9]{2})$")
    there, why = _where_possible(lambda some: some.cast(aware), pc.if_else(says, text, None), aware, NO_INSTANT)
    local, wrong = _where_possible(lambda some: some.cast(naive), pc.if_else(says, None, text), naive, NO_INSTANT)
    moved, lost = _in_zone(local, zone)
    return pc.coalesce(there, moved), np.where(why != "", why, np.where(wrong != "", wrong, lost))


def _in_zone(values: pa.Array, zone: str | None) -> tuple[pa.Array, Array]:
    import pyarrow as pa
    import pyarrow.compute as pc

    aware = pa.timestamp("us", tz="UTC")
    if zone is None:
        return _none(values, aware, NAIVE)
    return _where_possible(lambda some: pc.assume_timezone(some, zone).cast(aware), values, aware, NO_SUCH_TIME)


def _where_possible(convert: Callable[[Any], Any], values: pa.Array, to: pa.DataType, reason: str) -> tuple[pa.Array, Array]:
    """Return values converted, null where that fails, with the reason there.

    A conversion that takes a whole array fails when one value does; halving finds which, in steps that grow with the number of bad ones.
    """
    import pyarrow as pa

    why = np.full(len(values), "", dtype=object)
    try:
        return convert(values), why
    except pa.ArrowNotImplementedError:
        return _none(values, to, reason)
    except (pa.ArrowException, ValueError):
        if len(values) == 1:
            return _none(values, to, reason)
    middle = len(values) // 2
    halves = [_where_possible(convert, some, to, reason) for some in (values[:middle], values[middle:])]
    return pa.concat_arrays([made for made, _ in halves]), np.concatenate([found for _, found in halves])


def _none(values: pa.Array, to: pa.DataType, reason: str) -> tuple[pa.Array, Array]:
    """Return nulls, with the reason wherever there was a value."""
    import pyarrow as pa

    return pa.nulls(len(values), to), np.where(np.asarray(values.is_null()), "", reason).astype(object)


def _trimmed(values: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    return pc.utf8_trim_whitespace(values) if _is_text(values) else values


def _is_text(values: pa.Array) -> bool:
    import pyarrow as pa

    return pa.types.is_string(values.type) or pa.types.is_large_string(values.type)


def _limits(hint: Any) -> bool:
    """Return whether an annotation sets limits to its values: `Annotated[float, Meta(ge=0)]`."""
    metas = [
        meta for part in (hint, *typing.get_args(hint)) for meta in getattr(part, "__metadata__", ()) if isinstance(meta, msgspec.Meta)
    ]
    limits = ("gt", "ge", "lt", "le", "multiple_of", "pattern", "min_length", "max_length")
    return any(getattr(meta, limit) is not None for meta in metas for limit in limits)


def _allowed(hint: Any, values: Sequence[Any]) -> Array:
    """Return which values an annotation allows."""
    try:
        msgspec.convert(values, list[hint])
    except msgspec.ValidationError:
        return np.array([_is_allowed(hint, value) for value in values], dtype=bool)
    return np.ones(len(values), dtype=bool)


def _is_allowed(hint: Any, value: Any) -> bool:
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError:
        return False
    return True
