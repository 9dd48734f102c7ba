"""From the terms of an estimator to the value of a policy with its interval: every one here is a sum of ratios of sums over units."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from scipy import special

from millrace.errors import BadInput
from millrace.evaluation.inputs import whole
from millrace.evaluation.judging import Judging, Overlap, PolicyValue
from millrace.evaluation.leaning import leaning
from millrace.evaluation.logged_choices import Choices
from millrace.evaluation.reasons import Caution, Reason, Refused
from millrace.types import Array

Ratio = tuple[Array, Array]
"""A numerator and a denominator per choice (or unit): the sums are divided. A mean has a denominator of ones."""

Span = Callable[[float, float, float], float]
"""From the greatest weight, the least and the greatest reward to how far two terms of a mean can lie apart."""


def ones(choices: Choices) -> Array:
    """Return the denominator of a mean over the choices."""
    return np.ones(len(choices.reward))


def judged(
    estimator: str,
    terms: Sequence[Ratio],
    choices: Choices,
    how: Judging,
    *,
    seen: Overlap | None,
    heaviest: float | None = None,
    span: Span | None = None,
    bias: tuple[float, float] | None = None,
    cautions: tuple[Caution, ...] = (),
) -> PolicyValue:
    """Return the sum of ratios with its interval.

    Args:
        estimator: Its name.
        terms: The ratios, per choice.
        choices: What was logged.
        how: How it is judged.
        seen: The overlap, where weights are used.
        heaviest: The greatest weight there can be, where the estimator limits it itself.
        span: How far its terms can lie apart, where it is a plain mean of bounded terms.
        bias: Of the value, where weights were cut.
        cautions: What must be known.

    Raises:
        Refused: There is one unit: nothing tells how far chance moves the estimate.
        BadInput: A setting is out of range, or the interval asked for does not fit the estimator.
    """
    if not 0 < how.confidence < 1:
        raise BadInput(f"confidence={how.confidence!r}: must lie between 0 and 1, such as 0.95", field="confidence")
    totals = [(choices.per_unit(above), choices.per_unit(below)) for above, below in terms]
    n = len(totals[0][0])
    if n < 2:
        raise Refused(Reason.FEW_UNITS, "there is one unit: nothing tells how far chance moves the estimate; judge on at least two")
    value, error = _value(totals), _error(totals)
    if how.interval == "bernstein":
        low, high = _bernstein(terms, choices, how, heaviest, span)
    else:
        low, high = _interval(totals, value, error, how, seen.effective_units if seen is not None else n)
    return PolicyValue(
        estimator=estimator,
        value=value,
        standard_error=error,
        low=float(low),
        high=float(high),
        confidence=how.confidence,
        interval=how.interval,
        n=len(choices.reward),
        units=n,
        overlap=seen,
        bias=bias,
        cautions=(*cautions, *leaning(_moved(totals, np.ones(n)), how, cautions)),
    )


def _interval(totals: Sequence[Ratio], value: float, error: float, how: Judging, units: float) -> tuple[float, float]:
    """Return the interval of a sum of ratios that rests on so many units, in effect."""
    if how.interval == "bootstrap":
        return _percentiles(totals, how)
    if how.interval == "studentised":
        return _studentised(totals, value, error, how)
    tail = 0.5 + how.confidence / 2
    if how.interval == "normal":
        reach = special.ndtri(tail)
    elif how.interval == "student":
        reach = special.stdtrit(max(units - 1, 1.0), tail)
    else:
        raise BadInput(f"interval={how.interval!r}: use student, normal, bootstrap, studentised or bernstein", field="interval")
    return value - reach * error, value + reach * error


def _value(totals: Sequence[Ratio], times: Array | None = None) -> float:
    """Return the sum of ratios, with each unit counted a number of times."""
    pairs = ((above.sum(), below.sum()) if times is None else (times @ above, times @ below) for above, below in totals)
    return float(sum(above / below if below else np.nan for above, below in pairs))


def _error(totals: Sequence[Ratio], times: Array | None = None) -> float:
    """Return its standard error by linearisation: of each unit, by how much the estimate would move without it."""
    count = np.ones(len(totals[0][0])) if times is None else times
    n = count.sum()
    return float(np.sqrt(n / (n - 1) * (count @ np.square(_moved(totals, count)))))


def _moved(totals: Sequence[Ratio], count: Array) -> Array:
    """Return by how much the estimate would move without each unit. Shape (units,)."""
    moved = np.zeros(len(count))
    for above, below in totals:
        size = count @ below
        moved += (above - (count @ above) / size * below) / size if size else np.nan
    return moved


def _percentiles(totals: Sequence[Ratio], how: Judging) -> tuple[float, float]:
    drawn = np.array([_value(totals, times) for times in _draws(len(totals[0][0]), how)])
    low, high = np.nanquantile(drawn, _tails(how))
    return float(low), float(high)


def _studentised(totals: Sequence[Ratio], value: float, error: float, how: Judging) -> tuple[float, float]:
    drawn = []
    for times in _draws(len(totals[0][0]), how):
        spread = _error(totals, times)
        drawn.append((_value(totals, times) - value) / spread if spread > 0 else 0.0)
    low, high = np.nanquantile(drawn, _tails(how))
    return float(value - high * error), float(value - low * error)


def _tails(how: Judging) -> tuple[float, float]:
    return 0.5 - how.confidence / 2, 0.5 + how.confidence / 2


def _draws(units: int, how: Judging) -> Iterator[Array]:
    """Yield how often each unit was drawn, of as many draws as there are units."""
    rng = np.random.default_rng(how.seed)
    for _ in range(whole("resamples", how.resamples)):
        yield np.bincount(rng.integers(0, units, units), minlength=units).astype(np.float64)


def _bernstein(terms: Sequence[Ratio], choices: Choices, how: Judging, heaviest: float | None, span: Span | None) -> tuple[float, float]:
    """Return the empirical Bernstein interval of a mean of bounded terms.

    Source: Maurer & Pontil (2009), Empirical Bernstein Bounds and Sample Variance Penalization, Theorem 4.
    """
    above = terms[0][0]
    if span is None or choices.units != len(above):
        raise BadInput("interval='bernstein' is for plain means of independent choices: leave unit and self-normalising out", "interval")
    most = heaviest if heaviest is not None else how.heaviest
    if how.rewards is None or most is None:
        raise BadInput("interval='bernstein' needs bounds: set rewards=(least, greatest), and heaviest or a clip", field="interval")
    least, greatest = how.rewards
    if choices.reward.min() < least or choices.reward.max() > greatest or (heaviest is None and choices.weight.max() > most):
        raise BadInput("rewards= or heaviest= is exceeded by what was logged: state bounds that hold", field="rewards")
    n, tail = len(above), np.log(4 / (1 - how.confidence))
    half = np.sqrt(2 * above.var(ddof=1) * tail / n) + 7 * span(most, least, greatest) * tail / (3 * (n - 1))
    return float(above.mean() - half), float(above.mean() + half)
