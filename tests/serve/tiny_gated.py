"""A shelf whose policy takes as long as a test says: it stops at a gate, and counts how many requests come through it at a time."""

import threading
from dataclasses import dataclass

from millrace import Entity, Pipeline, Ref, Request, Rules, System, Top, Trending, count
from millrace.decision import Decisions, Facts, Policy
from millrace.errors import Late
from millrace.schema import Event
from millrace.types import Columns, size

PATIENCE = 60.0


class Gate:
    """What a test holds shut: requests stop at it, and are counted."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = threading.Semaphore(0)
        self.sizes: list[int] = []

    def pass_through(self, n: int) -> None:
        self.sizes.append(n)
        self.entered.release()
        self.open.wait(PATIENCE)


GATES: list[Gate] = []
"""The gate of the test that runs; none lets everybody through."""


@dataclass(frozen=True, eq=False)
class Gated:
    """Answers as another policy does, once the gate opens. A visitor called `nobody` cannot be answered."""

    policy: Policy

    def decide(self, requests: Columns, facts: Facts) -> Decisions:
        for gate in GATES[-1:]:
            gate.pass_through(size(requests))
        if "nobody" in requests["visitor"].tolist():
            raise Late("nobody cannot be answered")
        return self.policy.decide(requests, facts)


class Visitor(Entity):
    """Who comes by."""


class Good(Entity):
    """What stands on the shelf."""


class Buy(Event):
    """A visitor bought."""

    visitor: Ref[Visitor]
    good: Ref[Good]


class Look(Request):
    """A visitor looks."""

    visitor: Ref[Visitor]
    limit: int = 3


bought = count(Buy, per=Good, over="7d")
plain = Pipeline(Trending(Buy.good, over="7d", take=10), Rules(bought), Top(Look.limit, explore=0.2))
gated = Gated(plain)

shelf = System(Look, candidate=Good, policy=gated)
