"""What every metric asks of its arrays: one number per row, none missing, none out of range."""

from __future__ import annotations

from typing import Any

import numpy as np

from millrace.errors import BadInput
from millrace.types import Array

_REMEDY = {
    "label": "drop the rows whose outcome is not known (yet)",
    "score": "give every row a score, a default where the model has none",
}


def numbers(name: str, values: Any, rows: int | None = None, low: float = -np.inf, high: float = np.inf) -> Array:
    """Return one number per row, as floats.

    Args:
        name: What the numbers are, for the error.
        values: The numbers; booleans count as 0 and 1.
        rows: How many there must be; None takes any number above 0.
        low: The least that is allowed.
        high: The most that is allowed.

    Raises:
        BadInput: There is no row, one too many or too few, one is missing, or one lies outside [low, high].
    """
    try:
        column = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise BadInput(f"{name} holds something that is not a number; pass an array of floats", field=name) from None
    _check_shape(name, column, rows)
    least, most = column.min(), column.max()
    if np.isnan(least):
        remedy = _REMEDY.get(name, "drop or fill them first")
        raise BadInput(f"{name} is missing (NaN) in {np.isnan(column).sum()} of {len(column)} rows: {remedy}", field=name)
    if least < low or most > high:
        strange = least if least < low else most
        raise BadInput(f"{name} must lie between {low:g} and {high:g}, and {float(strange)!r} does not", field=name)
    return column


def finite(name: str, values: Any, rows: int | None = None) -> Array:
    """Return one finite number per row. Raises `BadInput` as `numbers` does, and for an infinity."""
    limit = float(np.finfo(np.float64).max)
    return numbers(name, values, rows, -limit, limit)


def shares(name: str, values: Any, rows: int | None = None) -> Array:
    """Return one number in [0, 1] per row: a probability, or a label. Raises `BadInput` as `numbers` does."""
    return numbers(name, values, rows, 0.0, 1.0)


def weights(weight: Any, rows: int) -> Array:
    """Return how much each row counts: 1 when nothing is given.

    Raises:
        BadInput: A weight is missing, negative or infinite, or all are 0.
    """
    if weight is None:
        return np.ones(rows)
    column = numbers("weight", weight, rows, 0.0, float(np.finfo(np.float64).max))
    if not column.any():
        raise BadInput("weight is 0 in every row: nothing would count", field="weight")
    return column


def groups(group: Any, rows: int) -> Array:
    """Return the number of each row's decision.

    Raises:
        BadInput: They are not whole numbers, or not one per row.
    """
    column = np.asarray(group)
    _check_shape("group", column, rows)
    if column.dtype.kind not in "iu":
        raise BadInput("group must be whole numbers: number ids with np.unique(ids, return_inverse=True)[1]", field="group")
    return column


def whole(name: str, value: Any) -> int:
    """Return a whole number of at least 1. Raises `BadInput` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise BadInput(f"{name}={value!r}: must be a whole number of at least 1", field=name)
    return int(value)


def _check_shape(name: str, column: Array, rows: int | None) -> None:
    if column.ndim != 1:
        raise BadInput(f"{name} must have one value per row, and its shape is {column.shape}", field=name)
    if len(column) == 0:
        raise BadInput(f"{name} has no rows: there is nothing to measure", field=name)
    if rows is not None and len(column) != rows:
        raise BadInput(f"{name} has {len(column)} rows where the others have {rows}: pass the same rows to all", field=name)
