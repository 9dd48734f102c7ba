"""The winner's curse: an effect that was picked for being significant looks larger than it is. What it is worth after that."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import special

from millrace.errors import BadInput
from millrace.experiments.comparison import Alternative
from millrace.experiments.reasons import Reason, Refused
from millrace.experiments.root import root
from millrace.types import Array


class Corrected(NamedTuple):
    """An effect after correction for its selection.

    Attributes:
        estimate: The most likely effect, given that it was selected.
        median: The effect that would be exceeded half of the time (median-unbiased), given that it was selected.
        low: The lower end of its interval, which holds the truth with the confidence among those selected.
        high: The upper end.
        assumes: What it rests on, in one sentence.
    """

    estimate: float
    median: float
    low: float
    high: float
    assumes: str


def after_selection(
    difference: float, error: float, threshold: float = 1.959963984540054, alternative: Alternative = "two-sided", confidence: float = 0.95
) -> Corrected:
    """Return what an effect is worth that is only looked at because it was significant.

    The likelihood is that of a normal cut off at the threshold. Far beyond the threshold nothing changes; just beyond it the correction
    is large and the interval long, to a side without end for one-sided tests, as then the data hardly say more than that it was selected.
    It is for one look: an effect that stopped a sequential test is corrected by `stagewise`.

    Args:
        difference: In the metric's unit.
        error: Its standard error, above 0.
        threshold: How many standard errors made it significant, above 0.
        alternative: The test's side.
        confidence: In (0, 1).

    Raises:
        BadInput: It was not significant, so there is nothing to correct.

    Source: Zhong & Prentice (2008), Bias-Reduced Estimators and Confidence Intervals for Odds Ratios in Genome-Wide Association Studies.

    >>> found = after_selection(2.5, 1.0)
    >>> round(found.estimate, 3), round(found.median, 3)
    (1.138, 1.543)
    """
    if not (error > 0 and threshold > 0 and 0 < confidence < 1):
        raise BadInput(f"error={error}, threshold={threshold}, confidence={confidence}: above 0, and confidence below 1")
    side = -1.0 if alternative == "less" or (alternative == "two-sided" and difference < 0) else 1.0
    z, both = side * difference / error, alternative == "two-sided"
    if not z >= threshold:
        raise BadInput(f"{z:.3g} standard errors do not reach {threshold:.3g}: it was not selected, so nothing is to be corrected")

    def beyond(mean: float) -> float:
        return float(special.log_ndtr(mean - z) - _log_selected(mean, threshold, both=both))

    alpha = 1 - confidence
    ends = sorted(side * error * _crossing(beyond, np.log(tail), z) for tail in (alpha / 2, 1 - alpha / 2))
    likely = _crossing(lambda mean: _mean_selected(mean, threshold, both=both), z, z)
    said = "it was selected by this threshold alone, at one look, and its estimate is normal with a known error"
    return Corrected(side * error * likely, side * error * _crossing(beyond, np.log(0.5), z), ends[0], ends[1], said)


def sum_of_winners(difference: Array, error: Array, threshold: float = 1.959963984540054) -> tuple[float, float]:
    """Return (the plain sum of the effects that were significantly above 0, the sum corrected for their selection).

    What a year's launches have brought together is overstated by the plain sum. How likely each was to be selected by luck is told from
    its own estimate, so a part of the bias stays. All experiments must be given, also those that were not selected.

    Args:
        difference: Of all experiments, in one unit. Shape (n,).
        error: Their standard errors, above 0. Shape (n,).
        threshold: How many standard errors made them significant.

    Raises:
        Refused: A difference is no number, or an error not above 0.

    Source: Lee & Shen (2018), Winner's Curse: Bias Estimation for Total Effects of Features in Online Controlled Experiments.

    >>> plain, corrected = sum_of_winners(np.array([3.0, 2.0, 0.5]), np.array([1.0, 1.0, 1.0]))
    >>> round(plain, 3), round(corrected, 3)
    (5.0, 4.232)
    """
    difference, error = np.asarray(difference, dtype=np.float64), np.asarray(error, dtype=np.float64)
    if not (np.isfinite(difference) & (error > 0) & np.isfinite(error)).all():
        said = "every experiment needs a difference that is a number, and a standard error above 0: leave out what was never read"
        raise Refused(Reason.NOT_A_NUMBER, said, "error")
    z = difference / error
    plain = float(difference[z > threshold].sum())
    density = np.exp(-((threshold - z) ** 2) / 2) / np.sqrt(2 * np.pi)
    return plain, plain - float((error * density).sum())


def _log_selected(mean: float, threshold: float, *, both: bool) -> float:
    """Return the logarithm of the chance that a normal with this mean is selected."""
    up = special.log_ndtr(mean - threshold)
    return float(np.logaddexp(up, special.log_ndtr(-mean - threshold)) if both else up)


def _mean_selected(mean: float, threshold: float, *, both: bool) -> float:
    """Return the mean of those selected; it rises with the mean of all."""
    logs = -((threshold - np.array([mean, -mean])) ** 2) / 2 - np.log(2 * np.pi) / 2 - _log_selected(mean, threshold, both=both)
    up, down = np.exp(logs)
    return float(mean + up - (down if both else 0.0))


def _crossing(rising: Callable[[float], float], level: float, start: float) -> float:
    """Return where a rising function crosses a level, looked for about a start in growing steps."""
    low, high = start - 1.0, start + 1.0
    while rising(low) > level:
        low -= 2 * (high - low)
        if low < -1e8:
            return -np.inf
    while rising(high) < level:
        high += 2 * (high - low)
    return root(lambda mean: rising(mean) - level, low, high)
