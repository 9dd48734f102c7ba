"""An interleaving read from its log as an experiment is: whose rows earned more, and what may be concluded by the rule that was planned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from millrace.errors import BadInput, NotFound
from millrace.experiments.comparison import Asked, Comparison
from millrace.experiments.interleaving_preference import preference
from millrace.experiments.looks import Look
from millrace.experiments.readout import Finding, ReadOut, Shown
from millrace.experiments.reasons import Caution, Reason, Refused
from millrace.experiments.sequential_comparison import look, sequential_comparison
from millrace.experiments.verdict import verdicts
from millrace.loaded import Loaded
from millrace.operate.by_rule import earlier_looks, past_looks
from millrace.operate.exposures import named
from millrace.operate.history import LogHistory
from millrace.operate.interleaved import Earned, interleaved
from millrace.operate.reading_out import RULES, Reader, Reading
from millrace.policy.interleave import Interleave
from millrace.policy.wrappers import Experiment
from millrace.stores.experiments import Course
from millrace.types import EVER

CONFIDENCE = 0.95
"""Of an interleaving's intervals; it is shared out where several arms are compared with the first."""


class InterleavedReader:
    """Reads an interleaving, as of any instant.

    Args:
        loaded: The system.
        history: Its log, as training reads it.
        policy: The interleaving.
        course: What is on record of it; None where it was never started.

    Raises:
        NotFound: It does not say what it is read by.
    """

    def __init__(self, loaded: Loaded, history: LogHistory, policy: Interleave, course: Course | None) -> None:
        if policy.reward is None or policy.unit is None:
            said = "say what is earned and who asks, reward=clicked, unit=Search.viewer"
            raise NotFound(f"{loaded.name_of(policy)} declares no reward=: {said}")
        self._loaded, self._history, self._policy = loaded, history, policy
        self._reward, self._unit, self._course = policy.reward, policy.unit, course
        self.primary = f"{loaded.name_of(policy.reward)} per request"
        self.confidence = CONFIDENCE
        self.arms = tuple(name for name, _ in policy.arms)
        self.shares = (1 / len(self.arms),) * len(self.arms)

    def read(
        self, until: int, past: Mapping[str, Sequence[Look]] | None = None, *, closer: bool = False, also: Sequence[str] = ()
    ) -> Reading:
        """Return what may be said as of an instant.

        Args:
            until: What was known before it counts, microseconds.
            past: Earlier looks; those on record if not given.
            closer: Changes nothing: a request meets all arms, so there is no arm to look at more closely.
            also: None: there are no other metrics.

        Raises:
            NotFound: No request's outcome is known yet.
            BadInput: Another metric was named.
        """
        if also:
            raise BadInput(f"an interleaving is read by {self.primary} alone: there is no {also[0]!r} to look at", field="closer")
        since = self._course.began if self._course is not None else EVER
        try:
            earned = interleaved(self._loaded, self._history, self._policy, self._reward, self._unit, since, until)
        except Refused as refused:
            if refused.reason is Reason.FEW_UNITS:
                raise NotFound(str(refused)) from refused
            return self._told(until, earned=None, faults=(Caution(refused.reason, str(refused)),))
        looks: dict[str, Look] = {}
        past = past_looks(self._course) if past is None else past
        findings = [self._finding(earned, arm, past, looks) for arm in self.arms[1:]]
        return self._told(until, earned, findings, looks)

    def course(self, until: int, steps: int = 20) -> list[Reading]:
        """Return readings at instants spread evenly up to one, those at which there is something to read; each knows those before."""
        since = self._course.began if self._course is not None else EVER
        name = self._loaded.name_of(self._policy)
        made = self._history.made(EVER, until)
        asked = made["at"][(made["policy"] == name) & (made["at"] >= since)] + self._reward.window
        if not len(asked) or (begun := int(asked.min())) >= until:
            return []
        past: dict[str, list[Look]] = {}
        found: list[Reading] = []
        for at in np.linspace(begun, min(until, int(asked.max()) + 1), steps + 1)[1:].astype(np.int64).tolist():
            try:
                found.append(self.read(at, past))
            except NotFound:
                continue
            for key, one in found[-1].looks.items():
                past.setdefault(key, []).append(one)
        return found

    def _finding(self, earned: Earned, arm: str, past: Mapping[str, Sequence[Look]], looks: dict[str, Look]) -> Finding:
        """Return what one arm earned beside the first; the level is shared out among the arms (Bonferroni)."""
        others = len(self.arms) - 1
        asked = Asked(confidence=1 - (1 - self.confidence) / others)
        told: Comparison | Caution
        try:
            read = preference(earned.credits, self.arms[0], arm, earned.unit, asked)
            told = self._by_rule(msgspec.structs.replace(read, metric=self.primary), f"{self.primary} of {arm}", asked, past, looks)
        except Refused as refused:
            told = Caution(refused.reason, str(refused))
        shown: Shown = "unread"
        if isinstance(told, Comparison):
            shown = "nothing" if not told.is_significant else "better" if told.difference > 0 else "worse"
        return Finding(
            role="primary",
            metric=self.primary,
            arm=arm,
            better="more",
            shown=shown,
            comparison=told if isinstance(told, Comparison) else None,
            refused=told if isinstance(told, Caution) else None,
            adjusted=min(told.log_p + float(np.log(others)), 0.0) if isinstance(told, Comparison) else None,
        )

    def _by_rule(self, read: Comparison, key: str, asked: Asked, past: Mapping[str, Sequence[Look]], looks: dict[str, Look]) -> Comparison:
        looks[key] = now = look(read)
        if self._course is None:
            return read
        plan = self._course.plan
        rule = RULES[plan.rule](planned=2 * plan.planned, alpha=1 - asked.confidence)  # a look counts each unit once per arm
        return sequential_comparison(read, rule, earlier_looks(past, key, now))

    def _told(
        self,
        until: int,
        earned: Earned | None,
        findings: Sequence[Finding] = (),
        looks: dict[str, Look] | None = None,
        faults: tuple[Caution, ...] = (),
    ) -> Reading:
        said = "no plan is on record (millrace experiment start), so figures hold for one look, planned beforehand"
        found = ReadOut(
            control=self.arms[0],
            arms=self.arms[1:],
            confidence=self.confidence,
            findings=tuple(findings),
            faults=faults,
            cautions=(Caution(Reason.PEEKED, said),) if self._course is None and not faults else (),
        )
        return Reading(until, found, verdicts(found), looks or {}, earned.open if earned is not None else 0, {})


def compared_of(loaded: Loaded, name: str = "") -> tuple[str, Experiment | Interleave]:
    """Return what compares arms in a system, and its name: an experiment, or an interleaving; the only one if none is named.

    Interleavings that do not say what they are read by count where nothing else does.

    Raises:
        NotFound: There is none, none of that name, or several of which none is named.
    """
    found: dict[str, Experiment | Interleave] = {loaded.name_of(one): one for one in loaded.of(Experiment)}
    mixed = {loaded.name_of(one): one for one in loaded.of(Interleave)}
    found |= {of: one for of, one in mixed.items() if one.reward is not None}
    return named(loaded, found or {**mixed}, name)


def reader_of(loaded: Loaded, history: LogHistory, compared: Experiment | Interleave, course: Course | None) -> Reader | InterleavedReader:
    """Return what reads an experiment or an interleaving; see `Reader`."""
    kind = InterleavedReader if isinstance(compared, Interleave) else Reader
    return kind(loaded, history, compared, course)  # type: ignore[arg-type]
