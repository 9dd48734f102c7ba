"""When outcomes last changed: the latest stretch of a series that one mean can explain."""

from __future__ import annotations

import numpy as np

from millrace.types import Array

_LEAST = 8
"""Values on either side of a change: fewer say little, and a test at every split would say a lot of little."""


def since_last_change(values: Array, alarm: float) -> int:
    """Return from which position on values look as if they had one mean; 0 where all do.

    At every split, the likelihood that the mean changed there is held against that it never did, by the relative entropy of Bernoulli
    variables, which is careful for any values in [0, 1]; others are brought there. What lies before the likeliest change is let go of,
    and the rest is looked at again. A small change is found late, and a gradual one as several.

    Args:
        values: In the order in which they came, finite. Shape (n,).
        alarm: About the chance of finding a change where there is none, in (0, 1).

    Source: Besson, Kaufmann, Maillard & Seznec (2022), Efficient Change-Point Detection for Tackling Piecewise-Stationary Bandits; the
    threshold is the one of their experiments.

    >>> since_last_change(np.repeat([0.0, 1.0], 40), 0.001)
    40
    """
    low, high = (0.0, 1.0) if not len(values) or (values.min() >= 0 and values.max() <= 1) else (values.min(), values.max())
    start, scaled = 0, (values - low) / (high - low if high > low else 1.0)
    while (found := _likeliest(scaled[start:], alarm)) is not None:
        start += found
    return start


def _likeliest(values: Array, alarm: float) -> int | None:
    n = len(values)
    if n < 2 * _LEAST:
        return None
    sums = np.cumsum(values)
    before = np.arange(_LEAST, n - _LEAST + 1)
    first, second = sums[before - 1] / before, (sums[-1] - sums[before - 1]) / (n - before)
    gain = before * bernoulli_kl(first, sums[-1] / n) + (n - before) * bernoulli_kl(second, sums[-1] / n)
    best = int(np.argmax(gain))
    return int(before[best]) if gain[best] > np.log(3 * n**1.5 / alarm) else None


def bernoulli_kl(p: Array | float, q: Array | float) -> Array:
    """Return the relative entropy of Bernoulli variables of means p from those of means q, in nats; inf where q excludes what p has.

    >>> float(bernoulli_kl(0.5, 0.25).round(6))
    0.143841
    """
    from scipy.special import rel_entr

    return rel_entr(p, q) + rel_entr(1 - np.asarray(p), 1 - np.asarray(q))
