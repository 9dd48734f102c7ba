"""Admission: how many callers may be under way at a time, learnt from how long they wait; all others are turned away at once.

A server that takes in more than it can do answers everybody late. What tells is not how many wait but how long the luckiest waits: a burst
comes and goes, and within a moment somebody finds the server free; where for a whole interval nobody does, there is a standing queue, and
fewer are let in (as CoDel tells a bad queue from a good one). Otherwise, if the limit was reached, a few more are let in. It shrinks faster
than it grows, so the limit goes about what the server can do, and follows it when that changes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from millrace.errors import BadInput, Unavailable

INTERVAL_S = 0.1
"""How long somebody must have waited throughout before the queue counts as standing, in seconds."""
TARGET_S = 0.01
"""How long the luckiest may wait, in seconds."""
FEWEST, MOST, AT_FIRST = 2.0, 4096.0, 64.0
SHRINKS, GROWS = 0.85, 1 / 32
"""To which share the limit shrinks, and by which share of itself it grows besides one."""
TIMEOUTS = ("x-request-timeout-ms", "x-envoy-expected-rq-timeout-ms")
"""The headers that say for how many milliseconds a caller waits for its answer: ours, and that which Envoy adds of itself."""


class Overloaded(Unavailable):
    """More ask than can be answered soon; ask again later."""


@dataclass
class Limit:
    """How many may be under way. Time is passed in, in seconds of a clock that does not go back.

    Attributes:
        limit: How many; at least 2.
        under_way: How many are.
        quickest: How long the quickest answer of the last whole interval took, in seconds; 0 where there was none.
    """

    limit: float = AT_FIRST
    under_way: int = 0
    quickest: float = 0.0
    _until: float = -math.inf
    _least_wait: float = math.inf
    _least_took: float = math.inf
    _was_reached: bool = False

    def admit(self, now: float, deadline: float | None = None) -> None:
        """Let one more in; whoever does says when it has ended.

        Raises:
            Overloaded, Unavailable: As of `check`.
        """
        self.check(now, deadline)
        self.under_way += 1
        self._was_reached = self._was_reached or self.under_way + 1 > self.limit

    def check(self, now: float, deadline: float | None = None) -> None:
        """See that one more may be let in.

        Raises:
            Overloaded: As many as may be are under way.
            Unavailable: The caller's time has run out, or even the quickest answer would come after it.
        """
        self._turn(now)
        if deadline is not None and deadline - now <= self.quickest:
            raise Unavailable("the caller's time runs out before this could be answered: ask again, with more time", self._after())
        if self.under_way + 1 > self.limit:
            self._was_reached = True
            raise Overloaded("more ask than can be answered soon: ask again later", self._after())

    def ended(self, now: float, waited: float | None, took: float | None) -> None:
        """Note that one is done.

        Args:
            now: The present.
            waited: For how long it waited to be begun, in seconds; None where it never was.
            took: How long it took in all, in seconds; None where it was not answered.
        """
        self._turn(now)
        self.under_way -= 1
        self._least_wait = min(self._least_wait, waited if waited is not None else math.inf)
        self._least_took = min(self._least_took, took if took is not None else math.inf)

    def _turn(self, now: float) -> None:
        """Judge the interval that is over, if it is."""
        if now < self._until:
            return
        if math.isfinite(self._least_wait) and self._least_wait > TARGET_S:
            self.limit = max(FEWEST, self.limit * SHRINKS)
        elif self._was_reached and math.isfinite(self._least_wait):
            self.limit = min(MOST, self.limit + 1 + GROWS * self.limit)
        self.quickest = self._least_took if math.isfinite(self._least_took) and now < self._until + INTERVAL_S else 0.0
        self._until = now + INTERVAL_S
        self._least_wait = self._least_took = math.inf
        self._was_reached = False

    def _after(self) -> float:
        """Return when to ask again, in seconds: the header knows whole ones only."""
        return max(1.0, self.quickest)


@dataclass
class Room:
    """A bounded place to wait, counted in records: what does not fit is turned away at once, but one that finds it empty always fits.

    Attributes:
        most: How many records may wait.
        waiting: How many do.
    """

    most: int
    waiting: int = 0

    def enter(self, records: int) -> None:
        """Let records in; whoever does calls `leave`.

        Raises:
            Overloaded: They do not fit.
        """
        if self.waiting and self.waiting + records > self.most:
            raise Unavailable(f"{self.waiting} records wait to be logged, at most {self.most} may: send these again later")
        self.waiting += records

    def leave(self, records: int) -> None:
        """Let records out: they are logged, or refused."""
        self.waiting -= records


def deadline_of(headers: Mapping[str, str], now: float) -> float | None:
    """Return when a caller's time runs out, by its headers; None where it does not say.

    Args:
        headers: The headers, found by their names in lower case.
        now: When the request came, in seconds.

    Raises:
        BadInput: What it says is no whole number of milliseconds.
    """
    for name in TIMEOUTS:
        said = headers.get(name)
        if said is not None:
            if not (said.isascii() and said.isdigit()) or len(said) > 9:
                raise BadInput(f"{name} is a whole number of milliseconds, not {said[:20]!r}", name)
            return now + int(said) / 1000
    return None
