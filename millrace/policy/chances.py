"""From what is believed of candidates to the chance that each is taken, and from the chances to those taken: one draw decides.

The chances are computed first and then drawn from, so that what a decision states is what was done, however they were computed.
"""

from __future__ import annotations

import numpy as np

from millrace.types import Array

_LEVELS = np.linspace(-5.0, 5.0, 61)
"""Where the distribution of each candidate is looked at, in standard deviations of a normal one."""

_SUREST = 1e9
"""No belief in a share is taken for surer than after so many observations."""

_TINY = 1e-300


def best(score: Array, n: int) -> Array:
    """Return the chance that each of the `n` best is taken: equal scores share alike in what is left for them. Shape (k,).

    >>> best(np.array([3.0, 1.0, 1.0]), 2).tolist()
    [1.0, 0.5, 0.5]
    """
    if n >= len(score):
        return np.ones(len(score))
    last = np.sort(score)[-n]
    above, equal = score > last, score == last
    return above + equal * ((n - above.sum()) / equal.sum())


def explored(chance: Array, n: int, floor: float) -> Array:
    """Mix chances that add up to `n` with the uniform ones, so that none is below `floor`, or all are alike where that is less. Shape (k,).

    >>> explored(np.array([1.0, 0.0]), 1, 0.1).tolist()
    [0.9, 0.1]
    """
    k = len(chance)
    if k <= n or floor <= 0:
        return chance
    share = min(floor * k / n, 1.0)
    return (1 - share) * chance + share * n / k


def thompson(mean: Array, spread: Array, is_share: Array, n: int) -> Array:
    """Return the chance that each candidate is among the `n` best when each draws from its own belief. Shape (k,).

    The distributions are integrated against each other on a grid of their own quantiles, to within about 0.001. Beliefs that hang together
    are drawn from apart: candidates that are good or bad together are told apart less often than they could be. For one place the cost
    grows with k squared, for several with k cubed times n: more than some tens of candidates are narrowed down before.

    Args:
        mean: What is expected. Shape (k,).
        spread: The standard deviation of that, at least 0. Shape (k,).
        is_share: Whether a belief is a beta distribution of that mean and spread, else a normal one. Boolean, shape (k,).
        n: How many are taken.
    """
    k = len(mean)
    if k <= n:
        return np.ones(k)
    below = _distributions(mean, spread, is_share)
    ahead = _first(below) if n == 1 else _among(below, n)
    found = np.maximum((np.diff(below) * (ahead[:, 1:] + ahead[:, :-1]) / 2).sum(axis=1), 0.0)
    return _scaled(found, n)


def top_two(chance: Array) -> Array:
    """Return how often top-two Thompson sampling takes each candidate, given how often each is the best draw.

    Half of the time it takes the best of a draw, else the best of the first later draw that has another one.

    Source: Russo (2016), Simple Bayesian Algorithms for Best-Arm Identification.

    >>> top_two(np.array([0.5, 0.5])).tolist()
    [0.5, 0.5]
    """
    odds = chance / np.maximum(1 - chance, 1e-12)
    found = chance / 2 + chance * (odds.sum() - odds) / 2
    return found / found.sum()


def drawn(chance: Array, draw: float) -> Array:
    """Return the positions taken, each with its chance exactly, as many as the chances add up to: a systematic sample.

    Points a whole number apart, the first at `draw`, are laid along the chances set end to end. Which two are taken together depends on
    their order: neighbours seldom are.

    Args:
        chance: In [0, 1], adding up to a whole number. Shape (k,).
        draw: In [0, 1).
    """
    certain = chance >= 1 - 1e-12
    rest = np.flatnonzero(~certain & (chance > 0))
    n = round(float(chance.sum())) - int(certain.sum())
    ends = np.cumsum(chance[rest])
    at = np.searchsorted(ends * (n / ends[-1]), draw + np.arange(n), side="right") if n else np.zeros(0, dtype=np.int64)
    return np.concatenate([np.flatnonzero(certain), rest[np.minimum(at, len(rest) - 1)]]) if n else np.flatnonzero(certain)


def _distributions(mean: Array, spread: Array, is_share: Array) -> Array:
    """Return how likely each belief is to lie at or below each point of a grid that is fine where any of them changes. Shape (k, grid)."""
    from scipy.special import betainc, betaincinv, ndtr

    width = np.maximum(spread, 1e-12 * np.maximum(np.abs(mean), 1.0))
    points = mean[:, None] + width[:, None] * _LEVELS
    share = np.flatnonzero(is_share)
    expected = np.clip(mean[share], 1e-9, 1 - 1e-9)
    total = np.clip(expected * (1 - expected) / width[share] ** 2 - 1, 1e-6, _SUREST)
    a, b = (expected * total)[:, None], ((1 - expected) * total)[:, None]
    points[share] = betaincinv(a, b, ndtr(_LEVELS))
    grid = np.unique(points)
    below = ndtr((grid - mean[:, None]) / width[:, None])
    below[share] = betainc(a, b, np.clip(grid, 0.0, 1.0))
    return np.column_stack([np.zeros(len(mean)), below, np.ones(len(mean))])


def _first(below: Array) -> Array:
    """Return how likely all others are to lie below each point. Shape (k, grid)."""
    logs = np.log(np.maximum(below, _TINY))
    return np.exp(logs.sum(axis=0) - logs)


def _among(below: Array, n: int) -> Array:
    """Return how likely fewer than `n` of the others are to lie above each point. Shape (k, grid)."""
    k = len(below)
    counts = np.zeros((n, *below.shape))  # how likely so many of those looked at so far lie above
    counts[0] = 1.0
    for other in range(k):
        under = np.broadcast_to(below[other], below.shape).copy()
        under[other] = 1.0  # nobody stands in his own way
        counts[1:] = counts[1:] * under + counts[:-1] * (1 - under)
        counts[0] *= under
    return counts.sum(axis=0)


def _scaled(chance: Array, n: int) -> Array:
    """Return chances that add up to `n`, none above 1, in proportion to those given."""
    found = chance * (n / chance.sum())
    while (over := found > 1).any():
        found[over] = 1.0
        rest = ~over & (found < 1) & (chance > 0)
        left = n - (found >= 1).sum()
        if not rest.any():
            break
        found[rest] = chance[rest] * (left / chance[rest].sum())
    return found
