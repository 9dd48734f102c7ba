"""From states and attributes to the features a model takes in: one code for both engines, so that only the states need to agree."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from millrace.errors import NotFound
from millrace.features.attributes import as_attribute
from millrace.features.declare import Aggregate, OnDemand, Ratio
from millrace.features.defaults import DefaultsUsed
from millrace.features.learned import Learned
from millrace.features.on_demand import call
from millrace.features.plan import Plan, Read
from millrace.features.routes import row_route
from millrace.features.sides import Rows, Sided, together
from millrace.features.values import is_present
from millrace.types import Array


def compute(plan: Plan, features: Iterable[Any], rows: Rows, used: DefaultsUsed | None = None) -> dict[str, Array]:
    """Return features by column, a value per row.

    Counts are int64, totals int64 or float64, text is an object array of str or None, what a function returns is what it is, and all
    else is float64 with NaN for missing (instants in microseconds); a request's own required fields are as the request has them.

    Args:
        plan: What was planned; it must hold the features.
        features: Those wanted.
        rows: The rows, as an engine sees them.
        used: Where it is noted how often a declared default stood in for a missing value.

    Raises:
        NotFound: A feature is not in the plan.
        DeclarationError: A function failed, or returned what is no feature.
    """
    work = _Work(plan, rows, used)
    with np.errstate(divide="ignore", invalid="ignore"):  # once for all: it takes longer than a short division
        return {one.column: work.of(one.column).per_row(rows) for one in features}


class _Work:
    """The features of one batch of rows, each computed once and on its own side."""

    def __init__(self, plan: Plan, rows: Rows, used: DefaultsUsed | None) -> None:
        self._plan = plan
        self._rows = rows
        self._used = used
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
            watermark = self._watermark(read.side) if read.operation.timed else 0
            return Sided(read.side, _finished(read, self._rows.states(read), watermark, self._used))
        if isinstance(one, Ratio):
            side, (top, bottom) = together([self.of(one.top.column), self.of(one.bottom.column)], self._rows)
            values = _ratio(one, top, bottom)
            return Sided(side, values if one.default is None else _defaulted(one.column, values, one.default, self._used))
        if isinstance(one, OnDemand):
            return call(one, [self.of(need.column) for need in one.needs], self._plan, self._rows)
        if isinstance(one, Learned):
            raise NotFound(f"{one.column} is not in the log, a version says it: ask what knows which version served when")
        way = row_route(self._plan.request, self._plan.candidate, one)
        values = self._rows.field(way)
        return Sided(way.side, as_attribute(one, values) if one.kind == "instant" else values)

    def _watermark(self, side: str) -> Array:
        return Sided("request", self._rows.watermark).on(side, self._rows)


def finished(read: Read, states: tuple[Array, ...], watermark: Array | int) -> Array:
    """Return an aggregate's values from those of its states.

    Args:
        read: What is read.
        states: The values of its states. Shape (n,) or (n, k) each.
        watermark: As of when each is read, microseconds; one for all, or shape (n,).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return _finished(read, states, watermark, None)


def _finished(read: Read, states: tuple[Array, ...], watermark: Array | int, used: DefaultsUsed | None) -> Array:
    aggregate, operation = read.aggregate, read.operation
    values = operation.finish(states, aggregate.settings, aggregate.window, watermark)
    if operation.zero or aggregate.default is None:
        return values
    return _defaulted(aggregate.column, values, aggregate.default, used)


def _defaulted(column: str, values: Array, default: float | str, used: DefaultsUsed | None) -> Array:
    there = is_present(values)
    if used is not None:
        used.note(column, len(there) - int(np.count_nonzero(there)))
    return np.where(there, values, default)


def _ratio(one: Ratio, top: Array, bottom: Array) -> Array:
    over = bottom + one.prior[1]
    return one.scale * np.divide(top + one.prior[0], over, out=np.full(len(over), np.nan), where=over != 0)
