"""A ratio of two sums over units, as clicks per view when viewers are assigned: its value and its variance (delta method)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from millrace.experiments.moments import Moments, above_rounding
from millrace.experiments.reasons import Reason, Refused


class Linear(NamedTuple):
    """A ratio made linear: near enough the mean of something per unit.

    Attributes:
        value: The ratio of the totals.
        variance: The variance of what a unit contributes, (top - value · bottom) / mean bottom.
        of_others: The covariances of that with the other terms, in their order. Shape (others,).
    """

    value: float
    variance: float
    of_others: np.ndarray


def linear(moments: Moments) -> Linear:
    """Return a ratio's linear form.

    Its weakness: the ratio is bent, so where the bottom is known badly (by more than some tenth) the interval leans.

    Args:
        moments: Of top, bottom, and any others after them.

    Raises:
        Refused: The bottom is 0 for all units.

    Source: Deng, Knoblich & Lu (2018), Applying the Delta Method in Metric Analytics.

    >>> top, bottom = np.array([1.0, 2.0, 0.0]), np.array([2.0, 4.0, 3.0])
    >>> round(linear(Moments.of({"top": top, "bottom": bottom})).value, 4)
    0.3333
    """
    top, bottom = moments.means[:2]
    if bottom == 0:
        raise Refused(Reason.NO_BASE, f"{moments.names[1]} is 0 for all {moments.n} units: wait until some have any", moments.names[1])
    value = top / bottom
    scatter = moments.scatter / max(moments.n - 1, 1)
    weights = np.array([1.0, -value]) / bottom
    variance = above_rounding(np.outer(weights, weights) * scatter[:2, :2])
    return Linear(float(value), variance, weights @ scatter[:2, 2:])
