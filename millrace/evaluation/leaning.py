"""Whether a few choices carry an estimate so much that its symmetric interval is too short on one side: rare rewards, heavy weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import special

from millrace.evaluation.judging import Judging
from millrace.evaluation.reasons import Caution, Reason
from millrace.types import Array

_MOST_OFF = 0.01
"""By how much the chance to miss the truth on one side may be off."""
_SYMMETRIC = ("student", "normal")
_TOLD = (Reason.FEW_EVENTS, Reason.NO_VARIANCE)


def leaning(moved: Array, how: Judging, told: Sequence[Caution] = ()) -> tuple[Caution, ...]:
    """Return a caution where the next term of the estimate's expansion beside the normal says that one side's chance to miss is off.

    Rare rewards, heavy weights and their product all show in it: of rewards of one size and weight some 100 are enough. Where few rewards
    are unusual at all, that was told already. Its weakness: it is told from what was seen, and says about two thirds of what was found in
    simulated logs.

    Args:
        moved: By how much the estimate would move without each unit. Shape (units,).
        how: The interval: only a symmetric one is too short on one side.
        told: What was told already.

    Source: Hall (1992), The Bootstrap and Edgeworth Expansion, 2.6.

    >>> few = np.repeat([1.0, -0.01], [40, 4000])
    >>> leaning(few, Judging())[0].said[:86]
    'Few choices carry it: its interval is too short upwards, where it misses in 3.8% of th'
    >>> leaning(np.repeat([1.0, -1.0], 2000), Judging())
    ()
    """
    spread = float(np.square(moved).sum())
    if how.interval not in _SYMMETRIC or not spread > 0 or any(one.reason in _TOLD for one in told):
        return ()
    lean, z = float((moved**3).sum() / spread**1.5), float(special.ndtri(0.5 + how.confidence / 2))
    off = abs(lean) * (2 * z**2 + 1) / 6 * float(np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi))
    if off <= _MOST_OFF:
        return ()
    tail = (1 - how.confidence) / 2
    rate, side = min(tail + off, 0.5), "upwards" if lean > 0 else "downwards"
    said = f"Few choices carry it: its interval is too short {side}, where it misses in {rate:.1%} of the cases or more, not in {tail:.1%}"
    return (Caution(Reason.SKEWED, f"{said}; ask for the studentised interval, or log more."),)
