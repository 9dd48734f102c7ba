"""The rules of experiments: assignments that keep their shares, and scorecards that can be read from the log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from millrace.checks.rule import Problem, Rule
from millrace.errors import DeclarationError, brief
from millrace.features.plan import plan
from millrace.features.values import kind_of
from millrace.loaded import Loaded
from millrace.policy.assignment import TimeSlot
from millrace.policy.wrappers import Experiment
from millrace.schema import Field
from millrace.walk import reachable

if TYPE_CHECKING:
    from millrace.experiments.reads import Read


def _experiments_of_a_layer_stand_side_by_side(loaded: Loaded) -> Iterator[Problem]:
    for one in loaded.of(Experiment):
        layer = one.assignment.layer
        for _, policy in one.arms:
            for inner in reachable(policy):
                if layer and isinstance(inner, Experiment) and inner.assignment.layer == layer:
                    named = loaded.name_of(inner)
                    yield (
                        one,
                        f"{named} within it is of the same layer {layer!r}, so shares are not kept: make both arms of a third one",
                    )


def _scorecards_can_be_read(loaded: Loaded) -> Iterator[Problem]:
    for one in loaded.of(Experiment):
        if one.scorecard is None:
            continue
        from millrace.experiments.by_slots import over_slots
        from millrace.experiments.reads import on_log  # what they stand on is slow to import
        from millrace.experiments.scorecard import Scorecard

        if not isinstance(one.scorecard, Scorecard):
            yield one, f"scorecard={brief(one.scorecard)} is none: write Scorecard(Mean(...), guardrails=[...])"
            continue
        try:
            card, reads = on_log(one.scorecard)
            if isinstance(one.unit, TimeSlot):
                over_slots(card, one.unit.every, one.unit.washout)
                if card.segments:
                    raise DeclarationError("segments= tells units apart, and in a slot of time there are many: leave it out")
                if card.other_side:
                    raise DeclarationError("other_side= is of units that meet others, and slots of time meet everybody: leave it out")
            for read in reads:
                _check(loaded, one, read)
        except DeclarationError as error:
            yield one, str(error)


def _check(loaded: Loaded, experiment: Experiment, read: Read) -> None:
    """Refuse what cannot be read for each unit, or not as a number.

    Raises:
        DeclarationError: It cannot.
    """
    from millrace.experiments.reads import unit_way

    system = loaded.system
    unit: Any = experiment.unit
    field: Field | None = unit.by if isinstance(unit, TimeSlot) else unit
    if read.kind == "events" and field is not None and read.stream is not None:
        unit_way(read.stream, system.request, field)
    if read.kind == "events" and not isinstance(read.of, type) and kind_of(read.of) not in _NUMBERS:
        raise DeclarationError(f"{read.of.column} is {kind_of(read.of)}: metrics are of numbers, so compare it with something")
    if read.kind in ("feature", "label"):
        plan(system.request, None, [read.of])
    if read.kind == "head" and system.candidate is not None:
        named = loaded.names.get(id(read.of), brief(read.of))
        raise DeclarationError(f"covariates={named}: a ranking predicts it of what the arm has shown: use what was known before")


_NUMBERS = ("number", "boolean", "integer")


RULES: tuple[Rule, ...] = (_experiments_of_a_layer_stand_side_by_side, _scorecards_can_be_read)
