"""Direct, spill-over and total effects where units meet one another, each outcome weighed by how likely its exposure was."""

from __future__ import annotations

from typing import Literal

import numpy as np

from millrace.experiments.comparison import Asked
from millrace.experiments.estimate import Estimate, estimated, finite
from millrace.experiments.exposure import CONDITIONS
from millrace.experiments.metric import PLAIN
from millrace.experiments.reasons import Caution, Reason, Refused
from millrace.types import Array

Effect = Literal["direct", "spill-over", "total"]
"""Of being treated where the neighbours are not; of their being treated where oneself is not; of both: what launching it would do."""

_AGAINST_NEITHER: dict[Effect, int] = {"direct": 2, "spill-over": 1, "total": 3}

MOST_UNITS = 4_000
"""Pairs of units are looked at, so their number is bounded."""


def exposure_effect(
    outcome: Array,
    seen: Array,
    plans: Array,
    effect: Effect = "total",
    *,
    by: Literal["hajek", "horvitz-thompson"] = "hajek",
    every: bool = False,
    fewest: int = 20,
    asked: Asked = PLAIN,
) -> Estimate:
    """Return an effect per unit under interference, in the outcome's unit.

    Units are weighed by one over the chance of what happened to them, so those whose exposure is likely do not count for more. Horvitz–
    Thompson is unbiased and may lie far off; Hájek divides by the weights' sum, is biased a little where few are exposed and varies much
    less. The variance is conservative (too large on average), never the plain one, which is far too small where clusters are treated.

    Args:
        outcome: Of each unit. Shape (n,).
        seen: What happened to each: `exposure.exposed` of the true assignment. Shape (n,).
        plans: What would have happened to each under draws of the same design: `exposed` of `draws` or of `every_plan`. Shape (plans, n).
        effect: "direct" (being treated oneself), "spill-over" (one's neighbours being treated) or "total" (both), against neither.
        by: Which estimator.
        every: Whether `plans` are all there are, equally likely; else they are a sample, and chances are smoothed by one draw.
        fewest: Units that must have met either condition.
        asked: The confidence, the side, the margin.

    Raises:
        Refused: No unit can meet both conditions; too few units met one; there are too many units; an outcome is no number.

    Source: Aronow & Samii (2017), Estimating Average Causal Effects under General Interference, equations 4 to 11 and section 6.
    """
    finite("the outcome", outcome)
    if len(outcome) > MOST_UNITS:
        raise Refused(Reason.OUT_OF_BOUNDS, f"{len(outcome)} units make too many pairs: pass a random {MOST_UNITS} of them", "outcome")
    one = _AGAINST_NEITHER[effect]
    able = (plans == one).any(axis=0) & (plans == 0).any(axis=0)
    conditions = f"{CONDITIONS[one]!r} and {CONDITIONS[0]!r}"
    if not able.any():
        said = f"no unit can meet both {conditions} under this design"
        raise Refused(Reason.NO_SUPPORT, f"{said}: assign egos apart from their neighbours (`ego_clusters`)", "plans")
    treatment, control = (_Condition(outcome[able], seen[able], plans[:, able], which, every, by) for which in (one, 0))
    for condition in (treatment, control):
        if len(condition.rows) < max(fewest, 1):
            said = f"{len(condition.rows)} units met the condition {condition.name!r}, and {fewest} are the fewest to take an error from"
            raise Refused(Reason.FEW_UNITS, f"{said}: treat more clusters, or call fewer treated neighbours enough", "seen")
    variance = treatment.variance() + control.variance() - 2 * treatment.covariance(control)
    cautions: tuple[Caution, ...] = ()
    if not able.all():
        said = f"{int((~able).sum())} of {len(able)} units could not meet both {conditions}: the figure speaks of the others alone"
        cautions = (Caution(Reason.NO_SUPPORT, said),)
    error = float(np.sqrt(max(variance, 0.0)) / able.sum())
    return estimated(treatment.mean - control.mean, error, float("inf"), f"{effect} effect by exposure, {by}", asked, cautions)


class _Condition:
    """One condition: who met it, what they did, and how likely that was, alone and together with others.

    Attributes:
        name: The condition's.
        rows: The units that met it.
        mean: What the outcome would be on average if all met it.
    """

    def __init__(self, outcome: Array, seen: Array, plans: Array, which: int, every: bool, by: str) -> None:
        self.name = CONDITIONS[which]
        self._met, self._every = (plans == which).astype(np.float32), every
        self._both = self._pairs(self)
        self._chance = np.diag(self._both)
        self.rows = np.flatnonzero(seen == which)
        weight = 1 / self._chance[self.rows]
        total = len(outcome) if by == "horvitz-thompson" else max(weight.sum(), 1.0)
        self.mean = float(weight @ outcome[self.rows] / total)
        self._left = weight * (outcome[self.rows] - (0.0 if by == "horvitz-thompson" else self.mean))

    def variance(self) -> float:
        """Return the conservative variance of the weighed sum: pairs that can never both meet it are bounded by their squares."""
        chance, seen = self._chance[self.rows], self._both[np.ix_(self.rows, self.rows)]
        shared = np.where(seen > 0, 1 - np.outer(chance, chance) / np.where(seen > 0, seen, 1.0), 0.0)
        np.fill_diagonal(shared, 1 - chance)
        return float(self._left @ shared @ self._left) + self._never(self._both)

    def covariance(self, other: _Condition) -> float:
        """Return the least that the covariance of two conditions' weighed sums is estimated to be."""
        both = self._pairs(other)
        seen = both[np.ix_(self.rows, other.rows)]
        chances = np.outer(self._chance[self.rows], other._chance[other.rows])
        shared = np.where(seen > 0, 1 - chances / np.where(seen > 0, seen, 1.0), 0.0)
        return float(self._left @ shared @ other._left) - (self._never(both) + other._never(both.T)) / 2

    def _pairs(self, other: _Condition) -> Array:
        """Return the chance that i meets this condition while j meets the other. Shape (n, n)."""
        counts = (self._met.T @ other._met).astype(np.float64)
        if self._every:
            return counts / len(self._met)
        return (counts + (np.eye(len(counts)) if other is self else 0.0)) / (len(self._met) + 1)

    def _never(self, both: Array) -> float:
        """Return the sum of this condition's squares over the pairs that cannot be: Young's inequality."""
        return float(((both[self.rows] == 0).sum(axis=1) * self._left**2 * self._chance[self.rows]).sum())
