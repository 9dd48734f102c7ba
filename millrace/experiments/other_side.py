"""The other side of a marketplace: what an experiment on viewers did to the sellers whom they met, declared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, final

from millrace.errors import DeclarationError, brief
from millrace.schema import Entity, Field, route, stream_of


@final
@dataclass(frozen=True)
class OtherSide:
    """Sellers, creators or drivers whom nobody assigned: how each arm's units spread what they do over them.

    Both arms meet the same ones, so what is read is how each arm's units spread what they do, at equal numbers of units; not what sellers
    would get if everybody were treated.

    Attributes:
        value: What is theirs of an event, 0 or more, as `Watch.seconds`; an event class counts.
        per: Whom it is of: an entity that the event refers to, or one that leads on from there, as `Video.creator`.
        name: What read-outs call them.
        top: The part of them that counts as the top, in (0, 1).
        within: For how long after a unit's first exposure its log is read, as "7d".
        after: From when on after the first exposure the log is read, as "24h".
        of: The field of the event that names them: `Watch.video.creator`.
    """

    value: Any
    per: Any
    name: str = ""
    top: float = 0.1
    within: str | None = None
    after: str | None = None
    of: Field = field(init=False)

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", brief(self.per))
        if not isinstance(self.per, Field) and not _is_entity(self.per):
            raise DeclarationError(f"{self.name}: per={brief(self.per)} is nobody: name an entity, or a field that refers to one")
        of = route(stream_of(self.value, f"{self.name}: "), self.per)
        if not _is_entity(of.refers_to):
            raise DeclarationError(f"{self.name}: {of.column} refers to nobody: name a field of type Ref[...]")
        if not 0 < self.top < 1:
            raise DeclarationError(f"{self.name}: top={self.top!r} is no part of them: write a number between 0 and 1, such as 0.1")
        object.__setattr__(self, "of", of)


def _is_entity(of: Any) -> bool:
    return isinstance(of, type) and issubclass(of, Entity)
