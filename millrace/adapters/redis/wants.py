"""What features need of a view elsewhere: whose attributes and which keys' states, in the order in which they can be asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from millrace.errors import NotFound
from millrace.features.declare import Aggregate, OnDemand
from millrace.features.plan import Plan, Read, with_needs
from millrace.features.routes import RowRoute, row_route
from millrace.schema import Field


@dataclass(frozen=True)
class Entities:
    """Attributes of the entities that rows name.

    Attributes:
        owner: Their class.
        holder: How a row reaches their ids.
    """

    owner: type
    holder: RowRoute


@dataclass(frozen=True)
class Keys:
    """The states of the keys that rows name.

    Attributes:
        column: The keying.
        routes: How a row reaches each key.
        side: "request" when all rows of a request share them.
    """

    column: str
    routes: tuple[RowRoute, ...]
    side: str

    @classmethod
    def of(cls, read: Read) -> Keys:
        """Return the keys whose states an aggregate reads."""
        return cls(read.states[0].keying.column, read.routes, read.side)


Want = Entities | Keys


def wants(plan: Plan, features: Sequence[Any]) -> list[list[Want]]:
    """Return what features need, round by round: what a round asks for is reached through what earlier rounds brought.

    Raises:
        NotFound: A feature is not in the plan.
    """
    rounds: list[dict[Want, None]] = []

    def ask(want: Want, number: int) -> None:
        while len(rounds) <= number:
            rounds.append({})
        rounds[number].setdefault(want)

    for one in with_needs(features).values():
        if one.column not in plan.features:
            raise NotFound(f"{one.column} is not among the features this was planned for: plan the system's features anew")
        paths = [_path(plan, way) for way in _ways(plan, one)]
        for path in paths:
            for number, entities in enumerate(path):
                ask(entities, number)
        if isinstance(one, Aggregate):
            ask(Keys.of(plan.reads[one.column]), max(map(len, paths)))
    return [list(asked) for asked in rounds]


def _ways(plan: Plan, one: Any) -> Iterable[RowRoute]:
    """Return the fields that a feature by itself reads of a row."""
    if isinstance(one, Aggregate):
        return plan.reads[one.column].routes
    if isinstance(one, Field):
        return [row_route(plan.request, plan.candidate, one)]
    if isinstance(one, OnDemand):
        owners = [owner for _, owner in one.parameters if owner is not None and owner is not plan.request]
        return [_any_attribute(plan, owner) for owner in owners]
    return []


def _any_attribute(plan: Plan, owner: type) -> RowRoute:
    """Return the way to an attribute of a class, whichever it keeps: all of an entity come together."""
    way = row_route(plan.request, plan.candidate, owner)
    names = plan.attributes.get(owner, ())
    return RowRoute(way.side, Field(owner, names[0], None if owner is plan.candidate else way.field)) if names else way


def _path(plan: Plan, way: RowRoute) -> list[Entities]:
    """Return the entities whose attributes lead to a field, in the order in which they are reached."""
    field = way.field
    if field.via is not None:
        before = _path(plan, RowRoute(way.side, field.via))
        return before if field.name == "id" else [*before, Entities(field.owner, RowRoute(way.side, field.via))]
    if way.side == "candidate" and field.name != "id":
        return [Entities(field.owner, RowRoute("candidate", Field(field.owner, "id")))]
    return []
