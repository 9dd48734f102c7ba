"""What an expression over fields says on columns where any field may be missing: one reading for both engines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from millrace.errors import DeclarationError
from millrace.expressions import Expr
from millrace.features.operation import Operation
from millrace.schema import Field
from millrace.types import Array, objects

NOT_A_TIME = np.iinfo(np.int64).min
"""A missing instant in a column of int64 microseconds: what NumPy reads as NaT."""

_LARGEST = 2.0**300
"""From this magnitude on a number is a mistake and counts as missing; below its inverse it is 0. Keeps exact sums short."""

_SAMPLES: dict[str, Array] = {
    "text": objects(["a"]),
    "bytes": objects([b"a"]),
    "integer": np.array([1]),
    "number": np.array([1.0]),
    "boolean": np.array([True]),
    "instant": np.array([0]),
}


def is_present(column: Array) -> Array:
    """Return which values of a column are there: not None, not NaN or infinite, not `NOT_A_TIME`. Boolean, shape (n,)."""
    if column.dtype.kind == "f":
        return np.isfinite(column)
    if column.dtype.kind == "O":
        return np.fromiter((value is not None for value in column.tolist()), dtype=bool, count=len(column))
    if column.dtype.kind == "i":
        return column != NOT_A_TIME
    return np.ones(len(column), dtype=bool)


def filled(field: Field, column: Array) -> tuple[Array, Array]:
    """Return a field's column in the type of its kind with any value in place of the missing ones, and which are present."""
    present = is_present(column)
    sample = _SAMPLES[field.kind]
    if not present.all():
        column = np.where(present, column, sample[0])
    return column if column.dtype == sample.dtype else column.astype(sample.dtype), present


def evaluate(expression: Expr, read: Callable[[Field], Array]) -> tuple[Array, Array]:
    """Return the value of an expression per event, and which values are present.

    A value is missing where any field it reads is, and where it is not a number of sane size (a division by zero, 1e300).

    Args:
        expression: What to compute.
        read: Returns a field's column, missing values and all.
    """
    presences: list[Array] = []

    def reading(field: Field) -> Array:
        column, present = filled(field, read(field))
        presences.append(present)
        return column

    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        values = np.asarray(expression.evaluate(reading))
    if values.dtype.kind == "f":
        size = np.abs(values)
        presences.append(size < _LARGEST)
        values = np.where(size < 1 / _LARGEST, 0.0, values)
    return values, np.logical_and.reduce(presences)


def kind_of(expression: Expr) -> str:
    """Return what an expression's value is: text, integer, number, boolean, instant or bytes.

    Raises:
        DeclarationError: It combines kinds that do not go together, such as text and a number.
    """
    if isinstance(expression, Field):
        return expression.kind
    try:
        values, _ = evaluate(expression, lambda field: _SAMPLES[field.kind])
    except TypeError as error:
        kinds = ", ".join(f"{field.column} is {field.kind}" for field in dict.fromkeys(expression.fields()) if isinstance(field, Field))
        raise DeclarationError(f"{expression.column} cannot be computed: {kinds}") from error
    kinds_of_dtype = {"b": "boolean", "i": "integer", "f": "number"}
    return kinds_of_dtype.get(values.dtype.kind, "text")


def check_aggregate(operation: Operation, value: Expr | None, where: Expr | None) -> None:
    """Refuse an aggregate whose value or filter is of a kind it cannot use.

    Raises:
        DeclarationError: Text is to be added or compared, or what should be a condition is not true or false.
    """
    if where is not None and (kind := kind_of(where)) != "boolean":
        raise DeclarationError(
            f"{operation.name}(): where={where.column} is {kind}, not true or false: compare it with something, such as {_compared(where)}"
        )
    if value is None or (kind := kind_of(value)) in operation.kinds:
        return
    said = f"{operation.name}(): {value.column} is {kind}"
    if operation.kinds == {"boolean"}:
        raise DeclarationError(f"{said}, not true or false: compare it with something, such as {_compared(value)}")
    raise DeclarationError(f"{said}, which has no {operation.name}: use last({value.column}), or an expression that is a number")


def _compared(where: Expr) -> str:
    return f"{where.column} == 'x'" if kind_of(where) == "text" else f"{where.column} > 0"


def dtype_of(value: Expr | None) -> np.dtype[Any]:
    """Return the NumPy type of what a state reads: int64 (also for booleans, instants and what is only counted), float64 or object."""
    kind = kind_of(value) if value is not None else "integer"
    return np.dtype({"text": object, "bytes": object, "number": np.float64}.get(kind, np.int64))
