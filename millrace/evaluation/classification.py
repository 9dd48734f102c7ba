"""How well scores tell positives from negatives, and how good they are as probabilities.

Labels are 0 or 1. A label between them, such as the consensus of several reviewers, counts as that share of a positive. A missing label
is refused: whoever calls knows why it is missing and drops the row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from millrace.evaluation.cuts import cuts
from millrace.evaluation.inputs import numbers, shares, weights


def auc(score: Any, label: Any, weight: Any = None) -> float:
    """Return the chance that a positive scores higher than a negative, ties counting half; NaN when either kind is absent.

    Args:
        score: Higher is more likely positive, on any scale. Shape (n,).
        label: In [0, 1]. Shape (n,).
        weight: How much each row counts. Shape (n,).

    Raises:
        BadInput: A score, label or weight is missing or out of range, or the shapes differ.

    Source: Hanley & McNeil (1982), The Meaning and Use of the Area under a ROC Curve.

    >>> auc([0.9, 0.8, 0.3, 0.1], [1, 0, 1, 0])
    0.75
    """
    found = cuts(score, label, weight)
    true = np.append(0.0, found.positive)
    false = np.append(0.0, found.total - found.positive)
    area, whole = np.trapezoid(true, false), true[-1] * false[-1]
    return float(area / whole) if whole > 0 else float("nan")


def pr_auc(score: Any, label: Any, weight: Any = None) -> float:
    """Return the mean precision over the positives, each at its own score (average precision); NaN without positives.

    Unlike the AUC it depends on how rare positives are: a scorer that knows nothing gets their share. Arguments and errors as for `auc`.

    >>> pr_auc([0.9, 0.8, 0.3, 0.1], [1, 0, 1, 0])
    0.8333333333333333
    """
    found = cuts(score, label, weight)
    gained = np.diff(found.positive, prepend=0.0)
    precision = np.divide(found.positive, found.total, out=np.zeros(len(gained)), where=found.total > 0)
    positives = found.positive[-1]
    return float(gained @ precision / positives) if positives > 0 else float("nan")


def log_loss(score: Any, label: Any, weight: Any = None) -> float:
    """Return the mean of -log(the probability given to what happened), in nats.

    Probabilities are kept 2e-16 away from 0 and 1, so a certain mistake costs 36 instead of everything.

    Args:
        score: The probability of a positive. Shape (n,).
        label: In [0, 1]. Shape (n,).
        weight: How much each row counts. Shape (n,).

    Raises:
        BadInput: A score, label or weight is missing or out of range, or the shapes differ.

    >>> round(log_loss([0.5, 0.5], [1, 0]), 6)
    0.693147
    """
    score, label, weight = _probabilities(score, label, weight)
    score = np.clip(score, _LEAST, 1 - _LEAST)
    return float(np.average(-label * np.log(score) - (1 - label) * np.log1p(-score), weights=weight))


def brier(score: Any, label: Any, weight: Any = None) -> float:
    """Return the mean squared distance of the probability from what happened, in [0, 1]. Arguments and errors as for `log_loss`.

    Source: Brier (1950), Verification of Forecasts Expressed in Terms of Probability.

    >>> brier([0.5, 1.0], [1, 1])
    0.125
    """
    score, label, weight = _probabilities(score, label, weight)
    return float(np.average(label * (1 - score) ** 2 + (1 - label) * score**2, weights=weight))


@dataclass(frozen=True)
class Confusion:
    """What acting from a threshold upwards gets right and wrong, in rows or in their weights.

    Attributes:
        true_positive: Acted upon, rightly.
        false_positive: Acted upon, wrongly: a false alarm.
        true_negative: Left alone, rightly.
        false_negative: Left alone, wrongly: a miss.
    """

    true_positive: float
    false_positive: float
    true_negative: float
    false_negative: float

    @property
    def accuracy(self) -> float:
        """The share of rows treated rightly."""
        right = self.true_positive + self.true_negative
        return right / (right + self.false_positive + self.false_negative)

    @property
    def precision(self) -> float:
        """The share of positives among those acted upon; NaN when none is."""
        return _share(self.true_positive, self.true_positive + self.false_positive)

    @property
    def recall(self) -> float:
        """The share of the positives that are acted upon; NaN when there is none."""
        return _share(self.true_positive, self.true_positive + self.false_negative)

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; NaN when nothing is positive and nothing acted upon."""
        return _share(2 * self.true_positive, 2 * self.true_positive + self.false_positive + self.false_negative)


def confusion(score: Any, label: Any, weight: Any = None, *, threshold: float = 0.5) -> Confusion:
    """Count what a threshold gets right and wrong; a score equal to it is acted upon.

    Args:
        score: On any scale. Shape (n,).
        label: In [0, 1]. Shape (n,).
        weight: How much each row counts. Shape (n,).
        threshold: On the scale of the scores.

    Raises:
        BadInput: A score, label or weight is missing or out of range, or the shapes differ.

    >>> confusion([0.9, 0.8, 0.3, 0.1], [1, 0, 1, 0])
    Confusion(true_positive=1.0, false_positive=1.0, true_negative=1.0, false_negative=1.0)
    """
    score = numbers("score", score)
    label, weight = shares("label", label, len(score)), weights(weight, len(score))
    acted = score >= threshold
    positive, negative = weight * label, weight * (1 - label)
    return Confusion(
        true_positive=float(positive[acted].sum()),
        false_positive=float(negative[acted].sum()),
        true_negative=float(negative[~acted].sum()),
        false_negative=float(positive[~acted].sum()),
    )


_LEAST = float(np.finfo(np.float64).eps)


def _probabilities(score: Any, label: Any, weight: Any) -> tuple[Any, Any, Any]:
    score = shares("score", score)
    return score, shares("label", label, len(score)), weights(weight, len(score))


def _share(part: float, of: float) -> float:
    return part / of if of > 0 else float("nan")
