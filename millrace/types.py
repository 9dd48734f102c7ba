"""Columns (equal-length arrays by name), instants, durations and sizes. Imports nothing of the house but its errors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from millrace.errors import BadInput, DeclarationError

Array: TypeAlias = NDArray[Any]
Columns: TypeAlias = Mapping[str, Array]
"""Rows as equal-length arrays by name. The first axis is the row; a column may be two-dimensional (embeddings, quantiles)."""

MICROSECOND = 1
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

EVER = -(2**62)
"""The instant before every event: the start of a lifetime window, in microseconds since 1970."""

_UNITS = {"us": MICROSECOND, "ms": SECOND // 1000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h|d|w)")


def micros(duration: str) -> int:
    """Return a duration such as `"90s"`, `"1.5h"` or `"7d"` in microseconds.

    Raises:
        DeclarationError: The text is not a positive number with one of the units us, ms, s, m, h, d, w.

    >>> micros("1.5h")
    5400000000
    """
    found = _DURATION.fullmatch(duration) if isinstance(duration, str) else None
    length = round(float(found[1]) * _UNITS[found[2]]) if found else 0
    if length <= 0:
        raise DeclarationError(f'{duration!r} is not a duration: write a positive number with its unit, such as "10m", "24h" or "7d"')
    return length


def duration(length: int) -> str:
    """Return microseconds as text in the largest unit, a day at most, that makes a whole number: the inverse of `micros`.

    >>> duration(5400000000)
    '90m'
    """
    unit = next(unit for unit in ("d", "h", "m", "s", "ms", "us") if length % _UNITS[unit] == 0)
    return f"{length // _UNITS[unit]}{unit}"


_SIZES = {"GiB": 2**30, "GB": 10**9, "MiB": 2**20, "MB": 10**6, "KiB": 2**10, "kB": 10**3, "B": 1}
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,9})?) ?([KMG]?i?B)", re.IGNORECASE)


def octets(amount: str) -> int:
    """Return a size such as `"16MiB"` or `"1.5 GB"` in bytes.

    Raises:
        BadInput: The text is not a positive number with one of the units B, kB, KiB, MB, MiB, GB, GiB.

    >>> octets("16MiB")
    16777216
    """
    found = _SIZE.fullmatch(amount.strip())
    units = {unit.lower(): count for unit, count in _SIZES.items()}
    length = round(float(found[1]) * units.get(found[2].lower(), 0)) if found else 0
    if length <= 0:
        raise BadInput(f"{amount!r} is no size: write a positive number with its unit, such as 16MiB or 500kB")
    return length


def octets_as_text(length: int) -> str:
    """Return a number of bytes as text in the largest unit that makes a whole number: the inverse of `octets`.

    >>> octets_as_text(16777216)
    '16 MiB'
    """
    unit = next(unit for unit, count in _SIZES.items() if length % count == 0)
    return f"{length // _SIZES[unit]} {unit}"


def instant(when: datetime) -> int:
    """Return a datetime as microseconds since 1970 UTC.

    Raises:
        BadInput: The datetime is naive: it has no time zone, so it names no instant.
    """
    if when.tzinfo is None:
        raise BadInput(f"{when.isoformat()} has no time zone: write {when.isoformat()}+00:00 if it is UTC", field="at")
    since = when - _EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds


def moment(at: int) -> datetime:
    """Return microseconds since 1970 UTC as an aware datetime: the inverse of `instant`."""
    days, left = divmod(int(at), DAY)
    return datetime.fromordinal(_EPOCH.toordinal() + days).replace(tzinfo=UTC) + timedelta(microseconds=left)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Coded:
    """A column of text that repeats: codes into its values, so that each text is made and looked up once. To NumPy, an array of objects.

    Attributes:
        values: The texts, and None, in any order; some may stand at no row, and equal ones twice. Shape (m,).
        codes: Where among them that of each row is. Shape (n,).
    """

    def __init__(self, values: Array, codes: Array) -> None:
        self.values = values
        self.codes = codes

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Array | slice) -> Coded:
        return Coded(self.values, self.codes[rows])

    def __array__(self, dtype: object = None, copy: bool | None = None) -> Array:
        return self.values[self.codes]

    @staticmethod
    def joined(columns: Iterable[Array | Coded]) -> Coded:
        """Return the rows of columns of text one after another; an array of objects is one whose values each stand at a row."""
        parts = [one if isinstance(one, Coded) else Coded(one, np.arange(len(one))) for one in columns]
        starts = np.cumsum([0, *(len(one.values) for one in parts)])
        codes = [one.codes + start for one, start in zip(parts, starts, strict=False)]
        return Coded(np.concatenate([one.values for one in parts]), np.concatenate(codes))


def size(rows: Columns) -> int:
    """Return the number of rows."""
    for column in rows.values():
        return len(column)
    return 0


def take(rows: Columns, index: Array | slice) -> dict[str, Array]:
    """Return the rows at `index`: positions, a boolean mask or a slice."""
    return {name: column[index] for name, column in rows.items()}


def blank(like: Array, n: int) -> Array:
    """Return `n` missing values of the kind of `like`: NaN, None, False or 0."""
    kind = like.dtype.kind
    fill = np.nan if kind == "f" else None if kind == "O" else 0 if kind != "U" else ""
    return np.full((n, *like.shape[1:]), fill, dtype=like.dtype)


def stack(parts: Sequence[Columns]) -> dict[str, Array]:
    """Return the rows of all parts, one after another; a column that a part lacks is missing there."""
    names = list(dict.fromkeys(name for part in parts for name in part))
    out: dict[str, Array] = {}
    for name in names:
        sample = next(part[name] for part in parts if name in part)
        columns = [part[name] if name in part else blank(sample, size(part)) for part in parts]
        is_coded = any(isinstance(column, Coded) for column in columns)
        out[name] = cast("Array", Coded.joined(columns)) if is_coded else np.concatenate(columns)
    return out


def objects(values: Iterable[Any]) -> Array:
    """Return values as a one-dimensional object array, whatever they are (NumPy would unpack lists)."""
    values = list(values)
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def runs(groups: Array, n: int) -> Array:
    """Return where each of `n` groups starts in sorted group numbers, with the end after the last. Shape (n + 1,)."""
    return np.searchsorted(groups, np.arange(n + 1))
