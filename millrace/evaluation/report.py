"""What is known of how good one scorer is, as a value that can be stored, compared and shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from millrace.errors import BadInput
from millrace.evaluation.bootstrap import RESAMPLES, Estimate, estimate
from millrace.evaluation.calibration import calibration_table
from millrace.evaluation.inputs import groups, numbers
from millrace.evaluation.slices import Slice, by_slice
from millrace.types import Array


@dataclass(frozen=True)
class Bin:
    """One bin of a calibration plot.

    Attributes:
        predicted: The mean prediction.
        observed: How often it happened.
        low: The lower end of the interval for the probability behind `observed`.
        high: The upper end.
        count: How many rows.
    """

    predicted: float
    observed: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Report:
    """How good a scorer is on some rows. Goes to JSON and back with msgspec.

    Attributes:
        rows: How many rows it rests on.
        decisions: How many decisions they belong to.
        label_mean: The mean label: the share of positives where labels are 0 or 1.
        metrics: By name.
        calibration: The bins of a calibration plot, lowest predictions first; empty when the scores are not probabilities.
        slices: By column, the first metric on each of its slices, worst first.
    """

    rows: int
    decisions: int
    label_mean: float
    metrics: dict[str, Estimate]
    calibration: tuple[Bin, ...]
    slices: dict[str, tuple[Slice, ...]]


def evaluate(
    metrics: Sequence[str],
    score: Any,
    label: Any,
    group: Any = None,
    *,
    seed: int,
    weight: Any = None,
    slice_by: Mapping[str, Array] | None = None,
    resamples: int = RESAMPLES,
) -> Report:
    """Measure a scorer by several metrics, with intervals, and its calibration and slices.

    Args:
        metrics: Names such as "auc" and "ndcg@10"; the slices are measured by the first.
        score: Shape (n,).
        label: What happened; none missing. Shape (n,).
        group: The number of each row's decision, in any order; None when every row is a decision. Shape (n,).
        seed: Of the bootstrap's draws.
        weight: How much each row counts, for metrics that are not means over decisions. Shape (n,).
        slice_by: Columns to slice by, each of shape (n,).
        resamples: How many draws for each interval.

    Raises:
        NotFound: There is no such metric.
        BadInput: A metric is not one of scores, or the rows are not what it needs.

    >>> evaluate(["auc"], [0.9, 0.8, 0.3, 0.1], [1, 0, 1, 0], seed=0, resamples=10).metrics["auc"].value
    0.75
    """
    if not metrics:
        raise BadInput("metrics is empty: name at least one, such as auc", field="metrics")
    score = numbers("score", score)
    label = numbers("label", label, len(score))
    rows = {"weight": weight, "seed": seed}
    measured = {name: estimate(name, score, label, group, resamples=resamples, **rows) for name in metrics}
    sliced = {name: by_slice(metrics[0], column, score, label, group, **rows) for name, column in (slice_by or {}).items()}
    return Report(
        rows=len(score),
        decisions=len(score) if group is None else len(np.unique(groups(group, len(score)))),
        label_mean=float(label.mean()),
        metrics=measured,
        calibration=_calibration(score, label, weight),
        slices=sliced,
    )


def _calibration(score: Array, label: Array, weight: Any) -> tuple[Bin, ...]:
    if min(score.min(), label.min()) < 0 or max(score.max(), label.max()) > 1:
        return ()
    table = calibration_table(score, label, weight)
    columns = (table[name].tolist() for name in ("predicted", "observed", "low", "high", "count"))
    return tuple(Bin(*row) for row in zip(*columns, strict=True))
