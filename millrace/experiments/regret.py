"""What trying costs: regret, and the least of it that any rule must pay which learns."""

from __future__ import annotations

import numpy as np

from millrace.experiments.reasons import Reason, Refused
from millrace.models.change_point import bernoulli_kl
from millrace.types import Array


def regret(best: Array, taken: Array) -> Array:
    """Return the regret up to and with each round: by how much what was taken was worth less than the best there was. Shape (n,).

    It needs the truth, so it is for worlds and replays, not for a log; expected values, not outcomes, keep chance out of it.

    Args:
        best: What the best candidate was worth, in expectation. Shape (n,).
        taken: What the candidate taken was. Shape (n,).

    Raises:
        Refused: A worth is no number.

    >>> regret(np.array([0.5, 0.5, 0.5]), np.array([0.2, 0.5, 0.4])).round(6).tolist()
    [0.3, 0.3, 0.4]
    """
    best, taken = np.asarray(best, dtype=np.float64), np.asarray(taken, dtype=np.float64)
    if not (np.isfinite(best).all() and np.isfinite(taken).all()):
        raise Refused(Reason.NOT_A_NUMBER, "what a candidate was worth is not a number in some rounds: leave those out of both")
    return np.cumsum(best - taken)


def lai_robbins(means: Array) -> float:
    """Return the slope, in regret per unit of log rounds, below which no rule stays for long that learns whatever the means are.

    It is a bound for many rounds: in few, what is still to be learned costs less.

    Args:
        means: The chance of each arm's success, in [0, 1]. Shape (k,).

    Raises:
        Refused: A mean is no chance, or all are alike, so that nothing is lost by anything.

    Source: Lai & Robbins (1985), Asymptotically Efficient Adaptive Allocation Rules.

    >>> round(lai_robbins(np.array([0.5, 0.4])), 6)
    4.96635
    """
    means = np.asarray(means, dtype=np.float64)
    if not len(means) or not ((means >= 0) & (means <= 1)).all():
        raise Refused(Reason.NOT_A_NUMBER, "the means are chances of success: give numbers in [0, 1]")
    gaps = means.max() - means
    if not (gaps > 0).any():
        raise Refused(Reason.NO_VARIANCE, "all means are alike, so nothing is lost by taking any: there is no bound to state")
    worse = gaps > 0
    return float((gaps[worse] / bernoulli_kl(means[worse], means.max())).sum())
