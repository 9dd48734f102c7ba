"""One figure with its error and interval: what designs answer that do not compare two arms of units."""

from __future__ import annotations

import msgspec
import numpy as np

from millrace.experiments.comparison import AT_ONE_LOOK, Asked, chance, reach
from millrace.experiments.metric import PLAIN
from millrace.experiments.reasons import Caution, Reason, Refused


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """An estimated figure.

    Attributes:
        value: The figure, in the unit of what was measured.
        error: Its standard error.
        df: The error's degrees of freedom; infinite where it is taken for known.
        low: The lower end of its interval.
        high: The upper end.
        p_value: The chance of a figure at least as far from what was to be refuted; 0 only where it underflows: see `log_p`.
        log_p: Its natural logarithm, which does not underflow.
        confidence: Of the interval.
        method: How it was found, in the field's words.
        controls: What the method keeps to its level, in words.
        cautions: What must be known of the figure.
    """

    value: float
    error: float
    df: float
    low: float
    high: float
    p_value: float
    log_p: float
    confidence: float
    method: str
    controls: str = AT_ONE_LOOK
    cautions: tuple[Caution, ...] = ()

    @property
    def is_significant(self) -> bool:
        """Whether the hypothesis is rejected at the level 1 - confidence."""
        return self.log_p <= np.log1p(-self.confidence)


def estimated(value: float, error: float, df: float, method: str, asked: Asked = PLAIN, cautions: tuple[Caution, ...] = ()) -> Estimate:
    """Return a figure that is near enough to normal about the truth, with its interval and p-value.

    Raises:
        Refused: The error is 0, or no number: nothing says how far chance would move the figure.

    >>> found = estimated(2.0, 1.0, float("inf"), "by hand")
    >>> round(found.low, 3), round(found.high, 3), round(found.p_value, 4)
    (0.04, 3.96, 0.0455)
    """
    if not error > 0 or not np.isfinite(value + error):
        said = f"{method}: the standard error is {error:.3g}, so nothing says how far chance would move the figure"
        raise Refused(Reason.NO_VARIANCE, f"{said}; read it over a longer time or of more units")
    p_value, log_p = chance((value - asked.beyond) / error, df, asked.alternative)
    below, above = reach(asked, df)
    return Estimate(
        value=float(value),
        error=float(error),
        df=float(df),
        low=float(value - below * error),
        high=float(value + above * error),
        p_value=p_value,
        log_p=log_p,
        confidence=asked.confidence,
        method=method,
        cautions=cautions,
    )


def finite(name: str, *columns: np.ndarray) -> None:
    """Refuse values that are no numbers.

    Raises:
        Refused: A column holds NaN or an infinity.
    """
    for column in columns:
        if not np.isfinite(column).all():
            at = int(np.argmin(np.isfinite(np.ravel(column))))
            raise Refused(Reason.NOT_A_NUMBER, f"{name} is no number in place {at}: leave such rows out, or say what they count as", name)
