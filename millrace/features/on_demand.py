"""Calling a user's function on columns, and holding what it returns to what a feature is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

_DATETIME = np.dtype("datetime64[us]")


def caller(one: OnDemand, plan: Plan) -> Callable[[Sequence[Sided], Rows], Sided]:
    """Return what calls a function: given the values of what it needs, in order, and the rows, it returns the function's.

    They are per request when all it takes is of the request. It raises a DeclarationError when the function fails, reads an attribute that
    does not exist, or returns what is no feature.

    Args:
        one: The function's declaration.
        plan: How rows reach the entities it names.
    """
    function, name = one.function, one.function.__name__
    instants = [gives_instants(need) for need in one.needs]
    named = [_Named.of(name, owner, plan) if owner else None for _, owner in one.parameters]
    sides = [each.way.side for each in named if each]

    def call(needs: Sequence[Sided], rows: Rows) -> Sided:
        side = joint_side([*sides, *(need.side for need in needs)])
        n = rows.requests if side == "request" else len(rows.request)
        if n == 0:
            return Sided(side, np.zeros(0))
        given = [need.on(side, rows) for need in needs]
        arguments: list[Any] = [as_datetimes(values) if is_instant else values for values, is_instant in zip(given, instants, strict=True)]
        arguments += [EntityRows(each, rows, side) if each else _at(rows, side) for each in named]
        try:
            result = function(*arguments)
        except DeclarationError:
            raise
        except Exception as error:
            raise DeclarationError(f"{name}() failed on {n} rows with {type(error).__name__}: {error}") from error
        return Sided(side, checked(name, result, n))

    return call


def gives_instants(feature: Any) -> bool:
    """Return whether a feature's values are instants: microseconds, which functions take as datetime64[us]."""
    source = feature.value if isinstance(feature, Aggregate) and feature.is_value else feature
    return isinstance(source, Field) and source.kind == "instant"


def as_datetimes(micros: Array) -> Array:
    """Return microseconds since 1970 (float64 or int64) as datetime64[us]; NaN and `NOT_A_TIME` become NaT."""
    if micros.dtype.kind == "f":
        missing = np.isnan(micros)
        if missing.any():
            micros = np.where(missing, float(NOT_A_TIME), micros)
        micros = micros.astype(np.int64)
    return micros.astype(_DATETIME)


def _at(rows: Rows, side: str) -> Array:
    return Sided("request", as_datetimes(rows.at)).on(side, rows)


class _Named:
    """An Entity or the request as a parameter names it, and how rows reach its attributes, each found out once.

    Attributes:
        way: How they reach it.
    """

    def __init__(self, function: str, owner: type, way: RowRoute, is_row: bool) -> None:
        self.way = way
        self._function, self._owner, self._is_row = function, owner, is_row
        self._found: dict[str, tuple[RowRoute, bool]] = {}

    @classmethod
    def of(cls, function: str, owner: type, plan: Plan) -> _Named:
        return cls(function, owner, row_route(plan.request, plan.candidate, owner), owner in (plan.request, plan.candidate))

    def attribute(self, name: str) -> tuple[RowRoute, bool]:
        """Return how a row reaches an attribute, and whether it is an instant."""
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = self._reached(name)
        return found

    def _reached(self, name: str) -> tuple[RowRoute, bool]:
        owner, names = self._owner, ("id", *attribute_names(self._owner))
        if name not in names:
            if name in private_fields(owner):
                readable(Field(owner, name))
            raise DeclarationError(
                f"{self._function}() reads {owner.__name__}.{name}, which does not exist: {owner.__name__} has {', '.join(names)}"
            )
        field = self.way.field if name == "id" else Field(owner, name, None if self._is_row else self.way.field)
        return RowRoute(self.way.side, field), field.kind == "instant"


class EntityRows:
    """An Entity or the request as a function sees it: each attribute an array, a value per row."""

    def __init__(self, named: _Named, rows: Rows, side: str) -> None:
        """Stand for what rows reach, with values on the side the function is computed on."""
        # Private names only: any other is an attribute of the entity.
        self._named, self._rows, self._side = named, rows, side

    def __getattr__(self, name: str) -> Array:
        if name.startswith("__"):
            raise AttributeError(name)  # NumPy and the like ask what an object can do
        way, is_instant = self._named.attribute(name)
        values = Sided(way.side, self._rows.field(way)).on(self._side, self._rows)
        return as_datetimes(values) if is_instant else values


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
        return np.where(np.isfinite(values), values, np.nan).astype(np.float64, copy=False)
    if values.dtype.kind == "b" or (values.dtype.kind == "O" and all(isinstance(value, str | None) for value in values.tolist())):
        return values
    remedy = "return numbers, booleans or text (an interval divided by np.timedelta64(1, 's') is a number)"
    raise DeclarationError(f"{function}() returned {values.dtype} values: {remedy}")
