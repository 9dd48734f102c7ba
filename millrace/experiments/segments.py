"""The effect by segment: whom it helps and whom it hurts, with what chance makes of many looks taken off."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from millrace.experiments.comparison import Asked, Comparison, quantile
from millrace.experiments.contrast import contrast
from millrace.experiments.multiplicity import holm
from millrace.experiments.reasons import Caution, Reason, Refused
from millrace.experiments.shrinkage import By, shrunk
from millrace.experiments.two_arms import TwoArms, two_arms
from millrace.types import Array


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """The effect in a segment.

    Attributes:
        name: Which.
        alone: What its own units say, each level for itself.
        log_p: The logarithm of its p-value after all segments shared the level (Holm).
        difference: The effect after what the other segments say: drawn towards the mean effect.
        low: The lower end of that effect's interval.
        high: The upper end.
    """

    name: str
    alone: Comparison
    log_p: float
    difference: float
    low: float
    high: float


class Segments(msgspec.Struct, frozen=True, kw_only=True):
    """Effects by segment, and whether they differ.

    Attributes:
        segments: In the order of their names.
        mean: The mean effect over segments, in the metric's unit.
        between: τ², how much true effects vary between segments, in the metric's unit squared.
        q: Cochran's Q of the interaction.
        log_p: The logarithm of the chance of so large a Q if every segment has the same effect.
        said: What may be read from it, in one sentence.
        cautions: What must be known of it.
    """

    segments: tuple[Segment, ...]
    mean: float
    between: float
    q: float
    log_p: float
    said: str
    cautions: tuple[Caution, ...] = ()


def by_segment(
    metric: str,
    value: Array,
    treated: Array,
    segment: Array,
    asked: Asked = Asked(),  # noqa: B008 - frozen
    *,
    bottom: Array | None = None,
    by: By = "Paule-Mandel",
) -> Segments:
    """Return the effect in each segment, drawn towards the mean effect by as much as differences look like chance.

    First the test of interaction: if it finds nothing, the segments' own effects are mostly noise, and the drawn ones lie together. Its
    weakness: segments looked for after the fact are many more than those listed, and no adjustment knows of them.

    Args:
        metric: Its name.
        value: Per unit; the top of a ratio. Shape (n,).
        treated: Whose each unit is. Boolean, shape (n,).
        segment: Of each unit, known before it was exposed. Shape (n,).
        asked: The confidence and the margin.
        bottom: The bottom of a ratio. Shape (n,).
        by: How the variance between segments is found.

    Raises:
        Refused: Fewer than two segments have two units in both arms and vary.

    Source: Cochran (1954); Gelman, Hill & Yajima (2012), Why We (Usually) Don't Have to Worry About Multiple Comparisons.
    """
    rows = two_arms(value, treated, bottom=bottom)
    names, code = np.unique(segment, return_inverse=True)
    alone: dict[str, Comparison] = {}
    for at, name in enumerate(names):
        mine = code == at
        part = TwoArms(rows.top[mine], rows.bottom[mine], rows.treated[mine])
        if 2 <= part.treated.sum() <= len(part.treated) - 2:
            control, treatment = part.figures(metric)
            if control.variance + treatment.variance > 0:
                alone[str(name)] = contrast(metric, control, treatment, asked)
    return side_by_side(alone, len(names), asked, by)


def side_by_side(alone: Mapping[str, Comparison], segments: int, asked: Asked, by: By = "Paule-Mandel") -> Segments:
    """Return the effects of segments, each compared by itself already, drawn towards their mean.

    Args:
        alone: What each segment's own units say, by its name; of those that can say anything.
        segments: How many segments there are, also those that cannot.
        asked: The confidence.
        by: How the variance between segments is found.

    Raises:
        Refused: Fewer than two can say anything.
    """
    if len(alone) < 2:
        raise Refused(Reason.FEW_UNITS, f"{len(alone)} of {segments} segments have two units in both arms and vary: use larger segments")
    found = shrunk(np.array([one.difference for one in alone.values()]), np.array([one.error for one in alone.values()]), by)
    shared = holm(np.array([one.log_p for one in alone.values()]))
    reach = quantile(0.5 + asked.confidence / 2, float("inf"))
    each = [
        Segment(name=name, alone=one, log_p=float(p), difference=float(d), low=float(d - reach * e), high=float(d + reach * e))
        for (name, one), p, d, e in zip(alone.items(), shared, found.value, found.error, strict=True)
    ]
    left_out = segments - len(alone)
    said = f"{left_out} of {segments} segments have fewer than two units in an arm, or none that vary: they are left out"
    return Segments(
        segments=tuple(each),
        mean=found.mean,
        between=found.between,
        q=found.q,
        log_p=found.log_p,
        said=_said(len(each), found.log_p, asked),
        cautions=(Caution(Reason.FEW_UNITS, said),) if left_out else (),
    )


def _said(k: int, log_p: float, asked: Asked) -> str:
    alpha = 1 - asked.confidence
    lucky = f"of {k} segments without any effect at least one would look significant by itself with chance {1 - asked.confidence**k:.0%}"
    if log_p <= np.log(alpha):
        return f"the effect differs between segments (p = {np.exp(log_p):.2g}); {lucky}, so read the drawn effects and Holm's p-values"
    return f"the segments' effects differ by no more than chance makes them (p = {np.exp(log_p):.2g}); {lucky}"
