"""How alike two answers to the same requests are: what one policy took beside what another would have taken.

Public: `overlap`, `rank_biased_overlap`, `Alike`, `alike`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from millrace.errors import BadInput
from millrace.evaluation.proportion import wilson
from millrace.types import Array

PERSISTENCE = 0.9
"""How likely a reader goes on from one place to the next: of the weight of a comparison 86 % lies on the first ten places."""


def overlap(one: Sequence[Any], other: Sequence[Any], k: int) -> float:
    """Return the share of the first k places that two rankings have in common, whatever their order; 1 of two empty ones.

    Args:
        one: A ranking, best first.
        other: Another.
        k: How many places; of rankings that are shorter, as many as the longer has.

    >>> overlap(["a", "b", "c"], ["b", "a", "d"], 2), overlap(["a"], ["b"], 10)
    (1.0, 0.0)
    """
    places = min(k, max(len(one), len(other)))
    return len(set(one[:k]) & set(other[:k])) / places if places else 1.0


def rank_biased_overlap(one: Sequence[Any], other: Sequence[Any], persistence: float = PERSISTENCE) -> float:
    """Return how much two rankings agree, the first places counting most: 1 for the same order, 0 for nothing in common.

    What lies beyond the ends is taken to agree as much as what was seen (extrapolated).

    Args:
        one: A ranking, best first, each item once.
        other: Another, perhaps of another length.
        persistence: How likely a reader goes on to the next place, in (0, 1).

    Raises:
        BadInput: The persistence is none.

    Source: Webber, Moffat & Zobel (2010), A Similarity Measure for Indefinite Rankings, equation 32.

    >>> round(rank_biased_overlap("abc", "abc"), 9), rank_biased_overlap("abc", "xyz"), round(rank_biased_overlap("ab", "ba"), 9)
    (1.0, 0.0, 0.9)
    """
    if not 0 < persistence < 1:
        raise BadInput(f"persistence={persistence!r}: must lie between 0 and 1, such as 0.9", field="persistence")
    short, long = sorted((one, other), key=len)
    if not short:
        return 1.0 if not long else 0.0
    s, n = len(short), len(long)
    depth = np.arange(1, n + 1)
    first, second = set(), set()
    shared = np.empty(n)
    common = 0
    for place, item in enumerate(long):
        paired = short[place] if place < s else None
        if place < s and paired == item:
            common += 1
        else:
            common += item in first
            common += place < s and paired in second
        if place < s:
            first.add(paired)
        second.add(item)
        shared[place] = common
    weight = persistence**depth
    total = float(np.sum(shared / depth * weight))
    beyond = depth[s:]
    total += float(np.sum(shared[s - 1] * (beyond - s) / (s * beyond) * weight[s:]))
    tail = (shared[-1] - shared[s - 1]) / n + shared[s - 1] / s
    return (1 - persistence) / persistence * total + float(tail) * persistence**n


class Alike(NamedTuple):
    """A mean over decisions, and how far chance may have moved it.

    Attributes:
        value: The mean, None where there was nothing.
        low: The lower end of its interval, None where fewer than two units decided.
        high: The upper end.
        n: How many decisions.
        units: By how many units.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    units: int


def alike(values: Array, unit: Array, confidence: float = 0.95) -> Alike:
    """Return the mean of values in [0, 1] with an interval that knows that the decisions of one unit hang together.

    The decisions are worth as many independent ones as give the variance between units (linearised), and no more than there are; of those
    a Wilson interval is made, which does not shrink to nothing where all agree: there each unit counts once.

    Args:
        values: In [0, 1]. Shape (n,).
        unit: Whose decision each was. Shape (n,).
        confidence: How often the interval holds the truth, about.
    """
    n = len(values)
    names, which = np.unique(np.asarray(unit).astype(str), return_inverse=True)
    if not n:
        return Alike(None, None, None, 0, 0)
    mean, units = float(np.mean(values)), len(names)
    if units < 2:
        return Alike(mean, None, None, n, units)
    off = np.bincount(which, weights=np.asarray(values, dtype=np.float64) - mean, minlength=units)
    variance = units / (units - 1) * float(np.sum(off**2)) / n**2
    worth = min(float(n), mean * (1 - mean) / variance) if variance > 1e-18 else float(units)
    low, high = wilson(np.array([mean]), np.array([worth]), confidence)
    return Alike(mean, float(low[0]), float(high[0]), n, units)
