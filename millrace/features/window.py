"""Windows and the hop rule: only the tail of a window snaps, so online tiles and offline search agree exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import overload

import numpy as np

from millrace.errors import DeclarationError
from millrace.types import DAY, EVER, HOUR, MICROSECOND, MINUTE, SECOND, Array, duration, micros

_WHOLE_UNITS = (DAY, HOUR, MINUTE, SECOND, SECOND // 1000, MICROSECOND)


@dataclass(frozen=True)
class Window:
    """How far back an aggregate looks, and in what steps its tail moves.

    At watermark `w` it covers the events with `at >= lo(w)`, where `lo(w)` is `w - length` rounded down to a whole hop. So an event
    counts for exactly the watermarks from `known + 1` up to, not including, `leaves(at)`.

    Args:
        length: In microseconds, positive; or `EVER` for a lifetime window, which nothing leaves.
        hop: In microseconds, from 1 to `length`; it need not divide `length`. 0 for a lifetime window.

    Raises:
        DeclarationError: The hop is not positive, is longer than the window, or is given for a lifetime window.
    """

    length: int
    hop: int

    def __post_init__(self) -> None:
        if self.length == EVER:
            if self.hop:
                raise DeclarationError('a window over="ever" has no tail to move: leave its hop out')
        elif self.length <= 0:
            raise DeclarationError(f'a window of {self.length} microseconds covers nothing: write a length such as "7d", or "ever"')
        elif not 0 < self.hop <= self.length:
            raise DeclarationError(f"a hop of {duration(self.hop)} does not fit a window of {duration(self.length)}: write a shorter hop")

    @classmethod
    def of(cls, over: str, hop: str | None = None) -> Window:
        """Return the window declared as `over="7d"`; the hop is about a sixtieth of it unless stated.

        Args:
            over: A duration, or "ever" for the whole life of the key.
            hop: A duration no longer than the window. By default a sixtieth of the window, rounded (half up) to a whole number of
                the largest unit (d, h, m, s, ms) that is not larger than that sixtieth.

        Raises:
            DeclarationError: A duration cannot be read, or the hop does not fit the window.

        >>> Window.of("7d")
        Window(length=604800000000, hop=10800000000)
        """
        if over == "ever":
            return cls(EVER, micros(hop) if hop is not None else 0)
        length = micros(over)
        return cls(length, micros(hop) if hop is not None else _sixtieth(length))

    @property
    def is_lifetime(self) -> bool:
        """Whether the window covers everything known of a key."""
        return self.length == EVER

    @property
    def tiles(self) -> int:
        """The most hops a window can touch: how many tiles a ring needs so that none is reused while it still counts."""
        return 1 if self.is_lifetime else -(-self.length // self.hop) + 1

    @overload
    def lo(self, w: int) -> int: ...
    @overload
    def lo(self, w: Array) -> Array: ...
    def lo(self, w: int | Array) -> int | Array:
        """Return the first instant the window covers at each watermark, before 1970 too. Microseconds; the shape of `w`."""
        if self.is_lifetime:
            return np.full_like(w, EVER) if isinstance(w, np.ndarray) else EVER
        return (w - self.length) // self.hop * self.hop

    @overload
    def leaves(self, at: int) -> int: ...
    @overload
    def leaves(self, at: Array) -> Array: ...
    def leaves(self, at: int | Array) -> int | Array:
        """Return the first watermark whose window no longer covers an event that happened at `at`: the least w with `lo(w) > at`."""
        if self.is_lifetime:
            return np.full_like(at, -EVER) if isinstance(at, np.ndarray) else -EVER
        return (at // self.hop + 1) * self.hop + self.length

    @overload
    def tile(self, at: int) -> int: ...
    @overload
    def tile(self, at: Array) -> Array: ...
    def tile(self, at: int | Array) -> int | Array:
        """Return the number of the hop an instant falls in, counted from 1970; all of a lifetime is tile 0."""
        if self.is_lifetime:
            return np.zeros_like(at) if isinstance(at, np.ndarray) else 0
        return at // self.hop

    @overload
    def expired(self, at: int, known: int) -> bool: ...
    @overload
    def expired(self, at: Array, known: Array) -> Array: ...
    def expired(self, at: int | Array, known: int | Array) -> bool | Array:
        """Return whether an event came too late ever to count: the window had left `at` by the first watermark that knows it."""
        return at < self.lo(known + 1)

    def __str__(self) -> str:
        return "ever" if self.is_lifetime else duration(self.length)


def _sixtieth(length: int) -> int:
    unit = next((unit for unit in _WHOLE_UNITS if 60 * unit <= length), MICROSECOND)
    return max(1, (length + 30 * unit) // (60 * unit)) * unit
