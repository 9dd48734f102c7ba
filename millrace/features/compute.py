"""From states and attributes to the features a model takes in: one code for both engines, so that only the states need to agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

from millrace.errors import NotFound
from millrace.features.attributes import as_attribute
from millrace.features.declare import Aggregate, OnDemand, Ratio
from millrace.features.defaults import DefaultsUsed
from millrace.features.learned import Learned
from millrace.features.on_demand import caller
from millrace.features.plan import Plan, Read
from millrace.features.routes import RowRoute, row_route
from millrace.features.sides import Rows, Sided, together
from millrace.features.values import is_present
from millrace.types import Array

Step: TypeAlias = "Callable[[_Batch], Sided]"
"""Makes one feature of a batch of rows, on its own side."""


def compute(plan: Plan, features: Iterable[Any], rows: Rows, used: DefaultsUsed | None = None) -> dict[str, Array]:
    """Return features by column, a value per row: a `Computation` for once."""
    return Computation(plan)(features, rows, used)


class Computation:
    """How the features of a plan are made: worked out once for each of them, then followed batch after batch, by several threads too."""

    def __init__(self, plan: Plan) -> None:
        """Work out nothing yet."""
        self._plan = plan
        self._steps: dict[str, Step] = {}

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
        batch = _Batch(rows, used)
        with np.errstate(divide="ignore", invalid="ignore"):  # once for all: it takes longer than a short division
            return {column: batch.of(column, self._step(column)).per_row(rows) for column in [one.column for one in features]}

    def _step(self, column: str) -> Step:
        step = self._steps.get(column)
        if step is None:
            one = self._plan.features.get(column)
            if one is None:
                raise NotFound(f"{column} is not among the features this was planned for: plan the system's features anew")
            step = self._steps[column] = self._worked_out(one)
        return step

    def _worked_out(self, one: Any) -> Step:
        if isinstance(one, Aggregate):
            return _aggregated(self._plan.reads[one.column])
        if isinstance(one, Ratio):
            return self._divided(one)
        if isinstance(one, OnDemand):
            return self._called(one)
        if isinstance(one, Learned):
            raise NotFound(f"{one.column} is not in the log, a version says it: ask what knows which version served when")
        return _read(row_route(self._plan.request, self._plan.candidate, one), one)

    def _divided(self, one: Ratio) -> Step:
        parts = [(part.column, self._step(part.column)) for part in (one.top, one.bottom)]

        def made(batch: _Batch) -> Sided:
            side, (top, bottom) = together([batch.of(*part) for part in parts], batch.rows)
            values = _ratio(one, top, bottom)
            return Sided(side, values if one.default is None else _defaulted(one.column, values, one.default, batch.used))

        return made

    def _called(self, one: OnDemand) -> Step:
        needs = [(need.column, self._step(need.column)) for need in one.needs]
        call = caller(one, self._plan)
        return lambda batch: call([batch.of(*need) for need in needs], batch.rows)


class _Batch:
    """Rows, with what was made of them: each feature once."""

    def __init__(self, rows: Rows, used: DefaultsUsed | None) -> None:
        self.rows = rows
        self.used = used
        self._done: dict[str, Sided] = {}

    def of(self, column: str, step: Step) -> Sided:
        done = self._done.get(column)
        if done is None:
            done = self._done[column] = step(self)
        return done

    def watermark(self, side: str) -> Array:
        return Sided("request", self.rows.watermark).on(side, self.rows)


def _aggregated(read: Read) -> Step:
    side, finish = read.side, _finishing(read)
    if read.operation.timed:
        return lambda batch: Sided(side, finish(batch.rows.states(read), batch.watermark(side), batch.used))
    return lambda batch: Sided(side, finish(batch.rows.states(read), 0, batch.used))


def _read(way: RowRoute, field: Any) -> Step:
    if field.kind == "instant":
        return lambda batch: Sided(way.side, as_attribute(field, batch.rows.field(way)))
    return lambda batch: Sided(way.side, batch.rows.field(way))


def finished(read: Read, states: tuple[Array, ...], watermark: Array | int) -> Array:
    """Return an aggregate's values from those of its states.

    Args:
        read: What is read.
        states: The values of its states. Shape (n,) or (n, k) each.
        watermark: As of when each is read, microseconds; one for all, or shape (n,).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return _finishing(read)(states, watermark, None)


def _finishing(read: Read) -> Callable[[Sequence[Array], Array | int, DefaultsUsed | None], Array]:
    aggregate, finish = read.aggregate, read.operation.finish
    settings, window = aggregate.settings, aggregate.window
    column, default = aggregate.column, aggregate.default
    if read.operation.zero or default is None:
        return lambda states, watermark, _: finish(states, settings, window, watermark)
    return lambda states, watermark, used: _defaulted(column, finish(states, settings, window, watermark), default, used)


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
