"""A whole scorecard read at looks: how `Scorecard.read` compares arms where one may look more than once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np

from millrace.experiments.comparison import Asked, Comparison
from millrace.experiments.looks import Look
from millrace.experiments.metric import Metric
from millrace.experiments.non_inferior import NonInferior
from millrace.experiments.sequential_comparison import sequential_comparison
from millrace.experiments.stopping import GroupSequential, Rule
from millrace.experiments.summary import Summary

Past = Mapping[tuple[str, str], Sequence[Look]]
"""(metric, arm) -> the earlier looks at it, in their order (`sequential_comparison.look`)."""


def at_looks(rule: Rule, past: Past | None = None) -> Callable[[Metric | NonInferior, Summary, Summary, Asked], Comparison]:
    """Return what compares two arms of any metric by a rule; level, side and margin are those the scorecard asks for.

    Args:
        rule: `Fixed`, `GroupSequential` or `Anytime`, with the units planned; futility is not read here.
        past: Earlier looks. Without them each look stands for itself: valid for `Anytime`, whose interval is then no narrower for having
            been looked at before; a group-sequential plan needs them all.
    """

    def compare(metric: Metric | NonInferior, control: Summary, treatment: Summary, asked: Asked) -> Comparison:
        read, fitted = metric.compare(control, treatment, asked), _fitted(rule, asked)
        earlier = list((past or {}).get((read.metric, treatment.arm), ()))
        if not isinstance(metric, NonInferior):
            return sequential_comparison(read, fitted, earlier)
        fitted = msgspec.structs.replace(fitted, alternative=metric.alternative, beyond=0.0 if metric.relative else metric.beyond)
        found = sequential_comparison(read, fitted, earlier)
        if not metric.relative:
            return found
        standing = fitted.at([*(Look(each.n, 0.0, 1.0) for each in earlier), _beyond_part(read, metric.beyond)])
        return msgspec.structs.replace(found, p_value=float(np.exp(standing.log_p)), log_p=standing.log_p)

    return compare


def _fitted(rule: Rule, asked: Asked) -> Rule:
    fitted = msgspec.structs.replace(rule, alpha=1 - asked.confidence, alternative=asked.alternative, beyond=asked.beyond)
    return msgspec.structs.replace(fitted, beta=0.0) if isinstance(fitted, GroupSequential) else fitted


def _beyond_part(read: Comparison, part: float) -> Look:
    """Return a look at treatment - (1 + part) * control, which is 0 where the margin is just met: no ratio need be near normal."""
    control, treatment = read.control, read.treatment
    apart = treatment.value - control.value - part * abs(control.value)
    times = 1 + part * np.sign(control.value)
    return Look(control.units + treatment.units, apart, float(np.sqrt(treatment.variance + times**2 * control.variance)))
