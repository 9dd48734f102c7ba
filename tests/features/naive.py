"""The oracle: features by their definitions, record by record and row by row, in plain Python. Slow and obvious."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import takewhile
from operator import add, and_, eq, ge, gt, le, lt, mul, ne, or_, sub
from typing import Any

import numpy as np

from millrace.expressions import Expr
from millrace.features.declare import Aggregate, Ratio
from millrace.features.hyperloglog import hashes
from millrace.features.routes import row_route
from millrace.schema import Field, route
from millrace.types import SECOND, micros, objects

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
            return feature.scale * (top + feature.prior[0]) / over if over else feature.default
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
        if aggregate.op == "since":
            return max(0, row.watermark - max(event.at for event in events)) / SECOND if events else aggregate.default
        said = [(event, value) for event in events if (value := self._said(aggregate.of, event)) is not None]
        if aggregate.op == "decayed":
            half_life = micros(aggregate.settings[0])
            weighed = [
                (value if aggregate.value is not None else 1) * 2 ** ((event.at - row.watermark) / half_life) for event, value in said
            ]
            return math.fsum(weighed)
        found = SAYS[aggregate.op]([value for _, value in said], *aggregate.settings)
        return aggregate.default if found is None else found

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


def _variance(values: list[Any]) -> float | None:
    exact = [Fraction(value) for value in values]
    if not exact:
        return None
    middle = sum(exact) / len(exact)
    return float(sum((value - middle) ** 2 for value in exact) / len(exact))


def _deviation(values: list[Any]) -> float | None:
    return math.sqrt(_variance(values)) if values else None


def _streak(values: list[bool]) -> int:
    return len(list(takewhile(bool, reversed(values))))


def _distinct(values: list[Any], exact: int) -> int:
    different = set(values)
    return len(different) if len(different) <= exact else max(hyperloglog(different), exact + 1)


def hyperloglog(values: Iterable[Any]) -> int:
    """Estimate how many different values there are: registers one by one, and the sum over them as Ertl writes it."""
    column = list(values)
    hashed = hashes(objects(column) if isinstance(column[0], str) else np.array(column))
    highest: dict[int, int] = {}
    for one in map(int, hashed):
        register, rest = one % 4096, one // 4096
        highest[register] = max(highest.get(register, 0), 42 - rest.bit_length())
    share, weight = 1 - len(highest) / 4096, 1.0
    total = 4096 * share + sum(2.0**-rank for rank in highest.values())
    for _ in range(40):
        share *= share
        total += 4096 * share * weight
        weight *= 2
    return round(4096**2 / (2 * math.log(2)) / total)


def _top_k(values: list[Any], _: int, nth: int) -> Any:
    ordered = sorted(Counter(values).items(), key=lambda one: (-one[1], one[0]))
    return ordered[nth - 1][0] if len(ordered) >= nth else None


def _quantile(values: list[Any], exact: int, q: float) -> float | None:
    if not values:
        return None
    exactly = float(sorted(values)[max(math.ceil(Fraction(str(q)) * len(values)) - 1, 0)])
    return exactly if len(values) <= exact else middle_of_bucket(exactly)


def middle_of_bucket(value: float) -> float:
    """Return the middle of the 64th of the way between two powers of two in which a value lies."""
    part, power = math.frexp(abs(value))
    middle = math.ldexp(0.5 + (math.floor((2 * part - 1) * 64) + 0.5) / 128, power)
    return math.copysign(middle, value) if value else 0.0


SAYS = {
    "total": _total,
    "mean": lambda values: _total(values) / len(values) if values else None,
    "min": lambda values: min(values, default=None),
    "max": lambda values: max(values, default=None),
    "last": lambda values: values[-1] if values else None,
    "first": lambda values: values[0] if values else None,
    "last_k": lambda values, _, nth: values[-nth] if len(values) >= nth else None,
    "variance": _variance,
    "deviation": _deviation,
    "streak": _streak,
    "distinct": _distinct,
    "top_k": _top_k,
    "quantile": _quantile,
}
"""What a list of values comes to, in the order they became known; None is missing."""
