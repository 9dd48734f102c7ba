"""Ids for rows that have none: what a row says, digested, so that the same file read again gives the same ids."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import msgspec
import numpy as np

from millrace.types import Array, Columns


class ContentIds:
    """Gives ids to the rows of one import: a digest of the content, with a number from the second equal row on.

    Args:
        fields: The columns that are the content. Only those the file gave: a field declared later must not change old ids.
    """

    def __init__(self, fields: Sequence[str]) -> None:
        self._fields = sorted(fields)
        self._seen = Occurrences()

    def of(self, rows: Columns) -> list[str]:
        """Return an id per row, continuing from the rows given before."""
        columns = [rows[field].tolist() for field in self._fields]
        encode = msgspec.json.Encoder().encode
        digests = [blake2b(encode(row), digest_size=16).digest() for row in zip(*columns, strict=True)]
        short = np.frombuffer(b"".join(digests), dtype=np.uint64)[::2]
        before = self._seen.add(short)
        return [digest.hex() + (f"-{n}" if n else "") for digest, n in zip(digests, before.tolist(), strict=True)]


class Occurrences:
    """Counts how often a number was seen before, in 8 bytes for each seen: sorted runs, merged when they have come to equal length."""

    def __init__(self) -> None:
        self._runs: list[Array] = []

    def add(self, values: Array) -> Array:
        """Return how often each value occurred before, in earlier calls and to its left, and remember all."""
        order = np.argsort(values, kind="stable")
        run = values[order]
        before = np.empty(len(values), dtype=np.int64)
        before[order] = np.arange(len(run)) - np.searchsorted(run, run)
        for old in self._runs:
            before += np.searchsorted(old, values, "right") - np.searchsorted(old, values, "left")
        while self._runs and len(self._runs[-1]) <= len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")
        self._runs.append(run)
        return before
