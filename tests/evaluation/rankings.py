"""Slow, obvious ranking metrics: every order that ties allow is written out, measured by the book and averaged."""

from itertools import permutations, product
from math import log2

import numpy as np
from hypothesis import strategies as st


def orders(scores):
    """Yield every order of the rows in which scores do not rise, each as likely as any other."""
    levels = sorted(set(scores), reverse=True)
    for parts in product(*(permutations([row for row, one in enumerate(scores) if one == level]) for level in levels)):
        yield [row for part in parts for row in part]


def by_the_book(metric, scores, gains, k):
    """Return a metric of one decision: its mean over the orders; NaN without a positive."""
    if not any(gain > 0 for gain in gains):
        return float("nan")
    return float(np.mean([metric([gains[row] for row in order], k) for order in orders(scores)]))


def dcg(gains, k):
    return sum(gain / log2(place + 2) for place, gain in enumerate(gains[:k]))


def ndcg(gains, k):
    return dcg(gains, k) / dcg(sorted(gains, reverse=True), k)


def precision(gains, k):
    return sum(gain > 0 for gain in gains[:k]) / k


def recall(gains, k):
    return sum(gain > 0 for gain in gains[:k]) / sum(gain > 0 for gain in gains)


def hit_rate(gains, k):
    return float(any(gain > 0 for gain in gains[:k]))


def mrr(gains, k):
    first = next(place for place, gain in enumerate(gains, 1) if gain > 0)
    return 1 / first if first <= k else 0.0


def mean_average_precision(gains, k):
    at_positives = [precision(gains, place) for place, gain in enumerate(gains[:k], 1) if gain > 0]
    return sum(at_positives) / min(sum(gain > 0 for gain in gains), k)


@st.composite
def decisions(draw):
    """Rows of a few small decisions, mixed together, with many ties: (score, gain, group)."""
    row = st.tuples(st.sampled_from([-np.inf, 0.0, 0.5, 0.7]), st.sampled_from([0.0, 0.0, 1.0, 3.0]), st.integers(-1, 3))
    rows = draw(st.lists(row, min_size=1))
    small = [row for at, row in enumerate(rows) if sum(other[2] == row[2] for other in rows[:at]) < 6]
    score, gain, group = zip(*small, strict=True)
    return np.array(score), np.array(gain), np.array(group)
