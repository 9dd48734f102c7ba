"""A boundary for looks without number up to a planned end: what a score may reach anywhere on its way there, in closed form."""

from __future__ import annotations

import numpy as np
from scipy import special

from millrace.experiments.root import root
from millrace.types import Array

_TERMS = 2 * np.arange(12) + 1.0


def log_ever(reach: Array, sides: int = 2) -> Array:
    """Return the logarithm of the chance that a Brownian motion ever goes as far as `reach` before time 1, looked at all the time.

    However often one looks it is no more than this, which is that of O'Brien and Fleming's boundary with looks without number.

    Args:
        reach: How far, 0 or more; of either side for 2, upwards for 1. Shape (n,).
        sides: 2, or 1.

    Source: Lévy's reflection principle; Jennison & Turnbull (2000), chapter 5, for the test.

    >>> [round(float(np.exp(log_ever(np.array(c)))), 4) for c in (2.2414, 2.5)]
    [0.05, 0.0248]
    """
    reach = np.maximum(np.asarray(reach, dtype=np.float64), 0.0)
    first = special.log_ndtr(-reach)
    if sides == 1:
        return np.log(2) + first
    odd = _TERMS * np.maximum(reach, 0.3)[..., None]  # below 0.3 it is 1 but for 2e-6
    later = np.exp(special.log_ndtr(-odd) - special.log_ndtr(-odd[..., :1]))
    signs = np.where(np.arange(len(_TERMS)) % 2, -1.0, 1.0)
    return np.where(reach < 0.3, 0.0, np.minimum(np.log(4) + first + np.log(np.maximum(later @ signs, 1e-300)), 0.0))


def farthest(alpha: float, sides: int = 2) -> float:
    """Return how far it ever goes before time 1 with chance alpha.

    >>> round(farthest(0.05), 4)
    2.2414
    """
    return root(lambda c: float(log_ever(np.array(c), sides)) - float(np.log(alpha)), 0.0, 40.0, near=1e-13)


def inflation_at_any_time(alpha: float = 0.05, beta: float = 0.2, kept: float = 0.05, sides: int = 2) -> float:
    """Return by what factor `Anytime`'s planned units exceed a single test's with the same level and power, looked at without number.

    Args:
        alpha: The chance of a false alarm, both sides together.
        beta: The chance to miss the effect, in (0, 1).
        kept: The part of the level that is kept for after the planned end, in [0, 1).
        sides: 2, or 1.

    >>> round(inflation_at_any_time(), 3)
    1.073
    """
    reach = farthest(alpha * (1 - kept), sides)

    def power(drift: float) -> float:  # of a Brownian motion with a drift to get as far before time 1 (Bachelier, Lévy)
        return float(special.ndtr(drift - reach) + np.exp(2 * drift * reach + special.log_ndtr(-drift - reach)))

    single = float(-special.ndtri(alpha / sides) - special.ndtri(beta))
    return root(lambda drift: power(drift) - 1 + beta, 0.0, reach + single) ** 2 / single**2
