"""A metric by slice: where a scorer that is good on the whole is bad."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from millrace.errors import BadInput
from millrace.evaluation.bootstrap import Estimate, estimate
from millrace.evaluation.inputs import whole
from millrace.evaluation.metrics import metric
from millrace.types import Array, objects

MISSING = "(missing)"
OTHER = "(other)"


@dataclass(frozen=True)
class Slice:
    """A metric on some of the rows.

    Attributes:
        value: What its rows have in common: a value of the column, or a range "0.5 to 2".
        rows: How many they are.
        estimate: The metric on them, with its interval.
    """

    value: str
    rows: int
    estimate: Estimate


def by_slice(
    name: str,
    column: Any,
    score: Any,
    label: Any,
    group: Any = None,
    *,
    seed: int,
    weight: Any = None,
    most: int = 20,
    parts: int = 5,
    resamples: int = 200,
    confidence: float = 0.95,
) -> tuple[Slice, ...]:
    """Measure a scorer on each slice of a column, worst first.

    Worst is the slice whose interval's better end is worst, so that a slice of a few unlucky rows does not hide one that is surely bad.
    Then come slices too small for an interval, and last those the metric says nothing on, such as an AUC without positives.

    Args:
        name: Of the metric, such as "auc".
        column: What to slice by. None and NaN are a slice of their own. Shape (n,).
        score: Shape (n,).
        label: What happened. Shape (n,).
        group: The number of each row's decision; None when every row is a decision. A decision whose rows lie in several slices counts in
            each, with the rows it has there. Shape (n,).
        seed: Of the bootstrap's draws.
        weight: How much each row counts. Shape (n,).
        most: How many values get a slice each, the commonest; the others share one. Numbers with more values are cut into ranges instead.
        parts: How many ranges, of about equally many rows.
        resamples: How many draws for each interval.
        confidence: Of the intervals.

    Raises:
        NotFound: There is no such metric.
        BadInput: The column is not one value per row, or the rows are not what the metric needs.
    """
    of, score = metric(name), np.asarray(score)
    columns = [None if given is None else np.asarray(given) for given in (score, label, group, weight)]
    if any(given is not None and given.shape != score.shape for given in columns):
        raise BadInput("score, label, group and weight must have one value per row: pass the same rows to all", field="label")
    names, which = sliced(column, len(score), most=most, parts=parts)
    found = []
    for number, value in enumerate(names):
        rows = np.flatnonzero(which == number)
        scores, labels, groups, weights = (None if given is None else given[rows] for given in columns)
        measured = estimate(name, scores, labels, groups, weight=weights, seed=seed, resamples=resamples, confidence=confidence)
        found.append(Slice(value, len(rows), measured))
    return tuple(sorted(found, key=lambda one: _badness(one.estimate, of.larger_is_better)))


def sliced(column: Any, rows: int, *, most: int = 20, parts: int = 5) -> tuple[list[str], Array]:
    """Return the names of a column's slices, and the number of each row's slice. Arguments and errors as for `by_slice`.

    >>> sliced(np.array([1.0, 2.0, 3.0, 4.0, np.nan]), 5, most=2, parts=2)
    (['1 to 2', '3 to 4', '(missing)'], array([0, 0, 1, 1, 2]))
    """
    column = np.asarray(column)
    if column.shape != (rows,):
        raise BadInput(f"a column to slice by must have {rows} values, one per row, and its shape is {column.shape}", field="column")
    most, parts = whole("most", most), whole("parts", parts)
    named = np.array([MISSING if _is_missing(value) else str(value) for value in column.tolist()], dtype=object)
    present = named != MISSING
    if column.dtype.kind in "iuf" and len(np.unique(column[present])) > most:
        named[present] = objects(_ranges(column[present], parts))
    else:
        common = {value for value, _ in sorted(Counter(named[present]).items(), key=lambda pair: (-pair[1], pair[0]))[:most]}
        named[present] = objects(value if value in common else OTHER for value in named[present])
    number = {value: at for at, value in enumerate(dict.fromkeys(named))}
    return list(number), np.array([number[value] for value in named], dtype=np.int64)


def _ranges(values: Array, parts: int) -> Iterator[str]:
    """Yield the range of each value: cut at quantiles, so that equal values share one."""
    cut = np.unique(np.quantile(values, np.arange(1, parts) / parts, method="inverted_cdf"))
    part = np.searchsorted(cut, values)
    ends = {one: values[part == one] for one in np.unique(part).tolist()}
    names = {one: f"{inside.min():.6g} to {inside.max():.6g}" for one, inside in ends.items()}
    return (names[one] for one in part.tolist())


def _is_missing(value: Any) -> bool:
    return value is None or value != value


def _badness(found: Estimate, larger_is_better: bool) -> tuple[int, float]:
    """Return what sorts the surely bad first, then those too small for an interval, then those without a value."""
    end = found.high if larger_is_better else found.low
    if end is not None:
        return 0, end if larger_is_better else -end
    if found.value is not None:
        return 1, found.value if larger_is_better else -found.value
    return 2, 0.0
