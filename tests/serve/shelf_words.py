"""What shelves are made of: who comes by, what stands there, and what happens."""

from datetime import datetime

from millrace import Entity, Event, Ref, Request


class Visitor(Entity):
    """Who comes by."""

    country: str


class Good(Entity):
    """What stands on the shelf."""

    kind: str
    added_at: datetime


class Buy(Event):
    """A visitor bought."""

    visitor: Ref[Visitor]
    good: Ref[Good]
    cents: int = 100


class Look(Request):
    """A visitor looks."""

    visitor: Ref[Visitor]
    limit: int = 3
