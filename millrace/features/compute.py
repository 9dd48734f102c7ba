"""From states and attributes to the features a model takes in: one code for both engines, so that only the states need to agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from millrace.errors import NotFound
from millrace.features.attributes import as_attribute
from millrace.features.declare import Aggregate, OnDemand, Ratio
from millrace.features.defaults import DefaultsUsed
from millrace.features.learned import Learned
from millrace.features.on_demand import caller
from millrace.features.plan import Plan, Read, by_reach, with_needs
from millrace.features.routes import row_route
from millrace.features.sides import Rows, joint_side, of_states, on_side
from millrace.features.values import is_present
from millrace.types import Array

REMEMBERED = 256
"""For so many lists of features it is remembered how they are made: there are few more than models and stages."""

_Made: TypeAlias = dict[str, Array]
_Make: TypeAlias = "Callable[[_Made, Rows, DefaultsUsed | None], Array]"
"""Makes a feature, on its own side, of those made before it."""


class _Program(NamedTuple):
    """How some features are made, by column.

    Attributes:
        reading: Aggregates that are found in the same place of a row, with their columns.
        defaults: What stands in for the missing values of some of them.
        making: What is made of aggregates and of other features, each after what it needs.
        wanted: The side of each feature that is asked for.
    """

    reading: list[tuple[tuple[Read, ...], list[str]]]
    defaults: list[tuple[str, float | str]]
    making: list[tuple[str, _Make]]
    wanted: list[tuple[str, str]]


def compute(plan: Plan, features: Iterable[Any], rows: Rows, used: DefaultsUsed | None = None) -> dict[str, Array]:
    """Return features by column, a value per row: a `Computation` for once."""
    return Computation(plan)(features, rows, used)


class Computation:
    """How the features of a plan are made: worked out once for all who want the same, then followed by several threads too."""

    def __init__(self, plan: Plan) -> None:
        """Work out nothing yet."""
        self._plan = plan
        self._program = lru_cache(maxsize=REMEMBERED)(self._worked_out)

    def __call__(self, features: Iterable[Any], rows: Rows, used: DefaultsUsed | None = None) -> dict[str, Array]:
        """Return features by column, a value per row.

        Counts are int64, totals int64 or float64, text is an object array of str or None, what a function returns is what it is, and all
        else is float64 with NaN for missing (instants in microseconds); a request's own required fields are as the request has them.

        Args:
            features: Those wanted.
            rows: The rows, as an engine sees them.
            used: Where it is noted how often a declared default stood in for a missing value.

        Raises:
            NotFound: A feature is not in the plan.
            DeclarationError: A function failed, or returned what is no feature.
        """
        program, made = self._program(tuple([one.column for one in features])), {}
        with np.errstate(divide="ignore", invalid="ignore"):  # once for all: it takes longer than a short division
            for reads, columns in program.reading:
                made.update(zip(columns, rows.aggregates(reads), strict=True))
            for column, default in program.defaults:
                made[column] = _defaulted(column, made[column], default, used)
            for column, make in program.making:
                made[column] = make(made, rows, used)
        return {column: made[column] if side == "candidate" else made[column][rows.request] for column, side in program.wanted}

    def _worked_out(self, columns: tuple[str, ...]) -> _Program:
        ordered = with_needs([self._known(column) for column in columns])
        reads = [self._plan.reads[column] for column, one in ordered.items() if isinstance(one, Aggregate)]
        sides = {read.aggregate.column: read.side for read in reads}
        making: list[tuple[str, _Make]] = []
        for column, one in ordered.items():
            if column not in sides:
                sides[column], make = self._made(one, sides)
                making.append((column, make))
        reading = [(tuple(some), [read.aggregate.column for read in some]) for some in by_reach(reads).values()]
        defaults = [(read.aggregate.column, default) for read in reads if (default := _default_of(read)) is not None]
        return _Program(reading, defaults, making, [(column, sides[column]) for column in columns])

    def _known(self, column: str) -> Any:
        one = self._plan.features.get(column)
        if one is None:
            raise NotFound(f"{column} is not among the features this was planned for: plan the system's features anew")
        return one

    def _made(self, one: Any, sides: Mapping[str, str]) -> tuple[str, _Make]:
        """Return the side of a feature that is no aggregate, and what makes it, given the sides of its needs."""
        if isinstance(one, Ratio):
            return _divided(one, [sides[part.column] for part in (one.top, one.bottom)])
        if isinstance(one, OnDemand):
            columns = [need.column for need in one.needs]
            side, call = caller(one, self._plan, [sides[column] for column in columns])
            return side, lambda made, rows, _: call([made[column] for column in columns], rows)
        if isinstance(one, Learned):
            raise NotFound(f"{one.column} is not in the log, a version says it: ask what knows which version served when")
        way = row_route(self._plan.request, self._plan.candidate, one)
        if one.kind == "instant":
            return way.side, lambda _, rows, __: as_attribute(one, rows.field(way))
        return way.side, lambda _, rows, __: rows.field(way)


def _divided(one: Ratio, sides: Sequence[str]) -> tuple[str, _Make]:
    side = joint_side(sides)
    (top, top_side), (bottom, bottom_side) = zip((one.top.column, one.bottom.column), sides, strict=True)

    def divided(made: _Made, rows: Rows, used: DefaultsUsed | None) -> Array:
        values = _ratio(one, on_side(made[top], top_side, side, rows), on_side(made[bottom], bottom_side, side, rows))
        return values if one.default is None else _defaulted(one.column, values, one.default, used)

    return side, divided


def finished(read: Read, states: Sequence[Array], watermark: Array | int) -> Array:
    """Return an aggregate's values from those of its states as `of_states` does, its default in place of those that are missing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        values = of_states(read, states, watermark)
    default = _default_of(read)
    return values if default is None else _defaulted(read.aggregate.column, values, default, None)


def _default_of(read: Read) -> float | str | None:
    return None if read.operation.zero else read.aggregate.default


def _defaulted(column: str, values: Array, default: float | str, used: DefaultsUsed | None) -> Array:
    there = is_present(values)
    if used is not None:
        used.note(column, len(there) - int(np.count_nonzero(there)))
    return np.where(there, values, default)


def _ratio(one: Ratio, top: Array, bottom: Array) -> Array:
    over = bottom + one.prior[1]
    values = one.scale * ((top + one.prior[0]) / over)
    if not over.all():
        values[over == 0] = np.nan
    return values
