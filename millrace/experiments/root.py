"""Where a function is 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scipy import optimize


def root(f: Callable[[float], float], low: float, high: float, *, near: float = 1e-12) -> float:
    """Return where a continuous function is 0 between two places at which it has different signs (Brent's method), to within `near`.

    >>> round(root(lambda x: x * x - 2, 0, 2), 9)
    1.414213562
    """
    found: Any = optimize.brentq(f, low, high, xtol=near)
    return float(found)
