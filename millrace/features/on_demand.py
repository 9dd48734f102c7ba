"""Calling a user's function on columns, and holding what it returns to what a feature is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from millrace.errors import DeclarationError
from millrace.features.declare import Aggregate, OnDemand
from millrace.features.plan import Plan, attribute_names
from millrace.features.routes import RowRoute, row_route
from millrace.features.sides import Rows, Sided, joint_side
from millrace.features.values import NOT_A_TIME
from millrace.schema import Field, private_fields, readable
from millrace.types import Array


def call(one: OnDemand, needs: Sequence[Sided], plan: Plan, rows: Rows) -> Sided:
    """Return a function's values: per request when all it takes is of the request.

    Args:
        one: The function's declaration.
        needs: The values of what it needs, in order.
        plan: How rows reach the entities it names.
        rows: The rows.

    Raises:
        DeclarationError: It failed, read an attribute that does not exist, or returned what is no feature.
    """
    name = one.function.__name__
    ways = _ways(one, plan.request, plan.candidate)
    side = joint_side([need.side for need in needs] + [way.side for way in ways if way])
    n = rows.requests if side == "request" else len(rows.request)
    if n == 0:
        return Sided(side, np.zeros(0))
    arguments: list[Any] = [_argument(need, values.on(side, rows)) for need, values in zip(one.needs, needs, strict=True)]
    for (_, owner), way in zip(one.parameters, ways, strict=True):
        arguments.append(EntityRows(name, owner, way, plan, rows, side) if owner and way else _at(rows, side))
    try:
        with np.errstate(divide="ignore", invalid="ignore"):
            result = one.function(*arguments)
    except DeclarationError:
        raise
    except Exception as error:
        raise DeclarationError(f"{name}() failed on {n} rows with {type(error).__name__}: {error}") from error
    return Sided(side, checked(name, result, n))


@lru_cache(maxsize=4096)
def _ways(one: OnDemand, request: type, candidate: type | None) -> tuple[RowRoute | None, ...]:
    """Return how a row reaches what each parameter names; None for `at`."""
    return tuple(row_route(request, candidate, owner) if owner else None for _, owner in one.parameters)


def _argument(need: Any, values: Array) -> Array:
    """Return a feature's values as a function takes them: instants as datetime64[us]."""
    source = need.value if isinstance(need, Aggregate) and need.is_value else need
    return as_datetimes(values) if isinstance(source, Field) and source.kind == "instant" else values


def as_datetimes(micros: Array) -> Array:
    """Return microseconds since 1970 (float64 or int64) as datetime64[us]; NaN and `NOT_A_TIME` become NaT."""
    if micros.dtype.kind == "f":
        missing = np.isnan(micros)
        micros = np.where(missing, 0, micros).astype(np.int64)
        micros[missing] = NOT_A_TIME
    return micros.astype("datetime64[us]")


def _at(rows: Rows, side: str) -> Array:
    return as_datetimes(Sided("request", rows.at).on(side, rows))


class EntityRows:
    """An Entity or the request as a function sees it: each attribute an array, a value per row."""

    def __init__(self, function: str, owner: type, way: RowRoute, plan: Plan, rows: Rows, side: str) -> None:
        """Stand for what rows reach by `way`, with values on the side the function is computed on."""
        # Private names only: any other is an attribute of the entity.
        self._read = function, owner, way, owner in (plan.request, plan.candidate)
        self._rows, self._side = rows, side

    def __getattr__(self, name: str) -> Array:
        if name.startswith("__"):
            raise AttributeError(name)  # NumPy and the like ask what an object can do
        way, is_instant = _attribute(*self._read, name)
        values = Sided(way.side, self._rows.field(way)).on(self._side, self._rows)
        return as_datetimes(values) if is_instant else values


@lru_cache(maxsize=4096)
def _attribute(function: str, owner: type, way: RowRoute, is_row: bool, name: str) -> tuple[RowRoute, bool]:
    """Return how a row reaches an attribute of what it reaches by `way`, and whether it is an instant; see `EntityRows`."""
    names = ("id", *attribute_names(owner))
    if name not in names:
        if name in private_fields(owner):
            readable(Field(owner, name))
        raise DeclarationError(f"{function}() reads {owner.__name__}.{name}, which does not exist: {owner.__name__} has {', '.join(names)}")
    field = way.field if name == "id" else Field(owner, name, None if is_row else way.field)
    return RowRoute(way.side, field), field.kind == "instant"


def checked(function: str, result: Any, n: int) -> Array:
    """Return what a function returned as a feature: a number, a boolean or text per row; one for all is spread, an infinity is missing.

    Raises:
        DeclarationError: It is something else, or not one per row.
    """
    if result is None:
        raise DeclarationError(f"{function}() returned nothing: end it with `return` and a value per row")
    values = np.asarray(result)
    if values.dtype.kind == "U":
        values = values.astype(object)
    if values.ndim == 0:
        values = np.full(n, values[()], dtype=values.dtype)
    if values.shape != (n,):
        raise DeclarationError(f"{function}() returned an array of shape {values.shape} for {n} rows: return one value per row")
    if values.dtype.kind in "iu":
        return values.astype(np.int64)
    if values.dtype.kind == "f":
        return np.where(np.isfinite(values), values, np.nan).astype(np.float64)
    if values.dtype.kind == "b" or (values.dtype.kind == "O" and all(isinstance(value, str | None) for value in values.tolist())):
        return values
    remedy = "return numbers, booleans or text (an interval divided by np.timedelta64(1, 's') is a number)"
    raise DeclarationError(f"{function}() returned {values.dtype} values: {remedy}")
