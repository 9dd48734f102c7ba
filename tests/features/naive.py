"""The oracle: features by their definitions, record by record and row by row, in plain Python. Slow and obvious."""

import math
from dataclasses import dataclass, field
from operator import add, and_, eq, ge, gt, le, lt, mul, ne, or_, sub
from typing import Any

from millrace.expressions import Expr
from millrace.features.declare import Aggregate, Ratio
from millrace.features.routes import row_route
from millrace.schema import Field, route

_BINARY = {"+": add, "-": sub, "*": mul, "<": lt, "<=": le, ">": gt, ">=": ge, "==": eq, "!=": ne, "&": and_, "|": or_}


@dataclass(frozen=True)
class Record:
    """One line of the log: `values` has the fields, `id` among them; None is missing."""

    of: type
    values: dict[str, Any]
    at: int
    known: int
    position: int = 0

    @property
    def place(self) -> tuple[int, int]:
        return self.known, self.position


@dataclass(frozen=True)
class Row:
    """A candidate of a request, as of a watermark."""

    request: dict[str, Any]
    candidate: str | None
    watermark: int
    at: int = 0


@dataclass
class Oracle:
    """Answers from the whole log, every time anew."""

    request: type
    candidate: type | None
    log: list[Record] = field(default_factory=list)

    def value(self, feature: Any, row: Row) -> Any:
        """Return a feature's value on a row: a number, text, or None where it is missing."""
        if isinstance(feature, Aggregate):
            return self._aggregate(feature, row)
        if isinstance(feature, Ratio):
            top, bottom = (self._aggregate(part, row) for part in (feature.top, feature.bottom))
            over = bottom + feature.prior[1]
            return (top + feature.prior[0]) / over if over else None
        return self._on_row(feature, row)

    def events(self, aggregate: Aggregate, row: Row) -> list[Record]:
        """Return the events that count, in the order they became known."""
        wanted = [self._on_row(key, row) for key in aggregate.per]
        if None in wanted:
            return []
        return [event for event in self._in_window(aggregate, row.watermark) if self._keys(aggregate, event) == wanted]

    def _in_window(self, aggregate: Aggregate, watermark: int) -> list[Record]:
        window = aggregate.window
        lo = -math.inf if window.is_lifetime else (watermark - window.length) // window.hop * window.hop
        known = [record for record in self.log if record.of is aggregate.stream and record.known < watermark and record.at >= lo]
        counted = known if aggregate.where is None else [event for event in known if self._said(aggregate.where, event) is True]
        return sorted(counted, key=lambda event: event.place)

    def _keys(self, aggregate: Aggregate, event: Record) -> list[Any]:
        return [self._path(route(aggregate.stream, key), event.values, event.place) for key in aggregate.per]

    def _aggregate(self, aggregate: Aggregate, row: Row) -> Any:
        events = self.events(aggregate, row)
        if aggregate.op == "count":
            return len(events)
        values = [value for event in events if (value := self._said(aggregate.of, event)) is not None]
        if aggregate.op == "total":
            return _total(values)
        if not values:
            return aggregate.default
        return {"mean": lambda v: _total(v) / len(v), "min": min, "max": max, "last": lambda v: v[-1]}[aggregate.op](values)

    def _said(self, expression: Any, event: Record) -> Any:
        """Return what an expression says of an event; None if anything it reads is missing."""
        if not isinstance(expression, Expr):
            return expression
        if isinstance(expression, Field):
            return self._path(expression, event.values, event.place)
        said = [self._said(part, event) for part in expression.args]
        if None in said:
            return None
        if expression.op == "/":
            return said[0] / said[1] if said[1] else None
        return not said[0] if expression.op == "~" else _BINARY[expression.op](*said)

    def _path(self, path: Field, start: dict[str, Any], place: tuple[int, float]) -> Any:
        """Return a field, through its references, as known at a place in the log."""
        if path.via is None:
            return start[path.name]
        holder = self._path(path.via, start, place)
        return holder if path.name == "id" else self._attribute(path, holder, place)

    def _attribute(self, attribute: Field, holder: Any, place: tuple[int, float]) -> Any:
        records = [record for record in self.log if record.of is attribute.owner and record.values["id"] == holder and record.place < place]
        return max(records, key=lambda record: record.place).values[attribute.name] if records else None

    def _on_row(self, key: Any, row: Row) -> Any:
        way = row_route(self.request, self.candidate, key)
        place = (row.watermark, -math.inf)
        if way.side == "request":
            return self._path(way.field, row.request, place)
        start = {"id": row.candidate}
        root = way.field.root
        if root.name != "id":
            start[root.name] = self._attribute(root, row.candidate, place)
        return self._path(way.field, start, place)


def _total(values: list[Any]) -> Any:
    return math.fsum(values) if any(isinstance(value, float) for value in values) else sum(values)
