"""The guard of a canary: is the new release worse than the champion beside it?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from millrace.experiments.effect import Effect, effect
from millrace.types import Array, Columns

_LEAST = 200
_LEAST_UNITS = 10
"""How many rows, by how many units, each side must have: of fewer units nobody can say how much they vary."""
_EARLY = 4.0
"""How many standard errors worse roll a canary back while a step is still being watched: looked at often, so far out."""
_DUE = 2.3
"""How many at the end of a step, looked at once."""
_MISSES = 0.05
"""How much larger the share of fallbacks may be."""
_TIMES = 3.0
"""How many times larger or smaller the share of an action may be, if it also differs by more than these:"""
_MORE, _LESS = 0.05, 0.01
"""A version that has learned of a new attack stops what the one before it let through, some hundredths of all; between others shares
differ by a third. None turns away a tenth more, and none leaves alone what was acted on so far."""


@dataclass(frozen=True)
class Opinion:
    """What the guard thinks of a canary.

    Attributes:
        healthy: Whether it may go on.
        reason: What was seen.
        founded: Whether enough was seen to judge it.
    """

    healthy: bool
    reason: str
    founded: bool


def judge_canary(rows: Columns, reward: Array | None, unit: Array, due: bool) -> Opinion:
    """Compare a canary with the champion on what they decided side by side.

    Three things are compared: the share of decisions that had to fall back, the share of each action, which shows at once what outcomes
    show after weeks, and the mean reward of the rows whose outcome is known.

    Args:
        rows: Taken rows: `arm` ("canary..." or "champion..."), `fell_back` (boolean) and `action`. Shape (n,).
        reward: What each row brought, more being better; NaN while it is open. None where nobody has said what is good. Shape (n,).
        unit: Who was assigned. Shape (n,).
        due: Whether the step has been watched for its full time.
    """
    canary = np.array([str(arm).split("/")[0] == "canary" for arm in rows["arm"].tolist()], dtype=bool)
    if not _enough(canary, unit):
        return Opinion(True, f"{int(canary.sum())} rows decided by the canary: too few to judge", False)
    limit = _DUE if due else _EARLY
    fallbacks = effect(unit, canary, rows["fell_back"].astype(np.float64))
    if fallbacks.difference > _MISSES and _errors(fallbacks) > limit:
        return Opinion(False, f"it falls back in {fallbacks.treatment:.1%} of rows, the champion in {fallbacks.control:.1%}", True)
    for action in np.unique(rows["action"].astype(str)).tolist():
        if otherwise := _acts_otherwise(action, rows["action"] == action, canary, unit, limit):
            return Opinion(False, otherwise, True)
    if reward is None:
        return Opinion(True, "it answers and acts as the champion does", True)
    known = ~np.isnan(reward)
    if not _enough(canary[known], unit[known]):
        return Opinion(True, "it answers as the champion does; too few outcomes are known yet", False)
    seen = effect(unit[known], canary[known], reward[known])
    shown = f"the outcome's mean is {seen.treatment:.4f}, the champion's {seen.control:.4f} ({_errors(seen):+.1f} standard errors)"
    return Opinion(_errors(seen) > -limit, shown, True)


def _acts_otherwise(action: str, taken: Array, canary: Array, unit: Array, limit: float) -> str:
    """Return in what an action's share is far from the champion's, "" where it is not."""
    own, other = float(taken[canary].mean()), float(taken[~canary].mean())
    more, less = max(own, other), min(own, other)
    near = more - less <= (_MORE if own > other else _LESS) or more <= _TIMES * less
    if near or _from_alike(taken, canary, unit) <= limit:
        return ""
    return f"it takes {action!r} in {own:.1%} of rows, the champion in {other:.1%}"


def _from_alike(taken: Array, canary: Array, unit: Array) -> float:
    """Return how many standard errors two shares differ, the errors being those of two sides that are alike.

    Each side's own would be 0 on the side that never took a rare action, and make chance look like proof.
    """
    _, code = np.unique(unit.astype(str), return_inverse=True)
    beyond = np.bincount(code, weights=taken - taken.mean())  # of a unit's rows together: they are not independent
    of_a_row = float((beyond**2).sum()) / len(taken)
    error = math.sqrt(of_a_row * (1 / canary.sum() + 1 / (~canary).sum()))
    return abs(float(taken[canary].mean() - taken[~canary].mean())) / error


def _enough(canary: Array, unit: Array) -> bool:
    sides = (canary, ~canary)
    return all(side.sum() >= _LEAST and len(set(unit[side].tolist())) >= _LEAST_UNITS for side in sides)


def _errors(found: Effect) -> float:
    """Return a difference in standard errors; without bounds where neither side varies, such as one that always falls back."""
    return found.z if found.error > 0 or found.difference == 0 else math.copysign(math.inf, found.difference)
