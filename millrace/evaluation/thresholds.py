"""Thresholds learned from scores and outcomes: for a stated precision, or for what the two kinds of mistake cost.

A score equal to the threshold is acted upon. Every threshold returned is a score that was seen (or, to act on nothing seen, the number
just above the highest), so it does on these rows exactly what it says. For probabilities the costs alone say where to act: `break_even`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from millrace.errors import BadInput, TrainingError
from millrace.evaluation.cuts import cuts
from millrace.evaluation.inputs import finite, shares, weights
from millrace.evaluation.proportion import effective, lower_bound, surely_at_least
from millrace.types import Array


@dataclass(frozen=True)
class Threshold:
    """A threshold, and what acting from it upwards did on the rows it was learned from.

    Attributes:
        score: Rows that score at least this are acted upon.
        precision: The share of positives among those acted upon; None when none was.
        precision_low: The one-sided lower bound of that precision at the stated confidence; None when none was acted upon.
        recall: The share of the positives that were acted upon.
        acted: The share of all rows that were acted upon.
        cost: The mean cost of a row, for thresholds learned from costs; None otherwise.
        n: How many rows it rests on.
    """

    score: float
    precision: float | None
    precision_low: float | None
    recall: float
    acted: float
    cost: float | None
    n: int


def threshold_for_precision(score: Any, label: Any, at_least: float, *, weight: Any = None, confidence: float = 0.95) -> Threshold:
    """Return the lowest threshold whose precision is at least `at_least`, with one-sided confidence.

    A threshold qualifies when the Clopper–Pearson lower bound of its precision reaches `at_least`; unequal weights enter through the
    effective number of rows. The bound holds for each threshold by itself. Where precision rises with the score, choosing the lowest adds
    little: in simulations 5 to 7 of 100 choices at confidence 0.95 fell short.

    Args:
        score: Higher is more likely positive. Shape (n,).
        label: In [0, 1]. Shape (n,).
        at_least: The precision asked for, in (0, 1].
        weight: How many rows like it each stands for: the inverse of the chance that its outcome was seen. Shape (n,).
        confidence: In [0.5, 1). A precision of 0.95 shown at 0.95 takes 59 acted upon without a mistake, 93 with one.

    Raises:
        BadInput: A row or a setting is missing or out of range.
        TrainingError: There is no positive, or no threshold reaches the precision; the message says which came nearest.

    >>> threshold_for_precision([0.9] * 20 + [0.1] * 20, [1] * 20 + [0] * 20, 0.8).score
    0.9
    """
    _check_share("at_least", at_least, 0 < at_least <= 1)
    _check_share("confidence", confidence, 0.5 <= confidence < 1)
    table = _table(score, label, weight)
    sure = np.flatnonzero(surely_at_least(at_least, table.precision, table.worth, confidence))
    if len(sure) == 0:
        raise TrainingError(_unreachable(at_least, confidence, table))
    return table.threshold(int(sure[-1]), confidence)


def break_even(false_positive: float, false_negative: float) -> float:
    """Return the probability from which acting costs no more than leaving alone.

    It needs no rows, so it is the same for every version whose scores are probabilities, and it is as right as they are.

    Args:
        false_positive: What acting on a negative costs, above 0.
        false_negative: What leaving a positive alone costs, above 0, in the same unit.

    Raises:
        BadInput: A cost is out of range.

    Source: Elkan (2001), The Foundations of Cost-Sensitive Learning.

    >>> break_even(5, 120)
    0.04
    """
    _check_costs(false_positive, false_negative)
    return false_positive / (false_positive + false_negative)


def threshold_for_cost(
    score: Any, label: Any, false_positive: float, false_negative: float, *, weight: Any = None, confidence: float = 0.95
) -> Threshold:
    """Return the threshold that costs least on these rows; of several, the highest, which acts on fewest.

    When every threshold costs more than not acting at all, it is just above the highest score seen.

    Args:
        score: Higher is more likely positive. Shape (n,).
        label: In [0, 1]. Shape (n,).
        false_positive: What acting on a negative costs, above 0.
        false_negative: What leaving a positive alone costs, above 0, in the same unit.
        weight: How many rows like it each stands for. Shape (n,).
        confidence: Of `precision_low`, in [0.5, 1).

    Raises:
        BadInput: A row or a setting is missing or out of range.
        TrainingError: There is no positive.

    >>> threshold_for_cost([0.9, 0.8, 0.3, 0.1], [1, 0, 1, 0], 5, 120).score
    0.3
    """
    _check_costs(false_positive, false_negative)
    _check_share("confidence", confidence, 0.5 <= confidence < 1)
    table = _table(score, label, weight)
    alarms, misses = table.total - table.positive, table.positive[-1] - table.positive
    cost = (false_positive * alarms + false_negative * misses) / table.total[-1]
    best = int(np.argmin(cost))
    return table.threshold(best, confidence, float(cost[best]))


@dataclass(frozen=True)
class _Table:
    """What each threshold does, from the one that acts on nothing seen down to the one that acts on everything.

    Attributes:
        score: The threshold.
        positive: The weight of the positives acted upon.
        total: The weight of all acted upon.
        precision: Their quotient; 0 where nothing is acted upon.
        worth: How many rows of equal weight it rests on.
        rows: How many rows there are in all.
    """

    score: Array
    positive: Array
    total: Array
    precision: Array
    worth: Array
    rows: int

    def threshold(self, chosen: int, confidence: float, cost: float | None = None) -> Threshold:
        """Return one of them with its evidence."""
        one = slice(chosen, chosen + 1)
        some = self.total[chosen] > 0
        return Threshold(
            score=float(self.score[chosen]),
            precision=float(self.precision[chosen]) if some else None,
            precision_low=float(lower_bound(self.precision[one], self.worth[one], confidence)[0]) if some else None,
            recall=float(self.positive[chosen] / self.positive[-1]),
            acted=float(self.total[chosen] / self.total[-1]),
            cost=cost,
            n=self.rows,
        )


def _table(score: Any, label: Any, weight: Any) -> _Table:
    """Count what each threshold does.

    Raises:
        TrainingError: There is no positive.
    """
    score = finite("score", score)
    label, weight = shares("label", label, len(score)), weights(weight, len(score))
    counts = weight > 0  # a row that does not count must not lend its score
    score, label, weight = score[counts], label[counts], weight[counts]
    found, squared = cuts(score, label, weight), cuts(score, label, weight**2).total
    if found.positive[-1] == 0:
        raise TrainingError(f"no threshold can be learned: none of {len(score)} rows is a positive; hold out a longer time")
    precision = np.minimum(found.positive / found.total, 1.0)
    above = np.nextafter(found.score[0], np.inf)
    sums = (np.append(0.0, column) for column in (found.positive, found.total, precision, effective(found.total, squared)))
    return _Table(np.append(above, found.score), *sums, rows=len(score))


def _unreachable(at_least: float, confidence: float, table: _Table) -> str:
    bounds = lower_bound(table.precision, table.worth, confidence)
    best = int(np.argmax(bounds))
    return (
        f"no threshold has a precision of {at_least:g} with confidence {confidence:g}: the nearest is {table.score[best]:.6g}, where "
        f"{table.precision[best]:.1%} of {table.worth[best]:.0f} rows are positive, which shows {bounds[best]:.1%}; "
        f"ask for less or hold out more rows"
    )


def _check_share(name: str, value: float, right: bool) -> None:
    if not right:
        raise BadInput(f"{name}={value!r}: a share between 0 and 1 is needed, such as 0.95", field=name)


def _check_costs(false_positive: float, false_negative: float) -> None:
    for name, cost in (("false_positive", false_positive), ("false_negative", false_negative)):
        if not 0 < cost < np.inf:
            raise BadInput(f"{name}={cost!r}: a mistake costs something; give an amount above 0", field=name)
