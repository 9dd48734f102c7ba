"""The order of the log, (known, position): spans of it, and what a file of the lake covers of it."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from millrace.types import EVER, Array

Key = tuple[int, int]
"""A place in the order of the log: (known, position)."""

LAST = 2**63 - 1
"""After every instant and every position."""


class Part(msgspec.Struct, frozen=True):
    """One file of the lake, sorted by (known, position).

    Attributes:
        file: Its path below the lake's folder.
        stream: The stream it holds records of.
        rows: How many.
        first: The lowest position in it; `last` is the highest.
        oldest: The earliest `known` in it; `newest` is the latest.
    """

    file: str
    stream: str
    rows: int
    first: int
    last: int
    oldest: int
    newest: int


class Span(NamedTuple):
    """Which records to read: those with (known, position) after one key and up to another, at positions after `after_position`."""

    after: Key = (EVER, 0)
    until: Key = (LAST, LAST)
    after_position: int = 0

    @classmethod
    def of(cls, known_from: int | None = None, known_until: int | None = None, after_position: int | None = None) -> Span:
        """Return the span of the instants known_from ≤ known < known_until, None being open."""
        after = (EVER, 0) if known_from is None else (known_from - 1, LAST)
        until = (LAST, LAST) if known_until is None else (known_until - 1, LAST)
        return cls(after, until, after_position or 0)

    @property
    def is_open_below(self) -> bool:
        """Whether it begins with the log."""
        return self._replace(until=(LAST, LAST)) == Span()

    def meets(self, part: Part) -> bool:
        """Return whether a part can hold records of the span."""
        return part.newest >= self.after[0] and part.oldest <= self.until[0] and part.last > self.after_position

    def mask(self, known: Array, position: Array) -> Array:
        """Return which records are of the span, given the `known` and `position` of each."""
        late = (known > self.after[0]) | ((known == self.after[0]) & (position > self.after[1]))
        early = (known < self.until[0]) | ((known == self.until[0]) & (position <= self.until[1]))
        return late & early & (position > self.after_position)
