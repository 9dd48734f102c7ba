"""What a comparison of two arms says: figures, an interval, a p-value that never underflows, and what must be known of them."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np
from scipy import special

from millrace.experiments.reasons import Caution

Alternative = Literal["two-sided", "greater", "less"]
"""What is to be shown of treatment - control: that it is not 0, above 0, or below 0."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """How two arms are compared.

    Attributes:
        confidence: How often the interval holds the truth, in (0, 1).
        alternative: What is to be shown. One-sided intervals are open to the other side (infinite).
        beyond: The difference the hypothesis allows, in the metric's unit; 0 but for non-inferiority.
        relative_by: How the interval of the relative difference is made: "delta" (symmetric about it) or "log" (of the ratio's logarithm,
            never below -100 %; only where both arms are above 0). They differ where the control is known badly, and are never mixed.
    """

    confidence: float = 0.95
    alternative: Alternative = "two-sided"
    beyond: float = 0.0
    relative_by: Literal["delta", "log"] = "delta"


class Arm(msgspec.Struct, frozen=True, kw_only=True):
    """One arm's figure.

    Attributes:
        name: The arm.
        value: The metric's value, in its unit.
        variance: The variance of that value as an estimate (its squared standard error).
        units: How many units it rests on.
        df: The degrees of freedom of `variance`; infinite where it is taken for known.
    """

    name: str
    value: float
    variance: float
    units: int
    df: float


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A metric in two arms.

    Attributes:
        metric: The metric's name.
        control: The control's figure.
        treatment: The treatment's.
        method: How they were compared, in the field's words: "Welch", "CUPED", "mixture SPRT".
        difference: treatment - control, in the metric's unit; where an adjustment moved it, the adjusted one.
        error: Its standard error; NaN where the method has none.
        low: The lower end of its interval; None where the method gives none.
        high: The upper end.
        relative: The difference as a part of the control's value; None where that is 0 or changes sign.
        relative_low: The lower end of its interval.
        relative_high: The upper end.
        relative_by: How that interval was made; see `Asked`.
        p_value: The chance of a difference at least as large if there is none; 0 only where it underflows: see `log_p`.
        log_p: Its natural logarithm, which does not underflow.
        confidence: Of the intervals.
        controls: What the method keeps to its level, in words: "the chance of a false alarm at one look", "... at any number of looks".
        cautions: What must be known of the figures.
    """

    metric: str
    control: Arm
    treatment: Arm
    method: str
    difference: float
    error: float
    low: float | None
    high: float | None
    relative: float | None = None
    relative_low: float | None = None
    relative_high: float | None = None
    relative_by: str = "delta"
    p_value: float
    log_p: float
    confidence: float
    controls: str
    cautions: tuple[Caution, ...] = ()

    @property
    def is_significant(self) -> bool:
        """Whether the hypothesis is rejected at the level 1 - confidence."""
        return self.log_p <= np.log1p(-self.confidence)


AT_ONE_LOOK = "the chance of a false alarm at one look, planned beforehand"
AT_ANY_LOOK = "the chance of a false alarm over any number of looks, whenever one stops"


def log_tail(z: float, df: float = float("inf")) -> float:
    """Return the logarithm of the chance that Student's t (the normal, for infinite df) is at least z. It never underflows.

    Where the chance itself would be 0, its logarithm is taken of the incomplete beta function's series.

    >>> round(log_tail(1.959963984540054), 6) == round(float(np.log(0.025)), 6)
    True
    >>> round(log_tail(50.0))
    -1255
    """
    if np.isinf(df):
        return float(special.log_ndtr(-z))
    tail = special.stdtr(df, -z)
    if tail > 1e-290 or z < 0:
        return float(np.log(tail))
    x = df / (df + z * z)  # the tail is half the regularised incomplete beta function of x, whose series is short where x is small
    logs = special.betaln(df / 2, 0.5)
    series = special.hyp2f1(df / 2, 0.5, df / 2 + 1, x)
    return float(df / 2 * np.log(x) - np.log(df / 2) - logs + np.log(series) - np.log(2))


def chance(z: float, df: float, alternative: Alternative) -> tuple[float, float]:
    """Return (p, ln p) of a difference of z standard errors.

    >>> p, log_p = chance(-3.0, 10.0, "two-sided")
    >>> round(p, 6), round(float(np.exp(log_p)), 6)
    (0.013344, 0.013344)
    """
    if alternative == "two-sided":
        log_p = min(log_tail(abs(z), df) + float(np.log(2)), 0.0)
    else:
        log_p = log_tail(z if alternative == "greater" else -z, df)
    return float(np.exp(log_p)), log_p


def reach(asked: Asked, df: float = float("inf")) -> tuple[float, float]:
    """Return how many standard errors an interval reaches (below, above); infinite to the side that is not asked about.

    >>> low, high = reach(Asked(alternative="greater"))
    >>> round(low, 3), high
    (1.645, inf)
    """
    alpha = 1 - asked.confidence
    if asked.alternative == "two-sided":
        half = quantile(1 - alpha / 2, df)
        return half, half
    one = quantile(1 - alpha, df)
    return (one, float("inf")) if asked.alternative == "greater" else (float("inf"), one)


def quantile(p: float, df: float) -> float:
    """Return the quantile of Student's t, or of the normal for infinite df."""
    return float(special.ndtri(p) if np.isinf(df) else special.stdtrit(df, p))
