"""How well candidates are ordered within decisions: NDCG, MRR, MAP, recall, precision, hit rate.

Candidates with equal scores are taken to stand in a random order and every metric is its exact mean over those orders, so a scorer that
says the same of everything gets what chance would get, wherever the positives stand in the data. A decision without a positive says
nothing about an order: it is left out, and `PerDecision.used` counts those that are not.

Source: McSherry & Najork (2008), Computing Information Retrieval Performance Measures Efficiently in the Presence of Tied Scores.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from millrace.evaluation.inputs import numbers, whole
from millrace.evaluation.per_decision import PerDecision, divided
from millrace.evaluation.ties import Ranked, ranked
from millrace.types import Array


def ndcg(score: Any, gain: Any, group: Any, k: int | None = None) -> PerDecision:
    """Return the discounted gain of the first k places as a share of the best reachable with the same candidates.

    The candidate at place i counts gain / log2(i + 1). Gains count as they are: pass `2 ** grade - 1` to stress the highest grades.

    Args:
        score: What candidates are ordered by. Shape (n,).
        gain: How good each candidate turned out, 0 or more. Shape (n,).
        group: The number of each row's decision, in any order. Shape (n,).
        k: How many places count; None for all.

    Raises:
        BadInput: A score or gain is missing, a gain negative, or the shapes differ.

    Source: Järvelin & Kekäläinen (2002), Cumulated Gain-Based Evaluation of IR Techniques.

    >>> ndcg([0.9, 0.1], [0.0, 1.0], [7, 7]).value
    0.6309297535714575
    """
    places, gain = _ordered(score, gain, group)
    best = ranked(gain, np.repeat(np.arange(len(places.starts)), places.sizes))
    reached = places.sums(_expected(places, gain) * _discount(places, k))
    return divided(reached, best.sums(gain[best.order] * _discount(best, k)))


def precision(score: Any, relevant: Any, group: Any, k: int) -> PerDecision:
    """Return the share of the first k places that hold a positive; a decision of fewer candidates leaves places empty.

    Args:
        score: What candidates are ordered by. Shape (n,).
        relevant: Above 0 where a candidate is a positive. Shape (n,).
        group: The number of each row's decision, in any order. Shape (n,).
        k: How many places count.

    Raises:
        BadInput: A score or label is missing, a label negative, k not above 0, or the shapes differ.

    >>> precision([3, 2, 1], [1, 0, 1], [0, 0, 0], k=2).value
    0.5
    """
    places, positive, total = _positives(score, relevant, group)
    found = places.sums(_expected(places, positive) * (places.place <= whole("k", k)))
    return divided(found, np.where(total > 0, k, 0))


def recall(score: Any, relevant: Any, group: Any, k: int) -> PerDecision:
    """Return the share of a decision's positives that stand in its first k places. Arguments and errors as for `precision`.

    >>> recall([3, 2, 1], [1, 0, 1], [0, 0, 0], k=1).value
    0.5
    """
    places, positive, total = _positives(score, relevant, group)
    return divided(places.sums(_expected(places, positive) * (places.place <= whole("k", k))), total)


def hit_rate(score: Any, relevant: Any, group: Any, k: int) -> PerDecision:
    """Return the chance that a positive stands in the first k places. Arguments and errors as for `precision`.

    >>> hit_rate([1, 1], [1, 0], [0, 0], k=1).value
    0.5
    """
    places, positive, total = _positives(score, relevant, group)
    return divided(places.sums(_first_positive(places, positive) * (places.place <= whole("k", k))), total > 0)


def mrr(score: Any, relevant: Any, group: Any, k: int | None = None) -> PerDecision:
    """Return 1 / the place of the first positive, 0 when it stands after place k. Arguments and errors as for `precision`.

    >>> mrr([3, 2, 1], [0, 1, 1], [0, 0, 0]).value
    0.5
    """
    places, positive, total = _positives(score, relevant, group)
    return divided(places.sums(_first_positive(places, positive) / places.place * _within(places, k)), total > 0)


def mean_average_precision(score: Any, relevant: Any, group: Any, k: int | None = None) -> PerDecision:
    """Return the mean, over the positives that could stand in the first k places, of the precision at each one's place.

    A positive after place k counts 0; the divisor is the number of positives, at most k. Arguments and errors as for `precision`.

    >>> mean_average_precision([3, 2, 1], [1, 0, 1], [0, 0, 0]).value
    0.8333333333333333
    """
    places, positive, total = _positives(score, relevant, group)
    share, others = _expected(places, positive), np.maximum(places.size - 1, 1)
    # Given that a row of a tie is a positive, each of the tie's rows before it is one with the chance of the rest of the tie.
    ahead = places.before(positive) + (places.within - 1) * (places.in_block(positive) - 1) / others
    summed = places.sums(share * (1 + ahead) / places.place * _within(places, k))
    return divided(summed, total if k is None else np.minimum(total, k))


def _ordered(score: Any, gain: Any, group: Any) -> tuple[Ranked, Array]:
    places = ranked(score, group)
    return places, numbers("label", gain, len(places.order), low=0.0, high=float(np.finfo(np.float64).max))[places.order]


def _positives(score: Any, relevant: Any, group: Any) -> tuple[Ranked, Array, Array]:
    places, gain = _ordered(score, relevant, group)
    positive = (gain > 0).astype(np.float64)
    return places, positive, places.sums(positive)


def _expected(places: Ranked, values: Array) -> Array:
    """Return what each place is expected to hold: the mean over the tie that stands on it."""
    return places.in_block(values) / places.size


def _within(places: Ranked, k: int | None) -> Array:
    return places.place <= (len(places.order) if k is None else whole("k", k))


def _discount(places: Ranked, k: int | None) -> Array:
    return _within(places, k) / np.log2(places.place + 1)


def _first_positive(places: Ranked, positive: Array) -> Array:
    """Return the chance that the first positive of its decision stands on each place.

    It stands in the first tie that holds one. Of b rows of which r are positive, all C(b, r) choices of places are equally likely, and
    C(b - j, r - 1) of them have their first at j.
    """
    r, left = places.in_block(positive), places.size - places.within
    possible = (places.before(positive) == 0) & (r > 0) & (left >= r - 1)
    chance = np.zeros(len(positive))
    size, r, left = places.size[possible], r[possible].astype(np.int64), left[possible]
    logs = np.append(0.0, np.cumsum(np.log(np.arange(1, len(positive) + 1))))  # of factorials
    ways = logs[left] - logs[r - 1] - logs[left - r + 1]
    chance[possible] = np.exp(ways - (logs[size] - logs[r] - logs[size - r]))
    return chance
