"""An experiment read from its log: who was exposed, what came of it, and what may be concluded by the rule that was planned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

import msgspec
import numpy as np

from millrace.errors import NotFound
from millrace.experiments.balance import Balance, balance
from millrace.experiments.by_slots import over_slots
from millrace.experiments.closer import Closer
from millrace.experiments.looks import Look
from millrace.experiments.needs import Needs
from millrace.experiments.readout import ReadOut
from millrace.experiments.reads import Read, on_log
from millrace.experiments.reasons import Caution, Reason, Refused
from millrace.experiments.scorecard import Compare, Scorecard, at_one_look
from millrace.experiments.spending import Pocock
from millrace.experiments.srm import Shares, sample_ratio
from millrace.experiments.srm_sequential import sample_ratio_so_far
from millrace.experiments.stopping import Anytime, Fixed, GroupSequential, Rule
from millrace.experiments.summary import Summary, summary_of
from millrace.experiments.verdict import Verdict, verdicts
from millrace.loaded import Loaded
from millrace.operate.by_rule import ByRule, past_looks
from millrace.operate.exposures import exposures
from millrace.operate.history import LogHistory
from millrace.operate.reading_closer import Plan, closely
from millrace.operate.reading_other_side import Sides, other_sides
from millrace.operate.scanning import scan
from millrace.operate.slot_units import closes, settled, whole
from millrace.operate.unit_columns import Units, old_enough
from millrace.policy.assignment import TimeSlot
from millrace.policy.wrappers import Experiment
from millrace.stores.experiments import Course
from millrace.types import EVER, Array, Columns, size, take

RULES: dict[str, Callable[..., Rule]] = {
    "fixed": Fixed,
    "group": GroupSequential,
    "pocock": partial(GroupSequential, spending=Pocock()),
    "anytime": Anytime,
}
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
        closer: By treatment, a closer look at the primary metric, where one was asked for; at other metrics, by `metric of treatment`.
        other_side: By treatment and what they are called, how its units met those whom nobody assigned, where a closer look was asked for.
    """

    at: int
    found: ReadOut
    verdicts: tuple[Verdict, ...]
    looks: dict[str, Look]
    waiting: int
    balance: dict[str, tuple[Balance, ...]]
    closer: dict[str, Closer] = {}  # noqa: RUF012 - a field
    other_side: dict[str, Sides] = {}  # noqa: RUF012 - a field


