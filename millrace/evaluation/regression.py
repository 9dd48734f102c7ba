"""How far predicted quantities lie from what came: errors in the outcome's unit and as shares of it, quantiles and intervals."""

from __future__ import annotations

from typing import Any

import numpy as np

from millrace.errors import BadInput
from millrace.evaluation.inputs import finite, weights
from millrace.types import Array


def mae(predicted: Any, actual: Any, weight: Any = None) -> float:
    """Return the mean absolute error, in the outcome's unit.

    Args:
        predicted: Shape (n,).
        actual: Shape (n,).
        weight: How much each row counts. Shape (n,).

    Raises:
        BadInput: A value or weight is missing or infinite, or the shapes differ.

    >>> mae([1.0, 3.0], [2.0, 5.0])
    1.5
    """
    predicted, actual, weight = _columns(predicted, actual, weight)
    return float(np.average(np.abs(predicted - actual), weights=weight))


def rmse(predicted: Any, actual: Any, weight: Any = None) -> float:
    """Return the root of the mean squared error, in the outcome's unit: a few large errors weigh most. Arguments and errors as for `mae`.

    >>> rmse([1.0, 3.0], [4.0, 7.0])
    3.5355339059327378
    """
    predicted, actual, weight = _columns(predicted, actual, weight)
    return float(np.sqrt(np.average(np.square(predicted - actual), weights=weight)))


def r2(predicted: Any, actual: Any, weight: Any = None) -> float:
    """Return the share of the outcome's variance that is explained: 1 at best, 0 for its mean, below 0 for worse.

    NaN when the outcome does not vary. Arguments and errors as for `mae`.

    >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    1.0
    """
    predicted, actual, weight = _columns(predicted, actual, weight)
    counted = actual[weight > 0]
    if counted.min() == counted.max():
        return float("nan")
    variance = weight @ np.square(actual - np.average(actual, weights=weight))
    return float(1 - weight @ np.square(predicted - actual) / variance)


def mape(predicted: Any, actual: Any, weight: Any = None) -> float:
    """Return the mean of |error| / |actual|, as a fraction: 0.1 is ten per cent. Arguments as for `mae`.

    It forgives too low a forecast more than too high a one.

    Raises:
        BadInput: As for `mae`, and when an actual value is 0: `wape` and `smape` bear those.

    >>> mape([9.0, 22.0], [10.0, 20.0])
    0.1
    """
    predicted, actual, weight = _columns(predicted, actual, weight)
    if not actual.all():
        raise BadInput(f"mape divides by the actual value, which is 0 in {(actual == 0).sum()} rows: use wape or smape", field="label")
    return float(np.average(np.abs((predicted - actual) / actual), weights=weight))


def smape(predicted: Any, actual: Any, weight: Any = None) -> float:
    """Return the mean of 2 |error| / (|predicted| + |actual|), in [0, 2]; a row where both are 0 has no error.

    Arguments and errors as for `mae`.

    >>> smape([0.0, 1.0], [0.0, 3.0])
    0.5
    """
    predicted, actual, weight = _columns(predicted, actual, weight)
    size = np.abs(predicted) + np.abs(actual)
    error = np.divide(2 * np.abs(predicted - actual), size, out=np.zeros(len(size)), where=size > 0)
    return float(np.average(error, weights=weight))


def wape(predicted: Any, actual: Any, weight: Any = None) -> float:
    """Return all absolute errors over all absolute actual values: the share of the volume that was missed.

    Infinite when every actual value is 0 and some prediction is not, NaN when all are 0. Arguments and errors as for `mae`.

    >>> wape([1.0, 4.0], [0.0, 4.0])
    0.25
    """
    predicted, actual, weight = _columns(predicted, actual, weight)
    missed, volume = float(weight @ np.abs(predicted - actual)), float(weight @ np.abs(actual))
    if volume > 0:
        return missed / volume
    return float("inf") if missed > 0 else float("nan")


def pinball(predicted: Any, actual: Any, weight: Any = None, *, quantile: float) -> float:
    """Return the mean loss of a predicted quantile, in the outcome's unit; the true quantile has the least.

    Args:
        predicted: The value said to be exceeded with chance 1 - `quantile`. Shape (n,).
        actual: Shape (n,).
        weight: How much each row counts. Shape (n,).
        quantile: In (0, 1).

    Raises:
        BadInput: As for `mae`, and when the quantile is outside (0, 1).

    Source: Koenker & Bassett (1978), Regression Quantiles.

    >>> pinball([10.0, 10.0], [12.0, 8.0], quantile=0.9)
    1.0
    """
    if not 0 < quantile < 1:
        raise BadInput(f"quantile={quantile!r}: must lie between 0 and 1", field="quantile")
    predicted, actual, weight = _columns(predicted, actual, weight)
    over = actual - predicted
    return float(np.average(np.maximum(quantile * over, (quantile - 1) * over), weights=weight))


def interval_coverage(low: Any, high: Any, actual: Any, weight: Any = None) -> float:
    """Return the share of actual values that lie in [low, high]: compare it with the share that was promised.

    Args:
        low: Shape (n,).
        high: At least `low`. Shape (n,).
        actual: Shape (n,).
        weight: How much each row counts. Shape (n,).

    Raises:
        BadInput: As for `mae`, and when an interval ends before it begins.

    >>> interval_coverage([0.0, 0.0], [1.0, 1.0], [0.5, 2.0])
    0.5
    """
    low = finite("low", low)
    high, actual, weight = finite("high", high, len(low)), finite("label", actual, len(low)), weights(weight, len(low))
    if (low > high).any():
        raise BadInput(f"low is above high in {(low > high).sum()} rows: an interval runs from low to high", field="low")
    return float(np.average((low <= actual) & (actual <= high), weights=weight))


def _columns(predicted: Any, actual: Any, weight: Any) -> tuple[Array, Array, Array]:
    predicted = finite("score", predicted)
    return predicted, finite("label", actual, len(predicted)), weights(weight, len(predicted))
