"""Whatever decides behind a server, and deciding with it: each request once, whoever else is asked it, and nothing that is not logged."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Protocol
from uuid import uuid4

import msgspec

from millrace.decision import Decision
from millrace.errors import Conflict
from millrace.features.defaults import DefaultsUsed
from millrace.loaded import Loaded
from millrace.log.appending import Receipt
from millrace.log.streams import codec_of
from millrace.schema import Request, field_names
from millrace.serve.bodies import check_takes
from millrace.serve.breakers import State
from millrace.serve.clock import Clock
from millrace.serve.facts import Installed
from millrace.serve.release import Versions
from millrace.serve.timing import Spans
from millrace.stores.database import Database
from millrace.stores.experiments import Experiments
from millrace.stores.halts import Halt, Halts
from millrace.stores.registry import Registry
from millrace.stores.releases import Releases
from millrace.stores.standing import Standing
from millrace.types import Columns

MOST_FAILURES = 1000
"""How many failures wait to be told of; where nobody asks, the oldest are dropped."""


class Records(Protocol):
    """Where what was logged is looked up: the log itself, or whoever owns it."""

    @property
    def last_known(self) -> int:
        """The latest `known` that was heard of, microseconds since 1970 UTC."""
        ...

    def decision(self, id: str) -> Decision | None:
        """Return the decision on the request with an id, None where there is none."""
        ...

    def find(self, stream: type[Any], id: str) -> Any:
        """Return the item with an id, None where there is none."""
        ...


class Dwelling(Protocol):
    """What whoever decides finds at home: `Home`, or `Outpost` on a machine that has no log."""

    @property
    def log(self) -> Records:
        """Where records are looked up."""
        ...

    @property
    def database(self) -> Database:
        """Where keys are kept."""
        ...

    @property
    def registry(self) -> Registry:
        """The versions there are."""
        ...

    @property
    def releases(self) -> Releases:
        """What was released."""
        ...

    @property
    def halts(self) -> Halts:
        """The kill switch."""
        ...

    @property
    def experiments(self) -> Experiments:
        """What is on record of experiments."""
        ...


class Viewed(Protocol):
    """What a server tells of the view it decides on."""

    @property
    def defaults_used(self) -> DefaultsUsed:
        """How often each feature's default stood in."""
        ...


class Decider(Protocol):
    """Decides for one system: the `Engine` that owns its log, or a `Replica` beside it."""

    loaded: Loaded
    clock: Clock
    versions: Versions
    failures: deque[tuple[str, str]]

    @property
    def home(self) -> Dwelling:
        """Its folder."""
        ...

    @property
    def view(self) -> Viewed:
        """The online view it reads."""
        ...

    @property
    def standing(self) -> Standing:
        """What serves."""
        ...

    @property
    def halt(self) -> Halt | None:
        """The halt that it is under, if there is one."""
        ...

    @property
    def installed(self) -> Installed:
        """What the champion release has installed."""
        ...

    @property
    def troubles(self) -> list[str]:
        """What is not as it should be although decisions are made."""
        ...

    def breakers(self) -> Mapping[str, State]:
        """Return the state of each leaf that failed or was late of late."""
        ...

    def away(self) -> str:
        """Return why it cannot decide, or log, just now; "" when it can."""
        ...

    def reload(self) -> bool:
        """Install what the releases say now; return whether anything changed."""
        ...

    def answer(self, requests: Columns, spans: Spans | None = None) -> list[Decision]:
        """Decide without logging; nobody may be told before it is logged. How long its stages take is added to the spans, where given.

        Raises:
            Unavailable: Neither the policy nor any fallback could answer.
        """
        ...

    def submit(self, items: Sequence[Any]) -> Future[Receipt]:
        """Hand records over to be logged together or not at all; the future gives their receipt once they are on disk.

        Raises:
            Unavailable: Too many are waiting, or it is closed.
        """
        ...

    def ingest(self, items: Sequence[Any]) -> Receipt:
        """Log durably; when it returns, the next decision sees what was logged."""
        ...

    def decide(self, requests: Sequence[Request]) -> list[Decision]:
        """See `decide`."""
        ...

    def close(self) -> None:
        """Finish what was accepted, and end."""
        ...


def decide(decider: Decider, requests: Sequence[Request]) -> list[Decision]:
    """Decide and log; when it returns, the decisions are on disk.

    A request already decided, here or by another process, gets the decision it got: it may be a retry. Its `at` need not be the same.

    Raises:
        BadInput: A request is from the future, malformed, or says to take less than 1; nothing is decided.
        Conflict: An id was used before for another request.
        Unavailable: Neither the policy nor any fallback could answer, or what was decided could not be logged.
    """
    while True:
        known = {request.id: decided(decider.home.log, request) for request in requests if request.id}
        try:
            return _decide(decider, requests, known)
        except Conflict:
            # Somebody else may have decided one of them meanwhile: then that decision stands. Otherwise it is a conflict.
            new = (name for name, decision in known.items() if decision is None)
            if all(decider.home.log.decision(name) is None for name in new):
                raise


def _decide(decider: Decider, requests: Sequence[Request], known: Mapping[str, Decision | None]) -> list[Decision]:
    for place, request in enumerate(requests):
        if known.get(request.id) is None:
            check_takes(decider.loaded, request, f"request {place}: " if len(requests) > 1 else "")
    new = [request for request in requests if known.get(request.id) is None]
    decisions: list[Decision] = []
    if new:
        asked = [named(request) for request in new]
        decisions = decider.answer(codec_of(type(new[0])).columns(asked))
        decider.ingest([item for pair in zip(asked, decisions, strict=True) for item in pair])
    answered = iter(decisions)
    return [known.get(request.id) or next(answered) for request in requests]


def decided(log: Records, request: Request) -> Decision | None:
    """Return the decision that a request got before, None when there is none.

    Raises:
        Conflict: Another request of that id got it.
    """
    decision = log.decision(request.id)
    earlier = log.find(type(request), request.id) if decision is not None else None
    for name in field_names(type(request)) if earlier is not None else ():
        if name != "at" and getattr(earlier, name) != getattr(request, name):
            raise Conflict(
                f"{type(request).__name__} {request.id} was decided before with another {name}: give what is new an id of its own"
            )
    return decision


def named(request: Request) -> Request:
    """Return a request with an id, so that its decision can refer to it."""
    return request if request.id else msgspec.structs.replace(request, id=uuid4().hex)
