"""An experiment read from its log: who was exposed, what came of it, and what may be concluded by the rule that was planned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import numpy as np

from millrace.errors import NotFound
from millrace.experiments.balance import Balance, balance
from millrace.experiments.comparison import Asked, Comparison
from millrace.experiments.looks import Look
from millrace.experiments.metric import Metric
from millrace.experiments.needs import Needs
from millrace.experiments.non_inferior import NonInferior
from millrace.experiments.readout import ReadOut
from millrace.experiments.reads import Read, on_log
from millrace.experiments.reasons import Caution, Reason, Refused
from millrace.experiments.scorecard import Compare, Scorecard, at_one_look
from millrace.experiments.sequential_comparison import look, sequential_comparison
from millrace.experiments.stopping import Anytime, Fixed, GroupSequential, Rule
from millrace.experiments.summary import Summary, summary_of
from millrace.experiments.verdict import Verdict, verdicts
from millrace.loaded import Loaded
from millrace.operate.exposures import exposures
from millrace.operate.history import LogHistory
from millrace.operate.scanning import scan
from millrace.operate.unit_columns import Units, old_enough
from millrace.policy.assignment import TimeSlot
from millrace.policy.wrappers import Experiment
from millrace.serve.home import Home
from millrace.stores.experiments import Course
from millrace.types import EVER, Array, Columns, size, take

RULES: dict[str, type[Rule]] = {"fixed": Fixed, "group": GroupSequential, "anytime": Anytime}
"""How an experiment may be looked at, by the name it is on record with."""


class Reading(NamedTuple):
    """An experiment as of an instant.

    Attributes:
        at: The instant, microseconds.
        found: What the scorecard says.
        verdicts: What may be concluded of each treatment.
        looks: What was seen by metric and arm, to be put on record.
        waiting: How many units were exposed and are too young to be read.
        balance: By treatment, how alike it and the control were beforehand in the metrics' covariates.
    """

    at: int
    found: ReadOut
    verdicts: tuple[Verdict, ...]
    looks: dict[str, Look]
    waiting: int
    balance: dict[str, tuple[Balance, ...]]


class Reader:
    """Reads an experiment, as of any instant.

    Args:
        loaded: The system.
        home: Its folder; the log is only read.
        history: Its log, as training reads it.
        experiment: The experiment.
        course: What is on record of it; None where it was never started.

    Raises:
        NotFound: The experiment declares no scorecard.
    """

    def __init__(self, loaded: Loaded, home: Home, history: LogHistory, experiment: Experiment, course: Course | None) -> None:
        if not isinstance(experiment.scorecard, Scorecard):
            raise NotFound(f"{loaded.name_of(experiment)} declares no scorecard=: say what it is read by, scorecard=Scorecard(Mean(...))")
        self._loaded, self._home, self._history, self._experiment = loaded, home, history, experiment
        self._course = course
        self.card, self.reads = on_log(experiment.scorecard)

    @property
    def since(self) -> int:
        """From when on decisions count, microseconds."""
        return self._course.began if self._course is not None else EVER

    def units(self, until: int) -> tuple[Columns, int, tuple[Caution, ...]]:
        """Return (units old enough with a column per read, how many are too young, cautions), as known before an instant.

        Raises:
            Refused: Too many units were seen in two arms.
        """
        seen = exposures(self._loaded, self._home.log, self._history, self._experiment, self.since, until)
        ripe = old_enough(seen.units, self.reads, until)
        columns = Units(self._loaded, self._history, self._experiment, ripe, until).columns(self.reads)
        return {**ripe, **columns}, size(seen.units) - size(ripe), seen.cautions

    def read(self, until: int, past: Mapping[str, Sequence[Look]] | None = None) -> Reading:
        """Return what may be said as of an instant.

        Args:
            until: What was known before it counts, microseconds.
            past: Earlier looks; those on record if not given.

        Raises:
            NotFound: No unit was exposed long enough ago.
        """
        arms, shares = self._experiment.assignment.arms, self._experiment.assignment.shares
        try:
            units, waiting, cautions = self.units(until)
        except Refused as refused:
            return self._refused(until, refused)
        if not size(units):
            raise NotFound(f"no unit is old enough to be read yet, {waiting} are waiting: look again later")
        needs = self.card.needs()
        summaries = scan({name: units[name] for name in ("arm", *needs.columns())}, needs)[""]
        seen: dict[str, Look] = {}
        compare, said = self._compare(self._past() if past is None else past, seen)
        found = self.card.read(
            {name: summaries.get(name) or _empty(name, needs) for name in arms}, arms[0], dict(zip(arms, shares, strict=True)), compare
        )
        found = msgspec.structs.replace(found, cautions=(*found.cautions, *cautions, *said, *_of_slots(self._experiment)))
        return Reading(until, found, verdicts(found), seen, waiting, self._balance(units))

    def course(self, until: int, steps: int = 20) -> list[Reading]:
        """Return readings at instants spread evenly up to one, those of them at which there is something to read; each knows those before.

        It is what would have been seen, had one looked then; it takes nothing from the looks on record.
        """
        closes = max((read.closes for read in self.reads), default=0)
        seen = exposures(self._loaded, self._home.log, self._history, self._experiment, self.since, until).units
        if not size(seen) or (begun := int(seen["first"].min()) + closes) >= until:
            return []
        past: dict[str, list[Look]] = {}
        found: list[Reading] = []
        last = min(until, int(seen["first"].max()) + closes + 1)  # later ones would read the same
        for at in np.linspace(begun, last, steps + 1)[1:].astype(np.int64).tolist():
            with suppress(NotFound):
                found.append(self.read(at, past))
                for key, one in found[-1].looks.items():
                    past.setdefault(key, []).append(one)
        return found

    def _refused(self, until: int, refused: Refused) -> Reading:
        """Return a reading that concludes nothing."""
        control, *others = self._experiment.assignment.arms
        fault = Caution(refused.reason, str(refused))
        found = ReadOut(control=control, arms=tuple(others), confidence=self.card.confidence, findings=(), faults=(fault,))
        return Reading(until, found, verdicts(found), {}, 0, {})

    def _past(self) -> dict[str, list[Look]]:
        past: dict[str, list[Look]] = {}
        for one in self._course.looks if self._course is not None else ():
            for key, seen in one["looks"].items():
                past.setdefault(key, []).append(msgspec.convert(seen, Look))
        return past

    def _compare(self, past: Mapping[str, Sequence[Look]], seen: dict[str, Look]) -> tuple[Compare, tuple[Caution, ...]]:
        if self._course is None:
            said = "no plan is on record (millrace experiment start), so figures hold for one look, planned beforehand"
            return at_one_look, (Caution(Reason.PEEKED, said),)
        plan = self._course.plan
        return _ByRule(RULES[plan.rule], plan.planned, past, seen), ()

    def _balance(self, units: Columns) -> dict[str, tuple[Balance, ...]]:
        before = {read.column: units[read.column] for read in self.reads if read.kind != "outcome" and _is_before(read)}
        control, *others = self._experiment.assignment.arms
        found: dict[str, tuple[Balance, ...]] = {}
        for arm in others if before else ():
            both = np.isin(units["arm"].astype(str), [control, arm])
            try:
                found[arm] = balance(take(before, both), _treated(units["arm"][both], arm))
            except Refused:  # the read-out says what is wrong with the column
                continue
        return found


def _of_slots(experiment: Experiment) -> tuple[Caution, ...]:
    if not isinstance(experiment.unit, TimeSlot):
        return ()
    said = "what reaches from one time slot into the next is counted for the next one's arm"
    return (Caution(Reason.CARRY_OVER, f"{said}: have slots that are long beside it, or read them by switchback with a washout"),)


def _is_before(read: Read) -> bool:
    return read.kind in ("feature", "head") or read.end == 0


def _treated(arms: Array, arm: str) -> Array:
    return arms.astype(str) == arm


def _empty(arm: str, needs: Needs) -> Summary:
    limits = dict.fromkeys(needs.winsorised(), float("nan"))
    return summary_of({column: np.zeros(0) for column in needs.columns()}, arm, needs, limits)


@dataclass
class _ByRule:
    """Compares arms by a rule that allows for looks, and notes what was seen."""

    rule: type[Rule]
    planned: int
    past: Mapping[str, Sequence[Look]]
    seen: dict[str, Look] = field(default_factory=dict)

    def __call__(self, metric: Metric | NonInferior, control: Any, treatment: Any, asked: Asked) -> Comparison:
        read = metric.compare(control, treatment, asked)
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

    def _told(self, key: str, read: Comparison, asked: Asked) -> Comparison:
        self.seen[key] = now = look(read)
        earlier = [one for one in self.past.get(key, ()) if one.n < now.n]
        rule = self.rule(planned=self.planned, alpha=1 - asked.confidence, alternative=asked.alternative, beyond=asked.beyond)
        return sequential_comparison(read, rule, earlier)
