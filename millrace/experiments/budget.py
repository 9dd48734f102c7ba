"""One chance of a false alarm, divided among many tests."""

from __future__ import annotations

import math


def bar(alarm: float, part: float) -> float:
    """Return the logarithm of the evidence at which a test that holds a part of the budget rejects.

    The parts of all tests together make 1 at most, so the chance that any of them ever rejects wrongly is the whole alarm at most (a
    weighted union). Averaging the evidence instead would alarm a little sooner, as 1 / alarm is reached by the mean no later than by one
    of its parts. But a mean may only be watched if all tests bet on the same stream of news; these see different excerpts of it, some a
    unit's first failure, some its outcome half an hour later, and the union asks nothing of how they hang together. And it says who it was.

    Args:
        alarm: The chance of a false alarm in all, in (0, 1).
        part: This test's part of it, in (0, 1].

    >>> round(math.exp(bar(0.01, 0.25)))
    400
    """
    return -math.log(alarm * part)


def in_turn(position: int) -> float:
    """Return the part of the test that turns up as the `position`-th, from 0, when nobody knows how many there will be: they make 1.

    >>> sum(in_turn(n) for n in range(1000)) < 1
    True
    """
    return 1 / ((position + 1) * (position + 2))
