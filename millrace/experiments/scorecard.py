"""What an experiment is judged by: one primary metric, secondary ones and guardrails, read so that false alarms stay rare."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, final

from millrace.errors import BadInput, DeclarationError, brief
from millrace.experiments.compared import compared
from millrace.experiments.comparison import Asked
from millrace.experiments.effect_prior import EffectPrior
from millrace.experiments.findings import Compare, Reader, at_one_look
from millrace.experiments.metric import Metric
from millrace.experiments.needs import Needs
from millrace.experiments.non_inferior import NonInferior
from millrace.experiments.other_side import OtherSide
from millrace.experiments.readout import ReadOut
from millrace.experiments.reasons import Caution, Reason, Refused
from millrace.experiments.srm import Shares, sample_ratio
from millrace.experiments.summary import Summary
from millrace.experiments.ways import Way

Check = Callable[[Mapping[str, int], Mapping[str, float]], Shares]
"""How units per arm are held against what each arm was to have of them: at one look, or by a sequential method."""


@final
@dataclass(frozen=True)
class Scorecard:
    """One primary metric that decides, secondary ones that explain, guardrails that must not get worse.

    The primary metric alone is tested at the level, over all arms together (Dunnett; Bonferroni where one may look more than once). Of the
    secondary ones that are called better or worse, no more than that part is wrong on average (Benjamini & Hochberg). A guardrail must be
    *shown* to be no worse than its margin; each is tested at the level, one-sided, as all of them have to pass.

    Attributes:
        primary: What decides.
        secondary: What explains.
        guardrails: What must not get worse.
        confidence: 1 less the level, in (0, 1).
        relative_by: The scale of relative intervals, "delta" or "log".
        by: How all metrics are compared, if not each by its own method: `Clustered`, `Stratified`, `Paired`, `Permutation` or
            `Bootstrap`. A single one is by `Compared(metric, by=...)`.
        segments: What tells units apart in a closer look at the primary metric: features of the request, or its fields.
        prior: What is believed of the primary metric's effect before anything is seen, in its unit, as in
            `EffectPrior(0.0, 0.5, why="what past changes of prices did")`; the belief in a closer look rests on it. If not given it is
            that of `bayes_effect.stated_prior`.
        other_side: Whom units met and nobody assigned, as the sellers of a market. It explains, and decides nothing.

    >>> from millrace.experiments.metrics import Mean, Proportion
    >>> card = Scorecard(Mean("watched"), guardrails=(NonInferior(Proportion("left", better="less"), margin=0.01),))
    >>> card.needs().columns()
    ('left', 'watched')
    """

    primary: Metric
    secondary: Sequence[Metric] = ()
    guardrails: Sequence[NonInferior] = ()
    confidence: float = 0.95
    relative_by: Literal["delta", "log"] = "delta"
    by: Way | None = None
    segments: Sequence[Any] = ()
    prior: EffectPrior | None = None
    other_side: Sequence[OtherSide] = ()

    def __post_init__(self) -> None:
        for name in ("secondary", "guardrails", "segments", "other_side"):
            given = getattr(self, name)
            object.__setattr__(self, name, tuple(given) if isinstance(given, list | tuple) else (given,))
        self._check_roles()
        object.__setattr__(self, "primary", compared(self.primary, self.by))
        object.__setattr__(self, "secondary", tuple(compared(each, self.by) for each in self.secondary))
        guardrails = (dataclasses.replace(each, metric=compared(each.metric, self.by)) for each in self.guardrails)
        object.__setattr__(self, "guardrails", tuple(guardrails))
        if not 0 < self.confidence < 1:
            raise DeclarationError(f"Scorecard: confidence={self.confidence!r}: write a number between 0 and 1, such as 0.95")
        if self.prior is not None and not isinstance(self.prior, EffectPrior):
            raise DeclarationError(f"Scorecard: prior={brief(self.prior)}: write EffectPrior(mean, spread), in the primary metric's unit")
        for roles, metrics in (
            ("primary and secondary", (self.primary, *self.secondary)),
            ("guardrails", [each.metric for each in self.guardrails]),
        ):
            names = [metric.name for metric in metrics]
            if twice := next((name for name in names if names.count(name) > 1), None):
                raise DeclarationError(f"Scorecard: {twice!r} is twice among its {roles} metrics: give one of them another name=")
        self._check_other_side()

    def _check_roles(self) -> None:
        for role, one in (("primary", self.primary), *(("secondary", each) for each in self.secondary)):
            if isinstance(one, type) or not (hasattr(one, "name") and hasattr(one, "needs")):
                raise DeclarationError(f"Scorecard: {role}={brief(one)} is no metric: write one such as Mean(Watch.seconds)")
        for one in self.guardrails:
            if not isinstance(one, NonInferior):
                raise DeclarationError(
                    f"Scorecard: guardrails=[{brief(one)}] does not say how much worse would be too much: "
                    "write NonInferior(Mean(Watch.seconds), margin=5.0)"
                )

    def _check_other_side(self) -> None:
        for one in self.other_side:
            if not isinstance(one, OtherSide):
                raise DeclarationError(f"Scorecard: other_side={brief(one)} is none: write OtherSide(Watch.seconds, per=Video.creator)")
        sides = [one.name for one in self.other_side]
        if twice := next((name for name in sides if sides.count(name) > 1), None):
            raise DeclarationError(f"Scorecard: {twice!r} is twice on its other side: give one of them another name=")

    def metrics(self) -> tuple[Metric, ...]:
        """Return all metrics, the primary one first."""
        return (self.primary, *self.secondary, *(each.metric for each in self.guardrails))

    def needs(self) -> Needs:
        """Return what must be known of every arm: asked for once, for all metrics."""
        return Needs.union(metric.needs() for metric in self.metrics())

    def read(
        self,
        summaries: Mapping[str, Summary],
        control: str,
        weights: Mapping[str, float] | None = None,
        compare: Compare = at_one_look,
        check: Check = sample_ratio,
    ) -> ReadOut:
        """Return what was shown.

        Metrics that are refused do not keep the others from being read.

        Args:
            summaries: Every arm's, made with `needs`.
            control: The arm the others are compared with.
            weights: What share of the units each arm was to have, in any unit; it is held against those they have.
            compare: How two arms are compared; at one look if not given.
            check: How shares are held against the weights; at one look if not given.

        Raises:
            BadInput: There is no such control, or nothing to compare it with.
        """
        arms = tuple(arm for arm in summaries if arm != control)
        if control not in summaries or not arms:
            raise BadInput(f"{control} cannot be compared: the arms are {', '.join(summaries) or 'none'}", field="control")
        units = {name: summary.units for name, summary in summaries.items()}
        shares, faults, cautions = _spread(units, weights, check)
        reader = Reader(summaries, control, arms, compare, Asked(confidence=self.confidence, relative_by=self.relative_by))
        return ReadOut(
            control=control,
            arms=arms,
            confidence=self.confidence,
            findings=(*reader.primary(self.primary), *reader.secondary(self.secondary), *reader.guardrails(self.guardrails)),
            shares=shares,
            faults=faults,
            cautions=cautions,
        )


def _spread(
    units: Mapping[str, int], weights: Mapping[str, float] | None, check: Check
) -> tuple[Shares | None, tuple[Caution, ...], tuple[Caution, ...]]:
    """Return (shares, faults, cautions) of how units spread over arms."""
    if weights is None:
        return None, (), (Caution(Reason.WRONG_SHARES, "nobody said what share of the units each arm was to have, so it was not checked"),)
    try:
        shares = check(units, weights)
    except Refused as refused:
        return None, (Caution(refused.reason, str(refused)),), ()
    if not shares.is_mismatch:
        return shares, (), shares.cautions
    seen = ", ".join(f"{name} has {count} units for {shares.expected[name]:.0f}" for name, count in shares.units.items())
    said = (
        f"arms have other shares than planned ({seen}; p = {shares.p_value:.2g}): find out which units are missing before reading anything"
    )
    return shares, (Caution(Reason.WRONG_SHARES, said),), shares.cautions
