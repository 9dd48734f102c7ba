"""What acting from each score upwards would catch: the one table behind AUC, PR-AUC and learned thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from millrace.evaluation.inputs import numbers, shares, weights
from millrace.types import Array


@dataclass(frozen=True)
class Cuts:
    """One entry per distinct score, highest first. Rows of one score are on the same side of any threshold, so ties need no order.

    Attributes:
        score: The threshold: rows that score at least this are acted upon.
        positive: The weight of the positives among them.
        total: The weight of all of them.
    """

    score: Array
    positive: Array
    total: Array


def cuts(score: Any, label: Any, weight: Any = None) -> Cuts:
    """Return the table of every threshold that makes a difference.

    Args:
        score: Higher is more likely positive. Shape (n,).
        label: 0 or 1; a label between them (a consensus) is that share of a positive. Shape (n,).
        weight: How much each row counts. Shape (n,).

    Raises:
        BadInput: A score, label or weight is missing or out of range, or the shapes differ.
    """
    score = numbers("score", score)
    label, weight = shares("label", label, len(score)), weights(weight, len(score))
    if (score[1:] > score[:-1]).any():  # a bootstrap asks again and again for rows it has sorted
        order = np.argsort(-score, kind="stable")
        score, label, weight = score[order], label[order], weight[order]
    last = np.flatnonzero(np.append(score[1:] != score[:-1], True))
    return Cuts(score[last], np.cumsum(weight * label)[last], np.cumsum(weight)[last])
