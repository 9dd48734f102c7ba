"""The one clock: instants that never repeat or go back, and the watermark up to which everything known has been applied."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


def wall() -> int:
    """Return the present as microseconds since 1970 UTC."""
    return time.time_ns() // 1000


class Clock:
    """Gives each commit and each decision an instant of its own, in one order.

    A decision's watermark must be an instant before which everything known has been applied to the online view, and after which
    nothing will be acknowledged with an earlier one. While a commit is under way its first instant is that bound.

    Args:
        now: Where time comes from; a simulation passes its own.
    """

    def __init__(self, now: Callable[[], int] = wall) -> None:
        self._now = now
        self._last = 0
        self._pending: int | None = None
        self._lock = threading.Lock()

    def now(self) -> int:
        """Return the present, without claiming it."""
        return max(self._now(), self._last)

    def begin(self) -> int:
        """Claim the first instant of a commit; until `finish` no watermark passes it."""
        with self._lock:
            self._pending = self._tick()
            return self._pending

    def finish(self, last: int = 0) -> None:
        """Release the claim, if there is one: everything up to `last` has been applied."""
        with self._lock:
            self._last = max(self._last, last)
            self._pending = None

    def watermark(self) -> int:
        """Return an instant such that all that is known before it has been applied, and always will have been."""
        with self._lock:
            return self._pending if self._pending is not None else self._tick()

    def _tick(self) -> int:
        self._last = max(self._now(), self._last + 1)
        return self._last
