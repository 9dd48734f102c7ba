"""Two scorers on the same rows: how much they differ, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from millrace.errors import TrainingError
from millrace.evaluation.bootstrap import FEWEST, RESAMPLES, interval, resampled, statistic
from millrace.evaluation.metrics import metric


@dataclass(frozen=True)
class Comparison:
    """What a challenger's metric differs from the champion's on the same rows.

    Attributes:
        metric: Its name.
        champion: The champion's value.
        challenger: The challenger's value.
        difference: challenger - champion.
        low: The lower end of the difference's interval.
        high: The upper end.
        n: How many decisions it rests on (rows, where none were given).
        larger_is_better: Whether a positive difference is an improvement.
    """

    metric: str
    champion: float
    challenger: float
    difference: float
    low: float
    high: float
    n: int
    larger_is_better: bool

    def is_worse(self, margin: float = 0.0) -> bool:
        """Return whether the challenger is shown to be worse by more than `margin`: the whole interval says so."""
        return self.high < -margin if self.larger_is_better else self.low > margin

    def is_not_worse(self, margin: float = 0.0) -> bool:
        """Return whether the challenger is shown not to be worse by more than `margin`: no part of the interval says it could be."""
        return self.low >= -margin if self.larger_is_better else self.high <= margin


def compare(
    metric_name: str,
    champion_scores: Any,
    challenger_scores: Any,
    labels: Any,
    group: Any = None,
    *,
    seed: int,
    weight: Any = None,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
) -> Comparison:
    """Compare two scorers by a metric, with a paired bootstrap interval for the difference.

    Both are measured on the same draws of decisions, so what makes a draw hard for both cancels: the interval is far narrower than the
    two metrics' own.

    Args:
        metric_name: Such as "ndcg@10" or "pr_auc".
        champion_scores: Shape (n,).
        challenger_scores: Shape (n,).
        labels: What happened. Shape (n,).
        group: The number of each row's decision, in any order; None when every row is a decision. Shape (n,).
        seed: Of the draws.
        weight: How much each row counts, for metrics that are not means over decisions. Shape (n,).
        resamples: How many draws.
        confidence: Of the interval.

    Raises:
        NotFound: There is no such metric.
        BadInput: The metric is not one of scores, or the rows are not what it needs.
        TrainingError: The rows cannot tell: the metric says nothing on them, or on fewer than ten decisions, or on a few positives.

    >>> compare("auc", [0.1, 0.2, 0.3, 0.4] * 5, [0.4, 0.1, 0.2, 0.3] * 5, [0, 0, 1, 1] * 5, seed=0, resamples=100).difference
    -0.5
    """
    of = metric(metric_name)
    champion = statistic(of, champion_scores, labels, group, weight)
    challenger = statistic(of, challenger_scores, labels, group, weight)
    if not (np.isfinite(champion.value) and np.isfinite(challenger.value)):
        raise _cannot_tell(metric_name, "says nothing on these rows: it needs positives, and most metrics negatives too")
    if champion.units < FEWEST:
        raise _cannot_tell(metric_name, f"rests on {champion.units} decisions, and it takes {FEWEST} to say how sure a difference is")
    draws = resampled([champion, challenger], seed, resamples)
    ends = interval(draws[:, 1] - draws[:, 0], confidence)
    if ends is None:
        raise _cannot_tell(metric_name, "rests on too few positives or negatives to say how sure a difference is")
    difference = challenger.value - champion.value
    return Comparison(metric_name, champion.value, challenger.value, difference, *ends, champion.units, of.larger_is_better)


def _cannot_tell(name: str, why: str) -> TrainingError:
    return TrainingError(f"champion and challenger cannot be compared: {name} {why}; hold out a longer time")
