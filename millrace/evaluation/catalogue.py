"""What is shown, beyond whether it pleases: how much of the catalogue, how varied, how well known, how unevenly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from millrace.errors import BadInput
from millrace.evaluation.inputs import groups, numbers
from millrace.evaluation.per_decision import PerDecision, divided
from millrace.types import Array


def coverage(shown: Iterable[Any], candidates: Iterable[Any]) -> float:
    """Return the share of the candidates that were shown at least once; what was shown and is no candidate does not count.

    Args:
        shown: The id of every row shown.
        candidates: The ids that could have been shown.

    Raises:
        BadInput: There are no candidates.

    >>> coverage(["a", "a", "b"], ["a", "b", "c", "d"])
    0.5
    """
    return float((exposure(shown, candidates) > 0).mean())


def exposure(shown: Iterable[Any], candidates: Iterable[Any]) -> Array:
    """Return how often each candidate was shown, in the order of the candidates (repeated ids once).

    Args:
        shown: The id of every row shown.
        candidates: The ids that could have been shown.

    Raises:
        BadInput: There are no candidates.

    >>> exposure(["a", "a", "b"], ["a", "b", "c"]).tolist()
    [2, 1, 0]
    """
    times, distinct = Counter(_plain(shown)), dict.fromkeys(_plain(candidates))
    if not distinct:
        raise BadInput("candidates is empty: pass the ids that could have been shown", field="candidates")
    return np.array([times[one] for one in distinct], dtype=np.int64)


def gini(counts: Any) -> float:
    """Return how unevenly exposure is spread: 0 when all candidates get the same, towards 1 when one gets everything.

    Args:
        counts: How often each candidate was shown, those never shown included. Shape (candidates,).

    Raises:
        BadInput: There are none, or one is missing or negative.

    Returns:
        In [0, 1 - 1 / candidates]; NaN when nothing was shown.

    >>> gini([1, 1, 1, 1]), gini([0, 0, 0, 4])
    (0.0, 0.75)
    """
    counts = np.sort(_counts(counts))
    n, total = len(counts), counts.sum()
    if total == 0:
        return float("nan")
    return float((2 * np.arange(1, n + 1) - n - 1) @ counts / (n * total))


def entropy(counts: Any) -> float:
    """Return the entropy of exposure, in bits: 2 to its power is how many equally shown candidates would be as varied.

    NaN when nothing was shown. Arguments and errors as for `gini`.

    >>> entropy([1, 1, 1, 1])
    2.0
    """
    counts = _counts(counts)
    if not counts.any():
        return float("nan")
    share = counts[counts > 0] / counts.sum()
    return float(np.abs(share @ np.log2(share)))


def novelty(popularity: Any) -> float:
    """Return how surprising the rows shown are, in bits: the mean of -log2 of their popularity.

    Args:
        popularity: Of each row shown, its candidate's share of all that was consumed before, in (0, 1]. Shape (n,).

    Raises:
        BadInput: A popularity is missing or out of range; add one to every candidate's count before dividing, so that none is 0.

    >>> novelty([0.5, 0.125])
    2.0
    """
    share = numbers("popularity", popularity, high=1.0)
    if share.min() <= 0:
        never = (share <= 0).sum()
        raise BadInput(f"popularity must be above 0, and is not in {never} rows: add 1 to every count before dividing", field="popularity")
    return float(np.abs(np.log2(share)).mean())


def diversity(category: Iterable[Any], group: Any) -> PerDecision:
    """Return the share of pairs shown together that differ in category. A decision of fewer than two rows says nothing.

    Args:
        category: Of each row shown; None is a category of its own. Shape (n,).
        group: The number of each row's decision, in any order. Shape (n,).

    Raises:
        BadInput: There are no rows, or the shapes differ.

    Source: Smyth & McClave (2001), Similarity vs. Diversity.

    >>> diversity(["news", "news", "sport"], [0, 0, 0]).value
    0.6666666666666666
    """
    names = _plain(category)
    number = {name: code for code, name in enumerate(dict.fromkeys(names))}
    codes = np.array([number[name] for name in names], dtype=np.int64)
    which, rows = _numbered(group, len(codes))
    pair, times = np.unique(which * len(number) + codes, return_counts=True)
    alike = np.bincount(pair // max(len(number), 1), times * (times - 1), len(rows))
    pairs = rows * (rows - 1)
    return divided(pairs - alike, pairs)


def embedding_diversity(embedding: Any, group: Any) -> PerDecision:
    """Return the mean, over pairs shown together, of 1 - the cosine of their embeddings, in [0, 2].

    A decision of fewer than two rows says nothing.

    Args:
        embedding: Of each row shown. Shape (n, d).
        group: The number of each row's decision, in any order. Shape (n,).

    Raises:
        BadInput: There are no rows, the shapes differ, or an embedding is missing or zero and so has no direction.

    Source: Ziegler, McNee, Konstan & Lausen (2005), Improving Recommendation Lists Through Topic Diversification.

    >>> embedding_diversity([[1.0, 0.0], [0.0, 2.0]], [0, 0]).value
    1.0
    """
    unit = _directions(embedding)
    which, rows = _numbered(group, len(unit))
    order = np.argsort(which, kind="stable")
    summed = np.add.reduceat(unit[order], np.cumsum(rows) - rows, axis=0)
    pairs = rows * (rows - 1)
    cosines = np.square(summed).sum(axis=1) - rows  # the square of a sum of unit vectors: each with itself, and every pair twice
    return divided(np.maximum(pairs - cosines, 0.0), pairs)


def _plain(values: Iterable[Any]) -> list[Any]:
    return values.tolist() if isinstance(values, np.ndarray) else list(values)


def _counts(counts: Any) -> Array:
    return numbers("exposure", counts, low=0.0, high=float(np.finfo(np.float64).max))


def _numbered(group: Any, n: int) -> tuple[Array, Array]:
    """Return each row's decision numbered from 0, and how many rows each decision has."""
    _, which, rows = np.unique(groups(group, n), return_inverse=True, return_counts=True)
    return which, rows


def _directions(embedding: Any) -> Array:
    vectors = np.asarray(embedding, dtype=np.float64)
    if vectors.ndim != 2:
        raise BadInput(f"embedding must have one vector per row, and its shape is {vectors.shape}", field="embedding")
    length = np.sqrt(np.square(vectors).sum(axis=1, keepdims=True))
    if not (np.isfinite(length) & (length > 0)).all():
        raise BadInput("embedding is missing or zero in some rows: drop them, or give them a direction", field="embedding")
    return vectors / length
