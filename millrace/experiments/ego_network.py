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


class Chances:
    """How likely units are to meet conditions, alone and two at a time: the design's alone, so one object serves all that is measured.

    Args:
        plans: What would happen to each unit under draws of the design: `exposed` of `draws` or of `every_plan`. Shape (plans, n).
        every: Whether these are all plans there are, equally likely; else they are a sample, and chances are smoothed by one draw.

    Attributes:
        n: How many units there are.
        ever: Whether a unit can meet a condition at all. Shape (conditions, n).

    Raises:
        Refused: There are too many units.
    """

    def __init__(self, plans: Array, every: bool = False) -> None:
        self.n = plans.shape[1]
        if self.n > MOST_UNITS:
            raise Refused(Reason.OUT_OF_BOUNDS, f"{self.n} units make too many pairs: pass a random {MOST_UNITS} of them", "plans")
        self._plans, self._every = plans, every
        self._pairs: dict[tuple[int, int], Array] = {}
        self.ever = np.array([(plans == condition).any(axis=0) for condition in range(len(CONDITIONS))])

    def pairs(self, one: int, other: int) -> Array:
        """Return the chance that unit i meets one condition while unit j meets the other. Shape (n, n)."""
        if (one, other) not in self._pairs:
            met, beside = ((self._plans == each).astype(np.float32) for each in (one, other))
            counts = (met.T @ beside).astype(np.float64)
            drawn = 0 if self._every else 1
            self._pairs[one, other] = (counts + drawn * (one == other) * np.eye(self.n)) / (len(met) + drawn)
        return self._pairs[one, other]


def exposure_effect(
    outcome: Array,
    seen: Array,
    chances: Chances | Array,
    effect: Effect = "total",
    *,
    by: Literal["hajek", "horvitz-thompson"] = "hajek",
    fewest: int = 20,
    asked: Asked = PLAIN,
) -> Estimate:
    """Return an effect per unit under interference, in the outcome's unit.

    Units are weighed by one over the chance of what happened to them, so those whose exposure is likely do not count for more. Horvitz–
    Thompson is unbiased and may lie far off; Hájek divides by the weights' sum, is biased a little where few are exposed and varies much
    less; as a mean is fitted to each condition, its residuals are scaled up as HC2's are. The variance is conservative (too large on
    average), never the plain one, which is far too small where clusters are treated; it is read with the degrees of freedom of the units
    that met either condition, each for as many as its weight.

    Args:
        outcome: Of each unit. Shape (n,).
        seen: What happened to each: `exposure.exposed` of the true assignment. Shape (n,).
        chances: Of each condition under the same design; an array is `Chances` of it. Shape (plans, n).
        effect: "direct" (being treated oneself), "spill-over" (one's neighbours being treated) or "total" (both), against neither.
        by: Which estimator.
        fewest: Units that must have met either condition.
        asked: The confidence, the side, the margin.

    Raises:
        Refused: No unit can meet both conditions; too few units met one; there are too many units; an outcome is no number.

    Source: Aronow & Samii (2017), Estimating Average Causal Effects under General Interference, equations 4 to 11 and section 6.
    """
    finite("the outcome", outcome)
    chances = chances if isinstance(chances, Chances) else Chances(chances)
    one = _AGAINST_NEITHER[effect]
    able = chances.ever[one] & chances.ever[0]
    conditions = f"{CONDITIONS[one]!r} and {CONDITIONS[0]!r}"
    if not able.any():
        said = f"no unit can meet both {conditions} under this design"
        raise Refused(Reason.NO_SUPPORT, f"{said}: assign egos apart from their neighbours (`ego_clusters`)", "plans")
    treatment, control = (_Condition(outcome, np.where(able, seen, -1), chances, able, which, by) for which in (one, 0))
    for condition in (treatment, control):
        if len(condition.rows) < max(fewest, 1):
            said = f"{len(condition.rows)} units met the condition {CONDITIONS[condition.which]!r}, and {fewest}"
            said = f"{said} are the fewest to take an error from"
            raise Refused(Reason.FEW_UNITS, f"{said}: treat more clusters, or call fewer treated neighbours enough", "seen")
    parts = treatment.variance(), control.variance()
    variance = sum(parts) - 2 * treatment.covariance(control)
    df = sum(parts) ** 2 / max(sum(v**2 / max(c.worth - 1, 1) for v, c in zip(parts, (treatment, control), strict=True)), 1e-300)
    cautions: tuple[Caution, ...] = ()
    if not able.all():
        said = f"{int((~able).sum())} of {len(able)} units could not meet both {conditions}: the figure speaks of the others alone"
        cautions = (Caution(Reason.NO_SUPPORT, said),)
    error = float(np.sqrt(max(variance, 0.0)) / able.sum())
    return estimated(treatment.mean - control.mean, error, max(df, 1.0), f"{effect} effect by exposure, {by}", asked, cautions)


class _Condition:
    """One condition: who met it, what they did, and how likely that was, alone and together with others.

    Attributes:
        which: Its place in `CONDITIONS`.
        rows: The units that met it.
        mean: What the outcome would be on average if all met it.
        worth: How many units of one weight those that met it are worth.
    """

    def __init__(self, outcome: Array, seen: Array, chances: Chances, able: Array, which: int, by: str) -> None:
        self.which, self._chances, self._able = which, chances, able
        self.rows = np.flatnonzero(seen == which)
        self._chance = np.diag(chances.pairs(which, which))[self.rows]
        weight = 1 / self._chance
        whole = max(weight.sum(), 1.0)
        self.worth = float(whole**2 / max((weight**2).sum(), 1.0))
        self.mean = float(weight @ outcome[self.rows] / (able.sum() if by == "horvitz-thompson" else whole))
        self._left = weight * outcome[self.rows]
        if by == "hajek":
            self._left = weight * (outcome[self.rows] - self.mean) / np.sqrt(np.maximum(1 - weight / whole, 1e-12))

    def variance(self) -> float:
        """Return the conservative variance of the weighed sum: pairs that can never both meet it are bounded by their squares."""
        shared = self._shared(self)
        np.fill_diagonal(shared, 1 - self._chance)
        return float(self._left @ shared @ self._left) + self._never(self)

    def covariance(self, other: _Condition) -> float:
        """Return the least that the covariance of two conditions' weighed sums is estimated to be."""
        return float(self._left @ self._shared(other) @ other._left) - (self._never(other) + other._never(self)) / 2

    def _shared(self, other: _Condition) -> Array:
        """Return by how much the units' meetings go together, for those that met either; 0 for pairs that cannot be."""
        seen = self._chances.pairs(self.which, other.which)[np.ix_(self.rows, other.rows)]
        return np.where(seen > 0, 1 - np.outer(self._chance, other._chance) / np.where(seen > 0, seen, 1.0), 0.0)

    def _never(self, other: _Condition) -> float:
        """Return the sum of this condition's squares over the pairs that cannot be: Young's inequality."""
        never = (self._chances.pairs(self.which, other.which)[self.rows] == 0) & self._able
        return float((never.sum(axis=1) * self._left**2 * self._chance).sum())
