"""When in a day people act: few at night, most in the evening."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from millrace.types import HOUR, Array

EVENING = (2, 1, 1, 1, 1, 2, 4, 6, 7, 6, 6, 7, 9, 9, 8, 8, 9, 11, 14, 17, 18, 16, 11, 5)
"""Relative activity in each hour of a day of leisure: a low before dawn, a rise at noon, the peak at 20:00."""
SHOPS = (1, 1, 1, 1, 1, 2, 4, 7, 10, 12, 13, 14, 15, 14, 12, 12, 13, 15, 16, 14, 10, 7, 4, 2)
"""Relative activity in each hour of a day of shopping: busy from nine to seven."""


def instants(rng: np.random.Generator, n: int, hours: Sequence[float] = EVENING) -> Array:
    """Return `n` instants of a day, in microseconds after midnight, as likely as their hour is active. Shape (n,)."""
    weights = np.asarray(hours, float)
    hour = rng.choice(len(weights), size=n, p=weights / weights.sum())
    return hour * HOUR + rng.integers(0, HOUR, size=n)
