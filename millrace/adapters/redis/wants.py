"""What features need of a view elsewhere: whose attributes and which keys' states, in the order in which they can be asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from millrace.adapters.redis.layout import Layout, Row
from millrace.errors import NotFound
from millrace.features.declare import Aggregate, OnDemand
from millrace.features.plan import Plan, with_needs
from millrace.features.routes import RowRoute, row_route
from millrace.schema import Field


@dataclass(frozen=True, eq=False)
class Want:
    """The rows of one kind that the rows of decisions name: attributes of entities, or states of keys.

    Attributes:
        row: How they are written.
        routes: How a row of a decision reaches the id, or each key.
        instants: Which of those are instants.
        side: "request" when all rows of a request share them.
    """

    row: Row
    routes: tuple[RowRoute, ...]
    instants: tuple[bool, ...]
    side: str


class Needs:
    """What some features need, each thing once.

    Attributes:
        rounds: What can be asked for at once: what a round asks for is reached through what earlier rounds brought.
        states: By the column of an aggregate, its keys.
        entities: By the side and the column of a holder, the entities it names.
    """

    def __init__(self, layout: Layout, features: Sequence[Any]) -> None:
        """Work it out.

        Raises:
            NotFound: A feature is not in the plan.
        """
        self.rounds: list[list[Want]] = []
        self.states: dict[str, Want] = {}
        self.entities: dict[tuple[str, str], Want] = {}
        self._layout = layout
        self._made: dict[Any, Want] = {}
        plan = layout.plan
        for one in with_needs(features).values():
            if one.column not in plan.features:
                raise NotFound(f"{one.column} is not among the features this was planned for: plan the system's features anew")
            number = max((self._reached(way) for way in _ways(plan, one)), default=0)
            if isinstance(one, Aggregate):
                read = plan.reads[one.column]
                self.states[one.column] = self._ask(layout.groups[read.states[0].keying.column], read.routes, read.side, number)

    def _reached(self, way: RowRoute) -> int:
        """Ask for what leads to a field, and return in which round the field can be used."""
        way = shortest(way)
        holder = holder_of(way)
        if holder is None:
            return 0
        number = self._reached(holder)
        row = self._layout.tables[way.field.owner]
        self.entities[holder.side, holder.field.column] = self._ask(row, (holder,), holder.side, number)
        return number + 1

    def _ask(self, row: Row, routes: tuple[RowRoute, ...], side: str, number: int) -> Want:
        made = self._made.get((row.name, routes))
        if made is None:
            made = self._made[row.name, routes] = Want(row, routes, tuple(way.field.kind == "instant" for way in routes), side)
            self.rounds += [[] for _ in range(number + 1 - len(self.rounds))]
            self.rounds[number].append(made)
        return made


def shortest(way: RowRoute) -> RowRoute:
    """Return the way to the same value without a last step to an id, which the reference says already."""
    while way.field.via is not None and way.field.name == "id":
        way = RowRoute(way.side, way.field.via)
    return way


def holder_of(way: RowRoute) -> RowRoute | None:
    """Return how a row reaches the id of the entity whose attribute a field is; None where the row has the field itself."""
    field = way.field
    if field.via is not None:
        return shortest(RowRoute(way.side, field.via))
    if way.side == "candidate" and field.name != "id":
        return RowRoute("candidate", Field(field.owner, "id"))
    return None


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
