"""Which states, attributes and routes a set of features needs: worked out once, followed by the offline and the online engine alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from millrace.expressions import Expr
from millrace.features.declare import Aggregate, OnDemand, Ratio, span, spelt
from millrace.features.learned import Learned
from millrace.features.operation import Need, Operation, Settings
from millrace.features.operations import OPERATIONS
from millrace.features.routes import RowRoute, row_route
from millrace.features.values import check_aggregate
from millrace.features.window import Window
from millrace.schema import Entity, Field, readable, route


@dataclass(frozen=True)
class Keying:
    """What events of one stream are grouped by.

    Attributes:
        stream: The event class.
        where: Which of its events count; None is all.
        keys: For each key, the field through which an event reaches it.
        domains: For each key, what its values are ids of: an Entity or Request name, or the column of a plain field.
    """

    stream: type
    where: Expr | None
    keys: tuple[Field, ...]
    domains: tuple[str, ...]

    @cached_property
    def column(self) -> str:
        """Its structure as text."""
        kept = f" if {self.where.column}" if self.where is not None else ""
        return f"{self.stream.__name__}{kept} per ({', '.join(key.column for key in self.keys)})"


@dataclass(frozen=True)
class State:
    """One mergeable number per key and window: what the engines keep, and features are made of.

    Attributes:
        op: The name of the partial that is kept: `operations.PARTIALS`.
        keying: What its events are grouped by.
        window: Length and hop.
        value: The expression it reads; for `count`, that which must be present (None: nothing).
        settings: What the partial needs to know besides.
    """

    op: str
    keying: Keying
    window: Window
    value: Expr | None
    settings: Settings = ()

    @cached_property
    def column(self) -> str:
        """Its structure as text; states with equal columns are one."""
        value = self.value.column if self.value is not None else ""
        return f"{self.op}{spelt(self.settings)}({value}) of {self.keying.column} over {span(self.window)}"


@dataclass(frozen=True)
class Read:
    """How an aggregate's value on a row is made: which states, found by which route, and what stands for nothing.

    Attributes:
        aggregate: The declaration.
        states: Those its operation needs, in their order: one, or (total, count) for a mean.
        routes: For each key, how a row reaches it.
        side: "request" when every route is: the value is fetched once per request and broadcast.
    """

    aggregate: Aggregate
    states: tuple[State, ...]
    routes: tuple[RowRoute, ...]

    @cached_property
    def side(self) -> str:
        """Whether the value is the same on all rows of a request."""
        return "request" if all(way.side == "request" for way in self.routes) else "candidate"

    @cached_property
    def operation(self) -> Operation:
        """What makes the value of those of its states."""
        return OPERATIONS[self.aggregate.op]

    @cached_property
    def reach(self) -> str:
        """Its keying and its routes as text: reads with equal ones find their states on a row in the same place."""
        return " ".join([self.states[0].keying.column, *(f"{way.side} {way.field.column}" for way in self.routes)])


@dataclass(frozen=True)
class Plan:
    """Everything the engines must keep and read for a set of features on rows of one system.

    Attributes:
        request: The system's Request class.
        candidate: Its candidate Entity class, or None.
        reads: By column, every aggregate reached from the features, ratios' and functions' needs among them.
        states: By column, every state those reads need.
        attributes: By class (Entity, or a Request that something refers to), the fields read through a reference or of a candidate.
        leads: By class, those of its attributes that lead on to keys: references that are followed, and keys themselves.
        features: By column, every feature: those asked for and those they need, each after what it needs.
    """

    request: type
    candidate: type | None
    reads: Mapping[str, Read]
    states: Mapping[str, State]
    attributes: Mapping[type, tuple[str, ...]]
    leads: Mapping[type, tuple[str, ...]]
    features: Mapping[str, Any]

    @cached_property
    def streams(self) -> tuple[type, ...]:
        """Every class whose records the engines must see: aggregated streams and those with attributes."""
        seen = dict.fromkeys([state.keying.stream for state in self.states.values()] + list(self.attributes))
        return tuple(seen)

    def route_of(self, field: Field) -> RowRoute:
        """Return how a row reaches an attribute that is a feature itself."""
        return row_route(self.request, self.candidate, field)


def plan(request: type, candidate: type | None, features: Iterable[Any]) -> Plan:
    """Work out what a set of features needs.

    Args:
        request: The system's Request class.
        candidate: Its candidate Entity class; None when the request is its own one candidate.
        features: Aggregates, ratios, functions and attributes.

    Raises:
        DeclarationError: An event or a row cannot reach a key.
    """
    ordered = with_needs(features)
    reads = {column: _read(request, candidate, one) for column, one in ordered.items() if isinstance(one, Aggregate)}
    states = {state.column: state for read in reads.values() for state in read.states}
    keys = {key for read in reads.values() for key in (*read.states[0].keying.keys, *(way.field for way in read.routes))}
    attributes: dict[type, set[str]] = {}
    leads: dict[type, set[str]] = {}
    for field in (*keys, *_fields_read(request, candidate, ordered, states)):
        _note(field, attributes, leads, field in keys)
    return Plan(request, candidate, reads, states, _sorted(attributes), _sorted(leads), ordered)


def _sorted(names: Mapping[type, set[str]]) -> dict[type, tuple[str, ...]]:
    return {owner: tuple(sorted(names[owner])) for owner in sorted(names, key=lambda owner: owner.__name__)}


def with_needs(features: Iterable[Any]) -> dict[str, Any]:
    """Return features by column together with those they are made of, each after what it needs."""
    ordered: dict[str, Any] = {}
    for one in features:
        _collect(one, ordered)
    return ordered


def _collect(one: Any, ordered: dict[str, Any]) -> None:
    needs = (one.top, one.bottom) if isinstance(one, Ratio) else one.needs if isinstance(one, OnDemand | Learned) else ()
    for need in needs:
        _collect(need, ordered)
    ordered.setdefault(one.column, one)


def _read(request: type, candidate: type | None, aggregate: Aggregate) -> Read:
    operation = OPERATIONS[aggregate.op]
    check_aggregate(operation, aggregate.value, aggregate.where)
    keys = tuple(route(aggregate.stream, key) for key in aggregate.per)
    keying = Keying(aggregate.stream, aggregate.where, keys, tuple(map(domain, keys)))
    routes = tuple(row_route(request, candidate, key) for key in aggregate.per)
    states = tuple(
        State(need.partial, keying, aggregate.window, _read_by(need, aggregate), need.settings)
        for need in operation.needs(aggregate.settings, aggregate.window)
    )
    return Read(aggregate, states, routes)


def _read_by(need: Need, aggregate: Aggregate) -> Expr | None:
    return Field(aggregate.stream, "at") if need.of == "at" else aggregate.value


@lru_cache(maxsize=4096)
def domain(field: Field) -> str:
    """Return what a key's values are ids of: equal domains share their codes.

    A reference to a Device and a Device's own id are one domain; a plain attribute is a domain of its own.
    """
    target = field.refers_to if field.name != "id" else field.owner
    return target.__name__ if target is not None else f"{field.owner.__name__}.{field.name}"


def _fields_read(request: type, candidate: type | None, ordered: Mapping[str, Any], states: Mapping[str, State]) -> Iterator[Any]:
    for state in states.values():
        for expression in (state.keying.where, state.value):
            if expression is not None:
                yield from expression.fields()
    for one in ordered.values():
        if isinstance(one, Field):
            yield row_route(request, candidate, one).field
        if isinstance(one, OnDemand):
            # A function may read any attribute of what it names: all of them are kept.
            for _, owner in one.parameters:
                if owner is not None and owner is not request:
                    way = row_route(request, candidate, owner).field
                    yield from (Field(owner, name, None if owner is candidate else way) for name in attribute_names(owner))


@lru_cache(maxsize=4096)  # asked at every read of a function's rows
def attribute_names(owner: Any) -> tuple[str, ...]:
    """Return the names of a class's fields that features may read: its id and what is private apart."""
    return tuple(name for name in owner.__struct_fields__ if name != "id" and not Field(owner, name).is_private)


def _note(field: Field, attributes: dict[type, set[str]], leads: dict[type, set[str]], is_lead: bool) -> None:
    """Record the attribute tables a field needs: one for each reference it is read through, one for an entity's own attribute."""
    readable(field)
    if field.name != "id" and (field.via is not None or issubclass(field.owner, Entity)):
        attributes.setdefault(field.owner, set()).add(field.name)
        if is_lead:
            leads.setdefault(field.owner, set()).add(field.name)
    if field.via is not None:
        _note(field.via, attributes, leads, True)


def by_keying(plan: Plan) -> dict[str, list[State]]:
    """Return the states of a plan by the column of their keying: those that share slots online and one sort offline."""
    grouped: dict[str, list[State]] = {}
    for state in plan.states.values():
        grouped.setdefault(state.keying.column, []).append(state)
    return grouped
