"""Whether a log can say anything of a policy at all: how much of what it would do was tried, and by how many choices."""

from __future__ import annotations

import numpy as np

from millrace.evaluation.judging import Judging, Overlap
from millrace.evaluation.logged_choices import Choices
from millrace.evaluation.reasons import Caution, Reason, Refused
from millrace.types import Array

QUANTILES = (0.5, 0.9, 0.99, 0.999)
_SURE = 4.0
"""By how many standard errors the mean weight must lie below what is allowed before support is held to be missing."""
_OFF = 3.0
"""By how many standard errors it must differ from 1 to be told of."""
_SOME = 100.0
"""An effective sample size below this is told of: intervals are rough."""
_FEW_UNITS = 30.0
"""Fewer effective units than this are told of too."""
_RARE = 30
"""Fewer rewards than this that differ from the usual one are told of: a symmetric interval is too sure on their side."""


def overlap(choices: Choices, used: Array | None = None) -> Overlap:
    """Return how much of what the target would do was tried.

    Args:
        choices: What was logged.
        used: The weights that are used, where some were cut: the effective sample size is theirs. Shape (n,).
    """
    weight = choices.weight
    mean, error = _mean(choices)
    found = np.quantile(weight, QUANTILES)
    counted = weight if used is None else used
    return Overlap(
        effective_sample_size=worth(counted),
        effective_units=worth(choices.per_unit(counted)),
        mean_weight=mean,
        mean_weight_error=error,
        heaviest=float(np.abs(weight).max()),
        quantiles={f"{share:g}": float(value) for share, value in zip(QUANTILES, found, strict=True)},
        unmatched=float((weight == 0).mean()),
        untried=None if choices.untried is None else float(choices.untried.mean()),
    )


def worth(weight: Array) -> float:
    """Return the effective sample size of weights, (Σw)² / Σw²; 0 when all are 0.

    Source: Kish (1965), Survey Sampling.
    """
    squared = np.square(weight).sum()
    return float(weight.sum() ** 2 / squared) if squared > 0 else 0.0


def refuse_without_support(seen: Overlap, how: Judging) -> None:
    """Refuse a log that cannot say what is asked.

    Raises:
        Refused: `Reason.NO_SUPPORT`: the target never makes a logged choice, or too much of what it does was never tried.
            `Reason.WRONG_WEIGHTS`: the weights are far above 1 on average. `Reason.FEW_EFFECTIVE`: too few choices would carry it.
    """
    if seen.heaviest == 0:
        said = "target is 0 in every row: it never takes a logged action, so the log says nothing about it; log with more exploration"
        raise Refused(Reason.NO_SUPPORT, said, field="target")
    if seen.untried is not None and seen.untried > how.most_untried:
        raise Refused(Reason.NO_SUPPORT, _never_tried(f"{seen.untried:.1%}"), field="target")
    if seen.mean_weight + _SURE * seen.mean_weight_error < 1 - how.most_untried:
        about = f"about {1 - seen.mean_weight:.0%}"
        said = f"{_never_tried(about)} (or the propensities are not those that were drawn with: the mean weight is {seen.mean_weight:.3g})"
        raise Refused(Reason.NO_SUPPORT, said, field="target")
    if seen.mean_weight - _SURE * seen.mean_weight_error > how.most_weight:
        said = (
            f"the mean weight is {seen.mean_weight:.3g} and must be 1: the target takes more than was taken, or the probabilities are wrong"
        )
        raise Refused(Reason.WRONG_WEIGHTS, said, field="target")
    least = min(seen.effective_sample_size, seen.effective_units)
    if least < how.least_effective:
        what = "choices of the target's own" if least == seen.effective_sample_size else "units that choose as the target does"
        raise Refused(
            Reason.FEW_EFFECTIVE,
            f"the log is worth {least:.1f} {what} and {how.least_effective:g} are needed: a few "
            f"heavy weights (up to {seen.heaviest:.3g}) would carry everything; log more, with more exploration, or judge a policy nearer "
            f"to the one that logged",
            field="target",
        )


def cautions(seen: Overlap, choices: Choices) -> tuple[Caution, ...]:
    """Return what must be known of an estimate on this log."""
    out = []
    if seen.untried:
        out.append(Caution(Reason.NO_SUPPORT, f"{seen.untried:.2%} of what the target does was never tried and counts as nothing."))
    off = abs(seen.mean_weight - 1)
    if off > max(_OFF * seen.mean_weight_error, 1e-9):
        said = f"The mean weight is {seen.mean_weight:.3f}, not 1: some of what the target does was never tried, or propensities are wrong."
        out.append(Caution(Reason.WRONG_WEIGHTS, said))
    if seen.effective_sample_size < _SOME:
        said = f"The log is worth only {seen.effective_sample_size:.0f} choices of the target's own: the interval is rough."
        out.append(Caution(Reason.FEW_EFFECTIVE, said))
    elif seen.effective_units < _FEW_UNITS:
        out.append(Caution(Reason.FEW_UNITS, f"All of it is the choice of {seen.effective_units:.0f} units, about: the interval is rough."))
    return (*out, *rare(choices))


def rare(choices: Choices) -> tuple[Caution, ...]:
    """Return a caution where almost every reward is the same: then intervals are too sure."""
    values, times = np.unique(choices.reward[choices.weight != 0], return_counts=True)
    if len(values) == 1:
        said = f"Every reward that counts is {values[0]:g}: nothing varies, and the interval says nothing."
        return (Caution(Reason.NO_VARIANCE, said),)
    others = int(times.sum() - times.max()) if len(times) else 0
    if others < _RARE:
        usual = values[times.argmax()]
        return (Caution(Reason.FEW_EVENTS, f"Only {others} rewards that count differ from {usual:g}: the interval is too sure of itself."),)
    return ()


def _never_tried(share: str) -> str:
    return f"{share} of what the target does was never tried: log with exploration, or judge a policy that keeps to what was tried"


def _mean(choices: Choices) -> tuple[float, float]:
    """Return the mean weight per choice and its standard error."""
    totals = choices.per_unit(choices.weight)
    mean = float(choices.weight.mean())
    apart = totals - mean * choices.per_unit(np.ones(len(choices.weight)))
    n = len(totals)
    return mean, float(np.sqrt(n / max(n - 1, 1) * np.square(apart).sum()) / len(choices.weight))
