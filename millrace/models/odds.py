"""Probabilities and their log-odds."""

from __future__ import annotations

import numpy as np

from millrace.types import Array

SUREST = 1e-12
"""How close to 0 or 1 a probability may come before its log-odds are cut off: about 27.6 either way."""


def probability(log_odds: Array) -> Array:
    """Return probabilities from log-odds, accurate for tiny ones and without overflow.

    >>> probability(np.array([0.0, 1000.0])).tolist()
    [0.5, 1.0]
    """
    return np.exp(-np.logaddexp(0.0, -log_odds))


def log_odds(probability: Array) -> Array:
    """Return the log-odds of probabilities, which are first kept `SUREST` away from 0 and 1."""
    p = np.clip(probability, SUREST, 1 - SUREST)
    return np.log(p) - np.log1p(-p)
