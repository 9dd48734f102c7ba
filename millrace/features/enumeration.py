"""What candidate sources ask of the online view: the greatest, the newest, and those that belong to something."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from millrace.types import Array, objects


def greatest(values: Array, ids: Array, take: int) -> tuple[Array, Array]:
    """Return the ids with the greatest positive values, greatest first and ties by id, and their values.

    Args:
        values: A number per key; NaN is no number. Shape (n,).
        ids: The keys. Object array, shape (n,).
        take: How many at most, at least 1.
    """
    there = np.flatnonzero(values > 0)
    if len(there) > take:
        least = np.partition(values[there], len(there) - take)[len(there) - take]
        there = there[values[there] >= least]
    return _ordered(values[there], ids[there], take)


def _ordered(values: Array, ids: Array, take: int) -> tuple[Array, Array]:
    """Return ids and values, greatest first; only where values tie are ids compared, and only those that may be taken."""
    order = np.argsort(-values, kind="stable")
    values, ids = values[order], ids[order]
    names = ids.tolist()
    ends = np.append(np.flatnonzero(values[1:] != values[:-1]) + 1, len(values))
    start = 0
    for end in ends.tolist():
        if end - start > 1:
            names[start:end] = sorted(names[start:end])
        if (start := end) >= take:
            break
    return objects(names[:take]), values[:take]


class Newest:
    """Entities ordered by an instant, latest first, to be asked as of any watermark."""

    def __init__(self, instants: Array, ids: Array) -> None:
        """Order entities by `instants` (microseconds, NaN is missing). Shape (n,) each."""
        there = np.flatnonzero(~np.isnan(instants))
        order = there[np.argsort(-instants[there], kind="stable")]
        self._ago, self._ids = -instants[order], ids[order]
        self._last: tuple[tuple[int, int, int], Array] | None = None  # between two watermarks nothing new came to be, mostly

    def ids(self, take: int, watermark: int) -> Array:
        """Return the ids of the latest that are not after the watermark, latest first and ties by id. The array is not to be written to."""
        start = int(np.searchsorted(self._ago, -float(watermark), "left"))
        end = min(start + take, len(self._ago))
        if start < end:
            end = int(np.searchsorted(self._ago, self._ago[end - 1], "right"))  # all that tie with the last
        asked, last = (start, end, take), self._last
        if last is None or last[0] != asked:
            found = _ordered(-self._ago[start:end], self._ids[start:end], take)[0]
            found.setflags(write=False)
            last = self._last = asked, found
        return last[1]


class Belonging:
    """Entities by the value of one of their attributes."""

    def __init__(self, values: Array, ids: Array) -> None:
        """Group entities by `values`; a missing value belongs to nothing. Shape (n,) each."""
        self._ids: dict[object, list[str]] = {}
        for value, one in zip(values.tolist(), ids.tolist(), strict=True):
            if value is not None and value == value:  # NaN is missing and differs from itself
                self._ids.setdefault(value, []).append(one)
        for group in self._ids.values():
            group.sort()

    def ids(self, values: Iterable[object]) -> tuple[Array, Array]:
        """Return (position in `values`, ascending; id) of every entity whose attribute has that value, ordered by id."""
        groups = [self._ids.get(value, []) for value in values]
        where = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
        return where, objects(one for group in groups for one in group)
