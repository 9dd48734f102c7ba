"""What a simulated world is: it asks for decisions, answers them with events, and knows what the best ones would have been."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

from millrace.types import Array, Columns, instant

START = instant(datetime(2026, 1, 5, tzinfo=UTC))
"""When worlds begin if nothing else is said: a Monday, in microseconds since 1970 UTC."""


@runtime_checkable
class World(Protocol):
    """A simulation with hidden truth: the part of a closed loop that no system may see.

    A world speaks in stream names ("Watch") and columns, never in a system's classes. One turn of the loop over the slice [since, until):

        asked = world.requests(since, until)            # decide these: they never depend on earlier decisions
        world.react(decided)                            # the rows shown or the action taken, in order of `at`
        told = world.happenings(since, until)           # then hear what became known in the slice, and append it to the log

    **How time is cut does not matter.** The world is the same whether it is asked by the minute or by the month: what is random is a
    function of (seed, purpose, ids), never of call order. Two policies that face the same request therefore meet the same people in the
    same mood (common random numbers), and comparing them needs far fewer requests than comparing two separate simulations would.

    **Requests come from outside.** Who asks, and when, does not depend on how well earlier requests were answered.
    """

    start: int
    """The first instant of the world, in microseconds since 1970 UTC."""

    def happenings(self, since: int, until: int) -> dict[str, Columns]:
        """Return what becomes known in [since, until), by stream name, each stream in order of `known`.

        Every row has `id`, `at` (when it happened), `known` (when word of it arrives, never before `at`) and the stream's fields; for an
        entity both are when it came to be known. The entities of the beginning are known at `start`; an entity that comes later is
        known before any request or event refers to it. A row may be delivered twice, later and otherwise equal. Streams without
        rows are left out. Asking again gives the same answer.
        """
        ...

    def requests(self, since: int, until: int) -> Columns:
        """Return the requests made in [since, until): `id`, `at` and the request's fields, in order of `at`."""
        ...

    def react(self, decided: Columns) -> None:
        """Draw what people do about decisions, and schedule the events that follow.

        Args:
            decided: The rows that were taken: `request` (the request's id), `at`, the request's fields, `candidate`, `rank` (0 is best)
                and `action`; other columns are not read. All rows of a request must come in one call, and the requests of
                successive calls in order of `at`.

        Raises:
            BadInput: A column is missing, or a value is not one this world understands.
            NotFound: A row names something this world does not have.
            Conflict: A request was already reacted to, or comes before what has already been told: react to a slice before
                asking what happened in it.
        """
        ...

    def value(self, decided: Columns) -> Array:
        """Return the true expected reward of each decided row given where it stood: hidden truth, free of noise. Shape (rows,).

        It is what the rewards that follow from `react` average to. Past decisions count (a viewer tires) as far as `react` heard of those
        before the request's `at`; the rows themselves need not have been reacted to, so other policies can be valued on the same requests.
        """
        ...

    def best(self, requests: Columns, n: int) -> Array:
        """Return the expected reward of the best decision for each request, for measuring regret. Shape (requests,).

        Args:
            requests: Rows as `requests` returns them.
            n: How many places a slate has; a world whose decisions are single actions does not read it.
        """
        ...
