"""When weights last changed: the latest stretch of rows that one fit can explain."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from millrace.types import Array

Explained = Callable[[Array, Array], tuple[Array, Array]]
"""From rows written out and their labels to what a fit to them expects of each, and the variance it leaves. Shape (n,) each."""

_LEAST = 16
"""Rows that a fit is held against: fewer say little."""


def since_last_change(x: Array, label: Array, explained: Explained, alarm: float) -> int:
    """Return from which row on labels look as if they had one set of weights; 0 where all do.

    A fit leaves of every weight's slope nothing over all rows together. Where the weights were others before than they are now, the slope
    adds up to one side until the change and to the other side after it. The farthest that it ever gets is held against what chance allows
    (Bernstein's inequality, over all weights and splits), what lies before is let go of, and the rest is looked at again. It sees a change
    of what a feature is worth even where the mean of all outcomes stays. A small change is found late, and a gradual one as several.

    Args:
        x: Rows written out, as `weights_belief.written`, in the order in which they came. Shape (n, width).
        label: What came of each. Shape (n,).
        explained: Fits.
        alarm: About the chance of finding a change where there is none, in (0, 1).

    Source: Zeileis & Hornik (2007), Generalized M-Fluctuation Tests for Parameter Instability, for the slopes that add up; the threshold is
    that of `change_point.since_last_change`.
    """
    start = 0
    while (found := _likeliest(x[start:], label[start:], explained, alarm)) is not None:
        start += found
    return start


def _likeliest(x: Array, label: Array, explained: Explained, alarm: float) -> int | None:
    n, width = x.shape
    if n < _LEAST:
        return None
    expected, variance = explained(x, label)
    slope = x * (label - expected)[:, None]
    part = np.cumsum(x**2 * variance[:, None], axis=0)
    whole = part[-1]
    used = whole > 0
    if not used.any():
        return None
    slope, part, whole = slope[:, used], part[:, used], whole[used]
    time = part / whole
    away = np.abs(np.cumsum(slope, axis=0) - time * slope.sum(axis=0))[:-1]
    # A sum of n values no larger than b with variance V exceeds u with a chance of at most exp(-u^2 / 2(V + bu / 3)).
    spread = whole * (time * (1 - time))[:-1] + np.abs(slope).max(axis=0) * away / 3
    gain = np.divide(away**2, 2 * spread, out=np.zeros_like(away), where=spread > 0)
    best = int(gain.max(axis=1).argmax())
    return best + 1 if gain[best].max() > np.log(3 * n**1.5 * width / alarm) else None
