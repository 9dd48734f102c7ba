"""The guard of a canary: is the new release worse than the champion beside it?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millrace.experiments.effect import effect
from millrace.types import Array, Columns

_LEAST = 200
_EARLY = 4.0
"""How many standard errors worse roll a canary back while a step is still being watched: looked at often, so far out."""
_DUE = 2.3
"""How many at the end of a step, looked at once."""
_MISSES = 0.05
"""How much larger the share of fallbacks may be."""


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


def judge_canary(rows: Columns, reward: Array, unit: Array, due: bool) -> Opinion:
    """Compare a canary with the champion on what they decided side by side.

    Two things are compared: the share of decisions that had to fall back, and the mean reward of the rows whose outcome is known.

    Args:
        rows: Taken rows: `arm` ("canary..." or "champion...") and `fell_back` (boolean). Shape (n,).
        reward: The primary outcome, NaN while it is open. Shape (n,).
        unit: Who was assigned. Shape (n,).
        due: Whether the step has been watched for its full time.
    """
    canary = np.array([str(arm).split("/")[0] == "canary" for arm in rows["arm"].tolist()], dtype=bool)
    if canary.sum() < _LEAST or (~canary).sum() < _LEAST:
        return Opinion(True, f"{int(canary.sum())} rows decided by the canary: too few to judge", False)
    limit = _DUE if due else _EARLY
    fallbacks = effect(unit, canary, rows["fell_back"].astype(np.float64))
    if fallbacks.difference > _MISSES and fallbacks.z > limit:
        return Opinion(False, f"it falls back in {fallbacks.treatment:.1%} of rows, the champion in {fallbacks.control:.1%}", True)
    known = ~np.isnan(reward)
    if min((known & canary).sum(), (known & ~canary).sum()) < _LEAST:
        return Opinion(True, "it answers as the champion does; too few outcomes are known yet", False)
    seen = effect(unit[known], canary[known], reward[known])
    shown = f"the outcome's mean is {seen.treatment:.4f}, the champion's {seen.control:.4f} ({seen.z:+.1f} standard errors)"
    return Opinion(seen.z > -limit, shown, True)
