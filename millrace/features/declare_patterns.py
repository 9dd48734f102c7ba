"""Aggregates of how a key's events spread, follow each other and fade: declared as `count` and its kin are."""

from __future__ import annotations

from typing import Any

from millrace.errors import DeclarationError
from millrace.features.declare import Family, Ratio, aggregated, count
from millrace.features.declare_values import places
from millrace.features.op_decay import LONGEST, USUAL
from millrace.features.window import Window
from millrace.types import EVER, duration, micros


def variance(of: Any, *, per: Any, over: Any, where: Any = None, hop: str | None = None, default: float | None = None) -> Any:
    """Declare the variance of an expression over a key's events in a window; `default` (missing) where there are none.

    Of the population: the mean squared distance from the mean, 0 for one event. From exact sums, so it is never negative and right for
    large numbers near each other.
    """
    return aggregated("variance", of, per, over, where, hop, default)


def deviation(of: Any, *, per: Any, over: Any, where: Any = None, hop: str | None = None, default: float | None = None) -> Any:
    """Declare the standard deviation of an expression over a key's events in a window: the square root of its `variance`."""
    return aggregated("deviation", of, per, over, where, hop, default)


def first(of: Any, *, per: Any, over: Any = "ever", where: Any = None, hop: str | None = None, default: Any = None) -> Any:
    """Declare the value of the event that became known first among a key's events in a window; `default` (missing) where there are none."""
    return aggregated("first", of, per, over, where, hop, default)


def last_k(of: Any, k: int, *, per: Any, over: Any = "ever", where: Any = None, hop: str | None = None, default: Any = None) -> Family:
    """Declare the values of the `k` events that became known last, as a family: `[1]` is the last, `[2]` the one before it.

    Args:
        of: The expression; events for which it is missing take no part.
        k: How many, at least 1.
        per: As for `count`.
        over: As for `count`.
        where: As for `count`.
        hop: As for `count`.
        default: What stands where there are fewer; by default they are missing.
    """
    return places("last_k", of, k, per, over, where, hop, default)


def since(of: Any, *, per: Any, over: Any = "ever", where: Any = None, hop: str | None = None, default: float | None = None) -> Any:
    """Declare how many seconds ago the latest of a key's events in a window happened; `default` (missing) where there are none.

    Counted from the watermark, the instant up to which the decision knows the log, so that it can be computed again; never below 0.
    """
    return aggregated("since", of, per, over, where, hop, default)


def decayed(of: Any, *, per: Any, half_life: str, over: Any = None, where: Any = None, hop: str | None = None) -> Any:
    """Declare a count of events, or a sum of an expression, in which each weighs half as much after every `half_life`; 0 of nothing.

    An event weighs `2 ** (-age / half_life)`, its age taken at the watermark; one dated ahead of it weighs a little more than 1.

    Args:
        of: An Event class, or an expression over its fields.
        per: As for `count`.
        half_life: A duration.
        over: How far back events count, at most 128 half-lives: by default 64, when nothing is left of them. No lifetime.
        where: As for `count`.
        hop: As for `count`.
    """
    half = micros(half_life)
    overs = duration(USUAL * half) if over is None else over
    for one in overs if isinstance(overs, list) else [overs]:
        length = Window.of(one).length
        if length == EVER or length > LONGEST * half:
            raise DeclarationError(
                f"decayed(): over={one!r} is more than {LONGEST} half-lives of {half_life}, when nothing is left of an event: "
                f"write at most over={duration(LONGEST * half)!r}, or leave it out"
            )
    return aggregated("decayed", of, per, overs, where, hop, 0, (duration(half),))


def streak(of: Any, *, per: Any, over: Any = "ever", where: Any = None, hop: str | None = None) -> Any:
    """Declare for how many events in a row, up to the one known last, a condition has been true; 0 where the last did not meet it.

    Args:
        of: The condition, over the event's fields; events for which it is missing take no part.
        per: As for `count`.
        over: As for `count`.
        where: Which events are looked at; those it leaves out do not break a streak.
        hop: As for `count`.
    """
    return aggregated("streak", of, per, over, where, hop, 0)


def velocity(of: Any, *, per: Any, over: tuple[str, str], where: Any = None, default: float | None = None) -> Ratio:
    """Declare how fast events come now against how fast they have come: 1 is as ever, 3 three times as fast.

    The rate in a short window over the rate in a long one that contains it; `default` (missing) where the long one has no events.

    Args:
        of: An Event class.
        per: As for `count`, one at a time.
        over: The short window and the long one, such as `("1h", "7d")`.
        where: As for `count`.
        default: What stands where there were no events; by default it is missing.
    """
    lengths = [Window.of(one).length for one in over] if isinstance(over, tuple) and len(over) == 2 else []
    if len(lengths) != 2 or EVER in lengths or lengths[0] >= lengths[1] or isinstance(per, list):
        raise DeclarationError(f'velocity(): over={over!r} is not a short window and a longer one for one key: write over=("1h", "7d")')
    now, usual = (count(of, per=per, over=one, where=where) for one in over)
    return Ratio(now, usual, (0.0, 0.0), default, lengths[1] / lengths[0])
