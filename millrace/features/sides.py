"""A value per request or a value per row: what depends on the request alone is computed once for all of its candidates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

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

    def aggregates(self, reads: tuple[Read, ...]) -> Sequence[Array]:
        """Return the values of some aggregates of one reach, on their side: NaN or None where there is none, whatever its default."""
        ...


def of_states(read: Read, states: Sequence[Array], watermark: Array | int) -> Array:
    """Return an aggregate's values from those of its states: NaN or None where there is none. NumPy is told beforehand that 0 / 0 is meant.

    Args:
        read: What is read.
        states: The values of its states. Shape (n,) or (n, k) each.
        watermark: As of when each is read, microseconds; one for all, or shape (n,).
    """
    return read.operation.finish(states, read.aggregate.settings, read.aggregate.window, watermark)


def on_side(values: Array, of: str, to: str, rows: Rows) -> Array:
    """Return values of one side (`request`: a value per request, `candidate`: a value per row) on another: the same, or the candidates'."""
    return values if of == to else values[rows.request]


def joint_side(sides: Iterable[str]) -> str:
    """Return the side of what depends on things of these sides."""
    return "request" if all(side == "request" for side in sides) else "candidate"
