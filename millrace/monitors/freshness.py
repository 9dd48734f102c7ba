"""Freshness: has anything arrived lately?"""

from __future__ import annotations

from millrace.monitors.reading import Reading
from millrace.types import SECOND, duration, micros


def freshness(last_known: int | None, now: int, age: str) -> Reading:
    """Return how long the log has been silent, in seconds, with an alarm beyond the limit.

    Args:
        last_known: When the last event became known, microseconds; None for an empty log, which is not stale but new.
        now: The present, microseconds.
        age: The longest silence, such as "1h".
    """
    limit = micros(age)
    silent = 0 if last_known is None else max(now - last_known, 0)
    message = f"nothing has arrived for {duration(silent - silent % SECOND)}" if silent > limit else f"events arrived within {age}"
    return Reading("freshness", silent / SECOND, limit / SECOND, silent > limit, message)
