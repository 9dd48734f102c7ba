"""From states and attributes to the features a model takes in: one code for both engines, so that only the states need to agree."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from millrace.errors import NotFound
from millrace.features.attributes import as_attribute
from millrace.features.declare import Aggregate, OnDemand, Ratio
from millrace.features.on_demand import call
from millrace.features.plan import Plan, Read
from millrace.features.routes import row_route
from millrace.features.sides import Rows, Sided, together
from millrace.features.values import is_present
from millrace.types import Array


def compute(plan: Plan, features: Iterable[Any], rows: Rows) -> dict[str, Array]:
    """Return features by column, a value per row.

    Counts are int64, totals int64 or float64, text is an object array of str or None, what a function returns is what it is, and all
    else is float64 with NaN for missing (instants in microseconds); a request's own required fields are as the request has them.

    Args:
        plan: What was planned; it must hold the features.
        features: Those wanted.
        rows: The rows, as an engine sees them.

    Raises:
        NotFound: A feature is not in the plan.
        DeclarationError: A function failed, or returned what is no feature.
    """
    work = _Work(plan, rows)
    return {one.column: work.of(one.column).per_row(rows) for one in features}


class _Work:
    """The features of one batch of rows, each computed once and on its own side."""

    def __init__(self, plan: Plan, rows: Rows) -> None:
        self._plan = plan
        self._rows = rows
        self._done: dict[str, Sided] = {}

    def of(self, column: str) -> Sided:
        done = self._done.get(column)
        if done is None:
            one = self._plan.features.get(column)
            if one is None:
                raise NotFound(f"{column} is not among the features this was planned for: plan the system's features anew")
            done = self._done[column] = self._made(one)
        return done

    def _made(self, one: Any) -> Sided:
        if isinstance(one, Aggregate):
            read = self._plan.reads[one.column]
            return Sided(read.side, finished(read, self._rows.states(read)))
        if isinstance(one, Ratio):
            side, (top, bottom) = together([self.of(one.top.column), self.of(one.bottom.column)], self._rows)
            return Sided(side, _ratio(top, bottom, one.prior))
        if isinstance(one, OnDemand):
            return call(one, [self.of(need.column) for need in one.needs], self._plan, self._rows)
        way = row_route(self._plan.request, self._plan.candidate, one)
        values = self._rows.field(way)
        return Sided(way.side, as_attribute(one, values) if one.kind == "instant" else values)


def finished(read: Read, states: tuple[Array, ...]) -> Array:
    """Return an aggregate's values from those of its states."""
    default = read.aggregate.default
    if read.aggregate.op == "mean":
        total, count = states
        nothing = np.full(len(count), np.nan if default is None else default, dtype=np.float64)
        return np.divide(total, count, out=nothing, where=count > 0)
    (values,) = states
    if read.aggregate.op in ("count", "total") or default is None:
        return values
    return np.where(is_present(values), values, default)


def _ratio(top: Array, bottom: Array, prior: tuple[float, float]) -> Array:
    over = bottom + prior[1]
    return np.divide(top + prior[0], over, out=np.full(len(over), np.nan), where=over != 0)
