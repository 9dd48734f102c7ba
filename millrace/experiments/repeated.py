"""Repeated p-values: what a group-sequential plan says at a look, whether it stops there or not."""

from __future__ import annotations

import numpy as np
from scipy import special

from millrace.experiments.group_sequential import boundaries
from millrace.experiments.root import root
from millrace.experiments.spending import Spending
from millrace.types import Array

_LEAST, _MOST = float(np.log(1e-250)), float(np.log(0.9))


def repeated_log_p(times: Array, towards: Array, spending: Spending, sides: int = 2, *, final: bool = False) -> float:
    """Return the logarithm of the least level at which any of the looks would have crossed its boundary.

    Whatever is decided at which look, it is at most the logarithm of a with chance a at most. It is 0 above 0.9, and where the p-value is
    below 1e-250 it stays there.

    Args:
        times: The information at each look as a part of the planned, increasing; only the last may be 1 or beyond. Shape (looks,).
        towards: z towards what is to be shown; its absolute value for two sides. Shape (looks,).
        spending: How a level is spent.
        sides: 2, or 1.
        final: Whether the last look is the last whatever its time.

    Source: Jennison & Turnbull (2000), chapter 9.

    >>> from millrace.experiments.spending import Pocock
    >>> round(float(np.exp(repeated_log_p(np.array([0.5, 1.0]), np.array([0.1, 2.4]), Pocock()))), 3)
    0.031
    """

    def missing(log_alpha: float) -> float:
        bounds = boundaries(times, float(np.exp(log_alpha)), spending, sides, final=final).high
        return float(np.clip(bounds - towards, -50.0, 50.0).min())

    # No boundary is below that of a single look, so neither is the p-value.
    least = max(float(special.log_ndtr(-np.max(towards))) + float(np.log(sides)) - 1e-6, _LEAST)
    if least >= _MOST or missing(_MOST) > 0:
        return 0.0
    if missing(least) <= 0:
        return least
    return root(missing, least, _MOST, near=1e-9)
