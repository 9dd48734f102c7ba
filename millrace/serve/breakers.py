"""Breakers: a leaf that keeps failing or being late is left out at once, until a probe finds that it answers again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal, TypeAlias

State: TypeAlias = 'Literal["closed", "open", "half-open"]'

WEIGHT = 0.2
"""How much one call counts in the share of calls that failed of late; the calls before it fade by as much."""
TRIPS_AT = 0.67
"""The share of failures at which a leaf is left out: five failures in a row, or most of many."""
FIRST_S, LONGEST_S = 1.0, 30.0
"""How long a leaf is left out the first time, and at most, in seconds; after each probe that fails for twice as long as before."""
MOST_ABANDONED = 2
"""How many calls of a leaf may run although nobody waits for them any more: each holds a thread that cannot be stopped."""
MOST_LEAVES = 10_000
"""How many leaves are remembered; a system has a handful."""


@dataclass
class Breaker:
    """What is known of one leaf's health. Time is passed in, in seconds of a clock that does not go back.

    Closed, all calls go through. Open, none do until a moment comes; then it is half-open and one goes through, the probe. If that answers
    in time the breaker closes, else it is open for longer.

    Attributes:
        name: The leaf. Its jitter derives from it, so that leaves that failed together are not probed together.
        failing: The share of calls that failed of late, in [0, 1].
        trips: How many times it opened since it last closed; 0 while it is closed.
        until: When the next probe may go through.
        is_probing: Whether a probe is under way.
        abandoned: How many calls still run that nobody waits for.
    """

    name: str
    failing: float = 0.0
    trips: int = 0
    until: float = 0.0
    is_probing: bool = False
    abandoned: int = 0

    @property
    def state(self) -> State:
        """Whether calls go through."""
        return "closed" if not self.trips else "half-open" if self.is_probing else "open"

    def lets(self, now: float) -> bool:
        """Return whether a call may be made now; whoever makes it says what came of it."""
        if self.abandoned >= MOST_ABANDONED or (self.trips and now < self.until):
            return False
        if self.trips:
            self.is_probing, self.until = True, now + self._pause()  # a probe that says nothing is followed by another
        return True

    def succeeded(self) -> None:
        """Note a call that answered in time."""
        self.failing = 0.0 if self.trips else self.failing * (1 - WEIGHT)
        self.trips, self.is_probing = 0, False

    def failed(self, now: float) -> None:
        """Note a call that failed or was late. Calls that were under way when it opened are no reason to wait longer."""
        self.failing += WEIGHT * (1 - self.failing)
        if self.is_probing or (not self.trips and self.failing > TRIPS_AT):
            self.trips, self.is_probing = self.trips + 1, False
            self.until = now + self._pause()

    def _pause(self) -> float:
        """Return for how long it is open: between half and whole of what has doubled each time, by its name and count alone."""
        drawn = int.from_bytes(blake2b(f"{self.name}/{self.trips}".encode(), digest_size=8).digest(), "big") / 2**64
        return min(LONGEST_S, FIRST_S * 2.0 ** min(self.trips - 1, 60)) * (0.5 + drawn / 2)


class Breakers:
    """The breakers of a server's leaves, by path; for many threads. A leaf that was never heard of is healthy."""

    def __init__(self) -> None:
        self._all: dict[str, Breaker] = {}
        self._lock = threading.Lock()

    def lets(self, name: str, now: float) -> bool:
        """See `Breaker.lets`."""
        with self._lock:
            found = self._all.get(name)
            return found is None or found.lets(now)

    def succeeded(self, name: str) -> None:
        """See `Breaker.succeeded`."""
        with self._lock:
            if (found := self._all.get(name)) is not None:
                found.succeeded()
                self._drop_if_well(found)

    def failed(self, name: str, now: float) -> None:
        """See `Breaker.failed`."""
        with self._lock:
            self._of(name).failed(now)

    def abandoned(self, name: str) -> Callable[[Any], None]:
        """Note a call that nobody waits for any more and that still runs; return what to call once it ends."""
        with self._lock:
            breaker = self._of(name)
            breaker.abandoned += 1

        def ended(_: Any) -> None:
            with self._lock:
                breaker.abandoned -= 1
                self._drop_if_well(breaker)

        return ended

    def states(self) -> dict[str, State]:
        """Return the state of each leaf that failed or was late of late."""
        with self._lock:
            return {name: one.state for name, one in self._all.items()}

    def reset(self) -> None:
        """Trust every leaf anew: something else is installed. Calls that still run keep counting."""
        with self._lock:
            for name, old in list(self._all.items()):
                if not old.abandoned:
                    del self._all[name]
                else:
                    old.failing, old.trips, old.is_probing = 0.0, 0, False

    def _of(self, name: str) -> Breaker:
        if name not in self._all and len(self._all) >= MOST_LEAVES:
            self._all.pop(next(iter(self._all)))
        return self._all.setdefault(name, Breaker(name))

    def _drop_if_well(self, breaker: Breaker) -> None:
        if not breaker.trips and not breaker.abandoned and breaker.failing < 0.01:
            self._all.pop(breaker.name, None)
