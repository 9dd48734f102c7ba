"""How many requests per second a caller may make: a bucket of tokens that fills at that rate."""

from __future__ import annotations

_BURST_S = 2.0
"""How many seconds' worth of requests may come at once: callers are rarely even."""


class Bucket:
    """A bucket of tokens, full at first; every request takes one.

    Args:
        rate: Tokens per second, above 0.
        now: The time, seconds on any clock that does not go back.
    """

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._most = max(1.0, rate * _BURST_S)
        self._tokens = self._most
        self._at = now

    def take(self, now: float) -> float:
        """Take a token; return 0.0, or, where there is none, in how many seconds there will be one."""
        self._tokens = min(self._most, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = max(now, self._at)
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self._rate
