"""How a scorecard's metrics are read: each arm against the control, and p-values adjusted for their like."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec
import numpy as np

from millrace.experiments.comparison import AT_ONE_LOOK, Alternative, Asked, Comparison
from millrace.experiments.metric import Metric
from millrace.experiments.multiplicity import benjamini_hochberg, bonferroni, confidence_each, dunnett
from millrace.experiments.non_inferior import NonInferior
from millrace.experiments.readout import Finding, Role, Shown
from millrace.experiments.reasons import Caution, Refused
from millrace.experiments.summary import Summary

Compare = Callable[[Metric | NonInferior, Summary, Summary, Asked], Comparison]
"""How two arms are compared: at one look, or by a sequential method."""


def at_one_look(metric: Metric | NonInferior, control: Summary, treatment: Summary, asked: Asked) -> Comparison:
    """Return the comparison that is right at one look planned beforehand."""
    return metric.compare(control, treatment, asked)


@dataclass(frozen=True)
class Reader:
    """Reads metrics in all arms.

    Attributes:
        summaries: Every arm's.
        control: The arm the others are compared with.
        arms: The others.
        compare: How two arms are compared.
        asked: At which confidence, and on which relative scale.
    """

    summaries: Mapping[str, Summary]
    control: str
    arms: tuple[str, ...]
    compare: Compare
    asked: Asked

    def primary(self, metric: Metric) -> list[Finding]:
        """Return what it shows in every arm, the chance that any of them shows anything wrongly being kept."""
        at_first = [self._tried(metric, arm, self.asked) for arm in self.arms]
        read = [each for each in at_first if isinstance(each, Comparison)]
        shared = np.array([each.control.variance / (each.control.variance + each.treatment.variance) for each in read])
        each = confidence_each(self.asked.confidence, shared)
        found = (
            at_first
            if len(read) < 2
            else [self._tried(metric, arm, msgspec.structs.replace(self.asked, confidence=each)) for arm in self.arms]
        )
        at_once = all(one.controls == AT_ONE_LOOK for one in read)
        adjust = partial(dunnett, shared=shared) if at_once and len(read) > 1 else bonferroni
        return self._told("primary", [metric] * len(found), self.arms, found, adjust)

    def secondary(self, metrics: Sequence[Metric]) -> list[Finding]:
        """Return what metrics show, the part of what is shown wrongly being kept."""
        asked = [(metric, arm) for metric in metrics for arm in self.arms]
        found = [self._tried(metric, arm, self.asked) for metric, arm in asked]
        return self._told("secondary", [metric for metric, _ in asked], [arm for _, arm in asked], found, benjamini_hochberg)

    def guardrails(self, guardrails: Sequence[NonInferior]) -> list[Finding]:
        """Return which guardrails were shown to be no worse."""
        return [self._guarded(guardrail, arm) for guardrail in guardrails for arm in self.arms]

    def _guarded(self, guardrail: NonInferior, arm: str) -> Finding:
        metric = guardrail.metric
        found = self._tried(guardrail, arm, self.asked)
        if isinstance(found, Caution):
            shown, adjusted = "unread", None
        else:
            worse: Alternative = "less" if metric.better == "more" else "greater"
            harm = self._tried(metric, arm, msgspec.structs.replace(self.asked, alternative=worse))
            shown = "no worse" if found.is_significant else "worse" if _is_shown(harm) else "nothing"
            adjusted = found.log_p
        return _finding("guardrail", metric, arm, shown, found, adjusted, guardrail)

    def _tried(self, metric: Metric | NonInferior, arm: str, asked: Asked) -> Comparison | Caution:
        try:
            return self.compare(metric, self.summaries[self.control], self.summaries[arm], asked)
        except Refused as refused:
            return Caution(refused.reason, str(refused))

    def _told(
        self,
        role: Role,
        metrics: Sequence[Metric],
        arms: Sequence[str],
        found: Sequence[Comparison | Caution],
        adjust: Callable[[np.ndarray], np.ndarray],
    ) -> list[Finding]:
        """Return findings, their p-values adjusted together; those that were refused count for nothing."""
        read = [at for at, each in enumerate(found) if isinstance(each, Comparison)]
        log_p = np.array([each.log_p for each in found if isinstance(each, Comparison)])
        adjusted: dict[int, float] = dict(zip(read, adjust(log_p).tolist(), strict=True))
        level = np.log1p(-self.asked.confidence)
        told: list[Finding] = []
        for at, (metric, arm, each) in enumerate(zip(metrics, arms, found, strict=True)):
            shown: Shown = "unread"
            if isinstance(each, Comparison):
                is_good = (each.difference > 0) == (metric.better == "more")
                shown = "nothing" if adjusted[at] > level else "better" if is_good else "worse"
            told.append(_finding(role, metric, arm, shown, each, adjusted.get(at)))
        return told


def _finding(
    role: Role,
    metric: Metric,
    arm: str,
    shown: Shown,
    found: Comparison | Caution,
    adjusted: float | None,
    guardrail: NonInferior | None = None,
) -> Finding:
    return Finding(
        role=role,
        metric=metric.name,
        arm=arm,
        better=metric.better,
        shown=shown,
        comparison=found if isinstance(found, Comparison) else None,
        refused=found if isinstance(found, Caution) else None,
        adjusted=adjusted,
        margin=guardrail.margin if guardrail else None,
        margin_is_relative=guardrail is not None and guardrail.relative,
    )


def _is_shown(found: Comparison | Caution) -> bool:
    return isinstance(found, Comparison) and found.is_significant
