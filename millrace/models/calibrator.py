"""Maps from a score to the probability it was seen to mean."""

from __future__ import annotations

import msgspec
import numpy as np

from millrace.models.odds import log_odds, probability
from millrace.types import Array


class Steps(msgspec.Struct, frozen=True, tag="isotonic", tag_field="by"):
    """A curve of straight pieces that never falls, flat beyond its ends; `scores` rise strictly."""

    scores: tuple[float, ...]
    probabilities: tuple[float, ...]

    def __call__(self, score: Array) -> Array:
        """Return the probability of each score. Shape (n,)."""
        return np.interp(score, self.scores, self.probabilities)


class Sigmoid(msgspec.Struct, frozen=True, tag="sigmoid", tag_field="by"):
    """A logistic curve that never falls, in the score or, where the score is a probability already, in its log-odds."""

    slope: float
    base: float
    of_log_odds: bool

    def __call__(self, score: Array) -> Array:
        """Return the probability of each score. Shape (n,)."""
        return probability(self.slope * (log_odds(score) if self.of_log_odds else score) + self.base)


def fit_steps(score: Array, label: Array, weight: Array) -> Steps:
    """Fit the rising curve nearest to the labels. It takes any shape, and some hundred positives to find it.

    Scores that it cannot tell apart become equal. Probabilities stay as far from 0 and 1 as so many rows can show: 1 / (n + 2).

    Args:
        score: Shape (n,).
        label: 0 or 1, both occurring. Shape (n,).
        weight: How much each row counts, above 0. Shape (n,).

    Source: Zadrozny & Elkan (2002), Transforming Classifier Scores into Accurate Multiclass Probability Estimates.
    """
    from sklearn.isotonic import IsotonicRegression

    closest = 1 / (len(score) + 2)
    curve = IsotonicRegression(y_min=closest, y_max=1 - closest).fit(score, label, sample_weight=weight)
    return Steps(tuple(curve.X_thresholds_.tolist()), tuple(curve.y_thresholds_.tolist()))


def fit_sigmoid(score: Array, label: Array, weight: Array) -> Sigmoid:
    """Fit a logistic curve, two numbers, which some tens of positives can determine.

    Labels are drawn in from 0 and 1 as if one more row of each kind had been seen. Where higher scores do not mean more positives the
    curve is level.

    Args:
        score: Shape (n,). When all lie from 0 to 1 they are taken for probabilities, and the curve is in their log-odds, so that
            scores which are right already can stay as they are.
        label: 0 or 1, both occurring. Shape (n,).
        weight: How much each row counts, above 0. Shape (n,).

    Source: Platt (1999), Probabilistic Outputs for Support Vector Machines.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    of_log_odds = bool(score.min() >= 0 and score.max() <= 1)
    x = log_odds(score) if of_log_odds else score
    centre, spread = float(x.mean()), float(x.std())
    spread = spread if spread > 1e-12 * abs(centre) else 1.0  # below are equal scores, and what rounding makes of their spread
    positives, negatives = weight[label == 1].sum(), weight[label == 0].sum()
    target = np.where(label == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    # A row that is positive by a part is a positive and a negative of those weights.
    standard = np.tile((x - centre) / spread, 2)[:, None]
    both = np.repeat([1, 0], len(x))
    curve = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000)
    with threadpool_limits(1):  # sums would differ in the last digit with the number of cores
        curve.fit(standard, both, sample_weight=np.concatenate([weight * target, weight * (1 - target)]))
    slope, base = float(curve.coef_[0, 0]) / spread, float(np.ravel(curve.intercept_)[0])
    if slope <= 0:
        return Sigmoid(0.0, float(log_odds(np.average(target, weights=weight))), of_log_odds)
    return Sigmoid(slope, base - slope * centre, of_log_odds)
