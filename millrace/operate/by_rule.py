"""Arms compared by the rule that was planned, so that looking early and often does not raise the chance of a false alarm."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from millrace.errors import BadInput
from millrace.experiments.compared import Compared
from millrace.experiments.comparison import Asked, Comparison, reach
from millrace.experiments.looks import Look
from millrace.experiments.metric import Metric
from millrace.experiments.non_inferior import NonInferior
from millrace.experiments.reasons import Reason, Refused
from millrace.experiments.scorecard import Scorecard
from millrace.experiments.sequential_comparison import look, sequential_comparison
from millrace.experiments.stopping import Fixed, Rule
from millrace.stores.experiments import Course


def past_looks(course: Course | None) -> dict[str, list[Look]]:
    """Return the looks that are on record, by metric and arm, in their order."""
    past: dict[str, list[Look]] = {}
    for one in course.looks if course is not None else ():
        for key, seen in one["looks"].items():
            past.setdefault(key, []).append(msgspec.convert(seen, Look))
    return past


def earlier_looks(past: Mapping[str, Sequence[Look]], key: str, now: Look) -> list[Look]:
    """Return the earlier looks at fewer units, in the order of units; those twice at the same units count once, as they were last seen.

    Somebody may look again before anybody new is old enough, or once somebody was forgotten.
    """
    seen = {one.n: one for one in past.get(key, ()) if one.n < now.n}
    return [seen[n] for n in sorted(seen)]


def check_rule(card: Scorecard, rule: Callable[..., Rule]) -> None:
    """Refuse a rule that a scorecard's metrics cannot be read by.

    Raises:
        BadInput: A metric is compared by what holds at one look only, and the rule allows for several.
    """
    for metric in card.metrics():
        if isinstance(metric, Compared) and metric.by.holds_once and rule is not Fixed:
            said = f"{metric.name} is compared by {type(metric.by).__name__}, which holds at one look"
            raise BadInput(f"{said}: write --rule fixed, or leave by= out of its scorecard", field="rule")


@dataclass
class ByRule:
    """Compares arms by a rule that allows for looks, and notes what was seen.

    Attributes:
        rule: What makes the rule: its class, or that with some of its settings.
        planned: After how many units the experiment is to end.
        past: Earlier looks by metric and arm, in their order.
        seen: This look, by metric and arm: what is to be put on record.
    """

    rule: Callable[..., Rule]
    planned: int
    past: Mapping[str, Sequence[Look]]
    seen: dict[str, Look] = field(default_factory=dict)

    def __call__(self, metric: Metric | NonInferior, control: Any, treatment: Any, asked: Asked) -> Comparison:
        """Return how two arms compare.

        Raises:
            Refused: There is no figure that would not mislead, or nothing may be said at this look.
        """
        read = metric.compare(control, treatment, asked)
        inner = metric.metric if isinstance(metric, NonInferior) else metric
        if isinstance(inner, Compared):
            if inner.by.holds_once:
                return self._once(inner.name, f"{inner.name} of {treatment.arm}", read)
            read = _with_few(read, asked)
        if not isinstance(metric, NonInferior):
            return self._told(f"{metric.name} of {treatment.arm}", read, asked)
        asked = msgspec.structs.replace(asked, alternative=metric.alternative)
        key = f"{metric.metric.name} of {treatment.arm}"
        if not metric.relative:
            return self._told(key, read, msgspec.structs.replace(asked, beyond=metric.beyond))
        told = self._told(key, read, asked)
        # A margin that is a part of the control's value: treatment - (1 + beyond) control is above or below 0.
        kept = 1 + metric.beyond
        error = float(np.sqrt(read.treatment.variance + kept**2 * read.control.variance))
        apart = msgspec.structs.replace(read, difference=read.treatment.value - kept * read.control.value, error=error)
        guarded = self._told(f"{key}, guarded", apart, asked)
        return msgspec.structs.replace(told, p_value=guarded.p_value, log_p=guarded.log_p)

    def _once(self, name: str, key: str, read: Comparison) -> Comparison:
        """Return a comparison that holds at one look, at the planned end.

        Raises:
            Refused: It is another look, or the rule allows for several.
        """
        self.seen[key] = now = look(read)
        before = [one.n for one in self.past.get(key, ()) if self.planned <= one.n < now.n]
        if self.rule is not Fixed:
            said = f"{name} is compared by {read.method}, which holds at one look: plan it with --rule fixed, or leave by= out"
        elif now.n < self.planned:
            said = f"{name} is compared by {read.method}, at {self.planned:,} units, of which there are {now.n:,}: wait"
        elif before:
            said = f"{name} was compared by {read.method} at {before[0]:,} units, the planned end: later looks decide nothing"
        else:
            return read
        raise Refused(Reason.PEEKED, said)

    def _told(self, key: str, read: Comparison, asked: Asked) -> Comparison:
        self.seen[key] = now = look(read)
        rule = self.rule(planned=self.planned, alpha=1 - asked.confidence, alternative=asked.alternative, beyond=asked.beyond)
        return sequential_comparison(read, rule, earlier_looks(self.past, key, now))


def _with_few(read: Comparison, asked: Asked) -> Comparison:
    """Return a comparison whose error, taken for known as rules do, reaches as far as its few degrees of freedom make it reach."""
    far = min(abs(end - read.difference) for end in (read.low, read.high) if end is not None) / read.error
    return msgspec.structs.replace(read, error=read.error * far / min(reach(asked)))
