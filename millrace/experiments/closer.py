"""A metric looked at more closely: what was shown is worth after the luck of being shown, by belief, by age, by segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from millrace.experiments.bayes import Belief
from millrace.experiments.bayes_effect import believed_effect, stated_prior
from millrace.experiments.compared import Compared
from millrace.experiments.comparison import Asked, Comparison
from millrace.experiments.effect_prior import EffectPrior
from millrace.experiments.looks import Look
from millrace.experiments.metric import Better, Metric
from millrace.experiments.novelty import Ageing
from millrace.experiments.readout import Finding, Role
from millrace.experiments.reasons import Caution, Reason, Refused
from millrace.experiments.segments import Segments, side_by_side
from millrace.experiments.stopping import Rule
from millrace.experiments.summary import Summary
from millrace.experiments.worth import Worth, worth


class Closer(msgspec.Struct, frozen=True, kw_only=True):
    """A metric in one treatment, looked at more closely; a caution stands where something cannot be said.

    Attributes:
        metric: Its name.
        role: What it decides. One of several secondary metrics that was shown was picked among them besides.
        arm: The treatment.
        better: Which way it should go.
        found: What was read.
        worth: What a difference that was shown is worth, given that it was; None where none was, and of a guardrail.
        belief: What is believed of the difference, with the prior it rests on.
        ageing: How the effect goes with exposure; None where the metric cannot be read by age.
        age: How long a step of age is, as "1d".
        segments: By what tells them apart, the effect in each segment.
    """

    metric: str
    role: Role = "primary"
    arm: str
    better: Better
    found: Comparison
    worth: Worth | None
    belief: Belief | Caution
    ageing: Ageing | Caution | None = None
    age: str = ""
    segments: Mapping[str, Segments | Caution] = {}


def closer(
    finding: Finding,
    looks: Sequence[Look],
    rule: Rule,
    effect: float | None = None,
    ageing: Ageing | Caution | None = None,
    age: str = "",
    segments: Mapping[str, Segments | Caution] | None = None,
    prior: EffectPrior | None = None,
) -> Closer | None:
    """Return a closer look at what was found of a metric; None where it was refused.

    Args:
        finding: The metric's, in one arm.
        looks: All looks at it so far, the last of which is the finding.
        rule: By which it was looked at, with the level it was read at.
        effect: The effect that was planned for, in the metric's unit: the prior's standard deviation where none is given.
        ageing: Its effect by exposure age.
        age: How long a step of age is.
        segments: Its effect by segment.
        prior: What was believed of the effect beforehand, in the metric's unit.
    """
    found = finding.comparison
    if found is None:
        return None
    is_shown = finding.shown in ("better", "worse") and finding.role != "guardrail" and found.error > 0
    try:
        prior = prior or stated_prior(found.control, effect)
        belief = believed_effect(found.difference, found.error, prior, confidence=found.confidence)
    except Refused as refused:
        belief = Caution(refused.reason, str(refused))
    return Closer(
        metric=finding.metric,
        role=finding.role,
        arm=finding.arm,
        better=finding.better,
        found=found,
        worth=worth(looks, rule, found.confidence) if is_shown else None,
        belief=belief,
        ageing=ageing,
        age=age,
        segments=segments or {},
    )


def by_strata(metric: Metric, strata: Mapping[str, Mapping[str, Summary]], control: str, arm: str, asked: Asked) -> Segments | Caution:
    """Return a metric's effect in each stratum, drawn towards their mean, or why there is none.

    Args:
        metric: The metric; compared as it is at one look, with its covariates.
        strata: Every stratum's arms.
        control: The arm that is compared with.
        arm: The treatment.
        asked: The confidence.
    """
    read = metric.metric if isinstance(metric, Compared) and metric.by.holds_once else metric  # a p-value alone cannot be drawn in
    alone: dict[str, Comparison] = {}
    for name, arms in sorted(strata.items()):
        if control not in arms or arm not in arms:
            continue
        try:
            found = read.compare(arms[control], arms[arm], asked)
        except Refused as refused:
            if refused.reason == Reason.NOT_A_NUMBER:
                return Caution(refused.reason, str(refused))
            continue
        if found.error > 0:
            alone[name] = found
    try:
        return side_by_side(alone, len(strata), asked)
    except Refused as refused:
        return Caution(refused.reason, str(refused))
