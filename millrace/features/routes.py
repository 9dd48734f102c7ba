"""How a row of a decision reaches a key: through its request, or through its candidate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from millrace.errors import DeclarationError
from millrace.features.declare import Key, key_name
from millrace.schema import Entity, Field, references


@dataclass(frozen=True)
class RowRoute:
    """The way from a row to a key.

    Attributes:
        side: "request" when all rows of a request share the key (it is read once and broadcast), else "candidate".
        field: What is read: a field of the request class, or of the candidate class (its `id` for the candidate itself).
    """

    side: str
    field: Field


@lru_cache(maxsize=4096)
def row_route(request: type, candidate: type | None, key: Key) -> RowRoute:
    """Return how a row of a system reaches a key.

    The candidate itself comes first, then the request's own fields and references, then the candidate's references.

    Args:
        request: The system's Request class.
        candidate: Its candidate Entity class; None when the request is its own one candidate.
        key: What an aggregate is per, or an attribute a model reads.

    Raises:
        DeclarationError: No way, or several that are equally near.
    """
    if isinstance(key, Field) and key.via is not None:
        return _through_path(request, candidate, key)
    owner, name = _target(request, candidate, key)
    if owner is candidate:
        return RowRoute("candidate", Field(owner, name))
    if owner is request:
        return RowRoute("request", Field(owner, name))
    for side, start in (("request", request), ("candidate", candidate)):
        references_to = references(start, owner) if start is not None else []
        ways = references_to if name == "id" else [Field(owner, name, way) for way in references_to]
        if len(ways) > 1:
            named = ", ".join(way.column for way in ways)
            raise DeclarationError(
                f"a row reaches {key_name(key)} in {len(ways)} ways ({named}): name the one you mean, per={ways[0].column}"
            )
        if ways:
            return RowRoute(side, ways[0])
    where = request.__name__ + (f" and {candidate.__name__}" if candidate is not None else "")
    raise DeclarationError(f"a row of {where} cannot reach {key_name(key)}: add a Ref[{owner.__name__}] to one of them, or use another key")


def _through_path(request: type, candidate: type | None, key: Field) -> RowRoute:
    for side, start in (("request", request), ("candidate", candidate)):
        if key.root.owner is start:
            return RowRoute(side, key)
    return row_route(request, candidate, Field(key.owner, key.name))


def _target(request: type, candidate: type | None, key: Any) -> tuple[type, str]:
    """Return the class and attribute a key stands for: an event's own reference stands for the entity it names."""
    if not isinstance(key, Field):
        return key, "id"
    if key.owner in (request, candidate) or issubclass(key.owner, Entity):
        return key.owner, key.name
    if key.refers_to is not None:
        return key.refers_to, "id"
    return key.owner, key.name
