"""Stages refine decisions one after another: score, weigh, rule, leave out. None of them draws; only a chooser does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from millrace.decision import Decisions, Facts
from millrace.errors import DeclarationError, brief
from millrace.features.declare import Aggregate, OnDemand, Ratio, count
from millrace.features.learned import Learned
from millrace.models.declare import POSITION, Model, Outcome
from millrace.schema import Entity, Field, Request, Shown
from millrace.types import size


class Stage(Protocol):
    """One step of a pipeline.

    Attributes:
        draws: Whether it chooses, with stated propensities; nothing may come after a stage that does.
    """

    draws: bool

    def apply(self, d: Decisions, facts: Facts) -> Decisions:
        """Return the decisions after this step."""
        ...

    def features(self) -> tuple[Any, ...]:
        """Return the features and attributes it reads."""
        ...


@dataclass(frozen=True, eq=False)
class Score:
    """Adds a model's heads to the rows; `score` is the first head until something weighs them."""

    model: Model
    draws = False

    def features(self) -> tuple[Any, ...]:
        """Return the model's features."""
        return self.model.features

    def apply(self, d: Decisions, facts: Facts) -> Decisions:
        """Score every row with the installed version."""
        version = facts.version(self.model)
        if size(d.rows) == 0:
            empty = np.zeros(0)
            return d.with_rows(score=empty, **dict.fromkeys(self.model.heads, empty))
        values = facts.lookup(self.model.features, d)
        # Where a row will stand is not known yet: all are scored for the best place.
        place = {POSITION: np.zeros(size(d.rows))} if self.model.position else {}
        heads = version.score({**values, **place})
        # The features travel with the rows, so that the record of a decision holds what was served, not what is looked up later.
        return d.with_rows(**values, **heads, score=heads[self.model.heads[0]])


@dataclass(frozen=True, eq=False, init=False)
class Weigh:
    """Makes one score of several heads: the weighted sum of what the decision is expected to lead to."""

    weights: tuple[tuple[Outcome, float], ...]
    draws = False

    def __init__(self, weights: Mapping[Any, float]) -> None:
        for one, weight in weights.items():
            if not isinstance(one, Outcome):
                raise DeclarationError(f"Weigh({{{brief(one)}: ...}}): not an outcome; weigh the outcomes of the model before it")
            if isinstance(weight, bool) or not isinstance(weight, int | float):
                said = f"Weigh({{{one.column}: {brief(weight)}}})"
                raise DeclarationError(f"{said}: not a number; a weight says how much one such outcome is worth")
        if not weights:
            raise DeclarationError("Weigh({}): it weighs nothing; give at least one outcome a weight, or leave the stage out")
        object.__setattr__(self, "weights", tuple((one, float(weight)) for one, weight in weights.items()))

    def features(self) -> tuple[Any, ...]:
        """Return nothing: it reads the heads."""
        return ()

    def apply(self, d: Decisions, facts: Facts) -> Decisions:
        """Replace the score."""
        score = np.zeros(size(d.rows))
        for one, weight in self.weights:
            score += weight * d.rows[one.column]
        return d.with_rows(score=score)


@dataclass(frozen=True, eq=False)
class Rules:
    """Scores rows by a feature, without a model: what decides when no model can. A missing value counts as 0."""

    by: Any
    draws = False

    def __post_init__(self) -> None:
        if not isinstance(self.by, Aggregate | Ratio | OnDemand | Learned | Field):
            raise DeclarationError(f"Rules({brief(self.by)}): not a feature; pass an aggregate, a ratio or a @feature function")

    def features(self) -> tuple[Any, ...]:
        """Return the feature it scores by and, if that is a function of others, those: together they say why."""
        return (self.by, *(self.by.needs if isinstance(self.by, OnDemand) else ()))

    def apply(self, d: Decisions, facts: Facts) -> Decisions:
        """Set the score to the feature's value."""
        values = facts.lookup(self.features(), d)
        score = np.asarray(values[self.by.column], dtype=np.float64)
        return d.with_rows(**values, score=np.nan_to_num(score, nan=0.0))


@dataclass(frozen=True, eq=False)
class Only:
    """Leaves out candidates that do not meet a condition: what was withdrawn, what is sold out, and what nobody told about.

    Sources know what has happened, not what is still there. To take an entity back, send it again with its attribute changed; how it was
    stays in the log, so past decisions are what they were. A source proposes its `take` before this: give it some to spare.

    Attributes:
        by: What must be true of a candidate, or above 0: an attribute such as `Item.on_sale`, or a feature. Where it is missing, as for an
            id that only events name, the candidate is left out.
    """

    by: Any
    draws = False

    def __post_init__(self) -> None:
        if not isinstance(self.by, Aggregate | Ratio | OnDemand | Learned | Field):
            raise DeclarationError(f"Only({brief(self.by)}): not a condition; pass an attribute such as Item.on_sale, or a feature")

    def features(self) -> tuple[Any, ...]:
        """Return what it asks of candidates."""
        return (self.by,)

    def apply(self, d: Decisions, facts: Facts) -> Decisions:
        """Keep the rows of which it is true."""
        return d.keep(np.asarray(facts.lookup([self.by], d)[self.by.column], dtype=np.float64) > 0)


@dataclass(frozen=True, eq=False)
class NoRepeats:
    """Leaves out what was shown to the asker a short while ago.

    Attributes:
        by: The request's reference to who asks: `Refresh.viewer`.
        of: The candidate class.
        over: How long ago still counts.
    """

    by: Any
    of: Any
    over: str = "1d"
    shown: Aggregate = field(init=False)
    draws = False

    def __post_init__(self) -> None:
        if not isinstance(self.by, Field) or not issubclass(self.by.owner, Request):
            raise DeclarationError(f"NoRepeats({brief(self.by)}, ...): not a field of the Request; name who asks, such as Refresh.viewer")
        if not (isinstance(self.of, type) and issubclass(self.of, Entity)):
            raise DeclarationError(f"NoRepeats(..., {brief(self.of)}): not an Entity class; name the class of the candidates")
        stream = Shown[self.by.owner, self.of]
        object.__setattr__(self, "shown", count(stream, per=(Field(stream, self.by.name), self.of), over=self.over))  # type: ignore[arg-type]

    def features(self) -> tuple[Any, ...]:
        """Return the count of showings it reads."""
        return (self.shown,)

    def apply(self, d: Decisions, facts: Facts) -> Decisions:
        """Keep the rows that were not shown."""
        return d.keep(facts.lookup([self.shown], d)[self.shown.column] == 0)