class Reader:
    """Reads an experiment, as of any instant.

    Args:
        loaded: The system.
        history: Its log, as training reads it.
        experiment: The experiment.
        course: What is on record of it; None where it was never started.

    Raises:
        NotFound: The experiment declares no scorecard.
    """

    def __init__(self, loaded: Loaded, history: LogHistory, experiment: Experiment, course: Course | None) -> None:
        if not isinstance(experiment.scorecard, Scorecard):
            raise NotFound(f"{loaded.name_of(experiment)} declares no scorecard=: say what it is read by, scorecard=Scorecard(Mean(...))")
        self._loaded, self._history, self._experiment = loaded, history, experiment
        self._course = course
        self.card, self.reads = on_log(experiment.scorecard)
        if isinstance(slot := experiment.unit, TimeSlot):
            self.card = over_slots(self.card, slot.every, slot.washout)

        self.primary, self.confidence = self.card.primary.name, self.card.confidence
        self.arms, self.shares = experiment.assignment.arms, experiment.assignment.shares

    @property
    def since(self) -> int:
        """From when on decisions count, microseconds."""
        return self._course.began if self._course is not None else EVER

    def units(self, until: int) -> tuple[Columns, int, tuple[Caution, ...]]:
        """Return (units old enough with a column per read, how many are too young, cautions), as known before an instant.

        Raises:
            Refused: Too many units were seen in two arms.
        """
        seen = exposures(self._loaded, self._history, self._experiment, self.since, until)
        slot, reads = self._experiment.unit, self.reads
        is_slot = isinstance(slot, TimeSlot)
        ripe = settled(seen.units, slot, reads, self.since, until) if is_slot else old_enough(seen.units, reads, until)
        columns = Units(self._loaded, self._history, self._experiment, ripe, until).columns(reads)
        columns = whole(columns, ripe, slot, reads) if is_slot else columns
        return {**ripe, **columns}, size(seen.units) - size(ripe), seen.cautions

    def read(
        self, until: int, past: Mapping[str, Sequence[Look]] | None = None, *, closer: bool = False, also: Sequence[str] = ()
    ) -> Reading:
        """Return what may be said as of an instant.

        Args:
            until: What was known before it counts, microseconds.
            past: Earlier looks; those on record if not given.
            closer: Whether to look at the primary metric more closely: by segment, by exposure age, as a belief; and at the other side.
            also: The names of other metrics to be looked at as closely.

        Raises:
            NotFound: No unit was exposed long enough ago.
            BadInput: There is no such metric.
        """
        arms, shares = self._experiment.assignment.arms, self._experiment.assignment.shares
        try:
            units, waiting, cautions = self.units(until)
        except Refused as refused:
            return self._refused(until, refused)
        if not size(units):
            met = f"{waiting} are waiting" if waiting else "and nobody has met it since it began"
            raise NotFound(f"no unit is old enough to be read yet, {met}: look again later")
        needs = self.card.needs()
        summaries = scan({name: units[name] for name in ("arm", *needs.columns(), *needs.labels)}, needs)[""]
        seen: dict[str, Look] = {}
        past = past_looks(self._course) if past is None else past
        compare, said = self._compare(past, seen)
        arms_ = {name: summaries.get(name) or _empty(name, needs) for name in arms}
        found = self.card.read(arms_, arms[0], dict(zip(arms, shares, strict=True)), compare, self._check)
        found = msgspec.structs.replace(found, cautions=(*found.cautions, *cautions, *said))
        near = self._closer((self.primary, *also), found, units, until, past) if closer or also else {}
        sides = self._other_sides(found, units, until) if closer else {}
        return Reading(until, found, verdicts(found, near), seen, waiting, self._balance(units), near, sides)

    def course(self, until: int, steps: int = 20) -> list[Reading]:
        """Return readings at instants spread evenly up to one, those of them at which there is something to read; each knows those before.

        It is what would have been seen, had one looked then; it takes nothing from the looks on record.
        """
        slot = self._experiment.unit
        late = closes(slot, self.reads) if isinstance(slot, TimeSlot) else max((read.closes for read in self.reads), default=0)
        seen = exposures(self._loaded, self._history, self._experiment, self.since, until).units
        if not size(seen) or (begun := int(seen["first"].min()) + late) >= until:
            return []
        past: dict[str, list[Look]] = {}
        found: list[Reading] = []
        last = min(until, int(seen["first"].max()) + late + 1)  # later ones would read the same
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

    def _compare(self, past: Mapping[str, Sequence[Look]], seen: dict[str, Look]) -> tuple[Compare, tuple[Caution, ...]]:
        if self._course is None:
            said = "no plan is on record (millrace experiment start), so figures hold for one look, planned beforehand"
            return at_one_look, (Caution(Reason.PEEKED, said),)
        plan = self._course.plan
        return ByRule(RULES[plan.rule], plan.planned, past, seen), ()

    def _check(self, units: Mapping[str, int], weights: Mapping[str, float]) -> Shares:
        """Return whether units spread as planned, by a test for one look, or by one for any number where the rule allows for several."""
        if self._course is None or RULES[self._course.plan.rule] is Fixed:
            return sample_ratio(units, weights)
        now = np.array([units.get(arm, 0) for arm in weights])
        counts = [np.array([one.get("units", {}).get(arm, -1) for arm in weights]) for one in self._course.looks]
        grown = [one for one in counts if (one >= 0).all() and (one <= now).all()]  # who was forgotten since is in no count
        table = np.maximum.accumulate(np.array([*grown, now]), axis=0)
        return sample_ratio_so_far(dict(zip(weights, table.T, strict=True)), weights)

    def _closer(
        self, metrics: Sequence[str], found: ReadOut, columns: Columns, until: int, past: Mapping[str, Sequence[Look]]
    ) -> dict[str, Closer]:
        of = self._course.plan if self._course is not None else None
        plan = Plan(RULES[of.rule] if of else Fixed, of.planned if of else None, of.effect if of else None, past if of else {})
        units = Units(self._loaded, self._history, self._experiment, columns, until)
        near: dict[str, Closer] = {}
        for metric in metrics:
            near |= closely(metric, found, self.card, self.reads, units, columns, until, plan, self._loaded.names)
        return near

    def _other_sides(self, found: ReadOut, columns: Columns, until: int) -> dict[str, Sides]:
        units = Units(self._loaded, self._history, self._experiment, columns, until)
        return other_sides(found, self.card, units, columns, self._history, until)

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


def _is_before(read: Read) -> bool:
    return read.kind in ("feature", "head") or read.end == 0


def _treated(arms: Array, arm: str) -> Array:
    return arms.astype(str) == arm


def _empty(arm: str, needs: Needs) -> Summary:
    limits = dict.fromkeys(needs.winsorised(), float("nan"))
    return summary_of({column: np.zeros(0) for column in (*needs.columns(), *needs.labels)}, arm, needs, limits)
