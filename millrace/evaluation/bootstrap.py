"""How far chance moves a metric: it is computed again on decisions drawn anew from those seen.

Whole decisions are drawn, with all their rows, because the rows of one decision rise and fall together. A metric that is a mean over
decisions is averaged anew; any other is computed with each row counted as often as its decision was drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from millrace.errors import BadInput
from millrace.evaluation.inputs import groups, numbers, weights, whole
from millrace.evaluation.metrics import SCORED, Metric, metric
from millrace.evaluation.per_decision import PerDecision
from millrace.types import Array

RESAMPLES = 1000

FEWEST = 10
"""Fewer decisions than this say too little of how they vary: draws of them look surer than they are."""


@dataclass(frozen=True)
class Estimate:
    """A metric and how far chance may have moved it. None stands for what cannot be said, and is null in JSON.

    Attributes:
        metric: Its name.
        value: On the rows seen; None when it says nothing on them, such as an AUC without negatives.
        low: The lower end of its interval; None when fewer than ten decisions count, or positives or negatives are too few.
        high: The upper end.
        n: How many decisions it rests on (rows, where none were given).
    """

    metric: str
    value: float | None
    low: float | None
    high: float | None
    n: int


class Statistic(NamedTuple):
    """A metric of a scorer that can be computed again.

    Attributes:
        value: On the rows seen.
        units: How many decisions it rests on.
        again: Returns the metric with each decision counted a number of times. Takes shape (units,).
    """

    value: float
    units: int
    again: Callable[[Array], float]


def estimate(
    name: str,
    score: Any,
    label: Any,
    group: Any = None,
    *,
    seed: int,
    weight: Any = None,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
) -> Estimate:
    """Measure a scorer by a metric, with a bootstrap interval (percentiles).

    Args:
        name: Of the metric, such as "ndcg@10".
        score: Shape (n,).
        label: What happened. Shape (n,).
        group: The number of each row's decision, in any order; None when every row is a decision. Shape (n,).
        seed: Of the draws.
        weight: How much each row counts, for metrics that are not means over decisions. Shape (n,).
        resamples: How many draws.
        confidence: How often such an interval holds the truth, about; less often with fewer than some thirty decisions.

    Raises:
        NotFound: There is no such metric.
        BadInput: The metric is not one of scores, or the rows are not what it needs.

    >>> estimate("auc", [0.9, 0.8, 0.3, 0.1], [1, 0, 1, 0], seed=0, resamples=100).value
    0.75
    """
    found = statistic(metric(name), score, label, group, weight)
    value = found.value if np.isfinite(found.value) else None
    ends = interval(resampled([found], seed, resamples)[:, 0], confidence) if value is not None and found.units >= FEWEST else None
    low, high = ends if ends is not None else (None, None)
    return Estimate(name, value, low, high, found.units)


def statistic(of: Metric, score: Any, label: Any, group: Any = None, weight: Any = None) -> Statistic:
    """Return a metric of one scorer in a form that can be computed again on other draws of the same decisions.

    Raises:
        BadInput: The metric is not one of scores, or the rows are not what it needs.
    """
    if not set(SCORED) <= set(of.needs):
        raise BadInput(f"{of.name} is computed from {', '.join(of.needs)}, not from scores and labels: ask metric({of.name!r}).of(...)")
    if of.is_per_decision:
        return _mean_of_decisions(of, score, label, group, weight)
    return _pooled(of, score, label, group, weight)


def resampled(statistics: Sequence[Statistic], seed: int, resamples: int = RESAMPLES) -> Array:
    """Compute statistics of the same decisions on the same draws. Shape (resamples, statistics)."""
    rng = np.random.default_rng(seed)
    units = statistics[0].units
    values = np.empty((whole("resamples", resamples), len(statistics)))
    for draw in values:
        times = np.bincount(rng.integers(0, units, units), minlength=units).astype(np.float64)
        draw[:] = [one.again(times) for one in statistics]
    return values


def interval(values: Array, confidence: float) -> tuple[float, float] | None:
    """Return the percentiles that hold the middle `confidence` of the draws.

    None when more than a twentieth of the draws say nothing: they missed the three or fewer positives, or negatives, there are.
    """
    if not 0 < confidence < 1:
        raise BadInput(f"confidence={confidence!r}: must lie between 0 and 1, such as 0.95", field="confidence")
    said = values[np.isfinite(values)]
    if len(said) < 0.95 * len(values):
        return None
    low, high = np.quantile(said, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return float(low), float(high)


def _mean_of_decisions(of: Metric, score: Any, label: Any, group: Any, weight: Any) -> Statistic:
    if group is None:
        raise BadInput(f"{of.name} is a mean over decisions: pass the decision of each row as group", field="group")
    if weight is not None and np.ptp(weights(weight, len(score))) > 0:
        raise BadInput(f"{of.name} is a mean over decisions, whose rows have no weights of their own: leave weight out", field="weight")
    found = of.function(score, label, group)
    assert isinstance(found, PerDecision)
    each = found.each[~np.isnan(found.each)]
    return Statistic(found.value, len(each), lambda times: float(times @ each / len(each)))


def _pooled(of: Metric, score: Any, label: Any, group: Any, weight: Any) -> Statistic:
    score = numbers("score", score)
    label, weight = numbers("label", label, len(score)), weights(weight, len(score))
    unit = np.arange(len(score)) if group is None else groups(group, len(score))
    order = np.argsort(-score, kind="stable")  # once, for all draws
    order = order[weight[order] > 0]
    score, label, weight = score[order], label[order], weight[order]
    names, which = np.unique(unit[order], return_inverse=True)

    def again(times: Array) -> float:
        return of.of({"score": score, "label": label, "weight": weight * times[which]})

    return Statistic(again(np.ones(len(names))), len(names), again)
