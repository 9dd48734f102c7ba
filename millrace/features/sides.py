"""A value per request or a value per row: what depends on the request alone is computed once for all of its candidates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from millrace.features.plan import Read
from millrace.features.routes import RowRoute
from millrace.types import Array


class Rows(Protocol):
    """Rows of decisions as an engine sees them."""

    @property
    def request(self) -> Array:
        """The position of each row's request. Shape (rows,)."""
        ...

    @property
    def requests(self) -> int:
        """How many requests there are."""
        ...

    @property
    def at(self) -> Array:
        """When each request was made, microseconds. Shape (requests,)."""
        ...

    @property
    def watermark(self) -> Array:
        """As of when each request is answered, microseconds. Shape (requests,)."""
        ...

    def field(self, way: RowRoute) -> Array:
        """Return a field as the request has it, or an attribute as known (text or None, float64 or NaN), on its route's side."""
        ...

    def states(self, read: Read) -> tuple[Array, ...]:
        """Return the values of an aggregate's states, on its side; 0, NaN or None for keys unknown."""
        ...


class Sided(NamedTuple):
    """Values with the side they are of: `request` (a value per request) or `candidate` (a value per row)."""

    side: str
    values: Array

    def per_row(self, rows: Rows) -> Array:
        """Return a value per row."""
        return self.values if self.side == "candidate" else self.values[rows.request]

    def on(self, side: str, rows: Rows) -> Array:
        """Return the values on a side: their own, or the candidates'."""
        return self.values if self.side == side else self.per_row(rows)


def together(parts: Sequence[Sided], rows: Rows) -> tuple[str, list[Array]]:
    """Return values side by side: per request when all are, else per row."""
    side = joint_side(part.side for part in parts)
    return side, [part.on(side, rows) for part in parts]


def joint_side(sides: Iterable[str]) -> str:
    """Return the side of what depends on things of these sides."""
    return "request" if all(side == "request" for side in sides) else "candidate"
