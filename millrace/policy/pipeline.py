"""A pipeline: one source, then stages, the last of which may draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from millrace.decision import Decisions, Facts
from millrace.errors import DeclarationError, brief
from millrace.models.declare import Model
from millrace.policy.sources import Source
from millrace.policy.stages import Rules, Score, Stage
from millrace.types import Columns, size


@dataclass(frozen=True, eq=False, init=False)
class Pipeline:
    """Answers requests by its stages in order: propose, refine, choose. A Model among the stages scores.

    Raises:
        DeclarationError: Something comes after the stage that draws: its propensities would no longer be true.
    """

    source: Source
    stages: tuple[Stage, ...]

    def __init__(self, source: Source, *stages: Any) -> None:
        if not isinstance(source, Source):
            raise DeclarationError(
                f"Pipeline({brief(source)}, ...): not a source; begin with one such as Trending(...), Itself() or a union a | b"
            )
        made = tuple(Score(stage) if isinstance(stage, Model) else stage for stage in stages)
        drew = None
        for stage in made:
            if not hasattr(stage, "apply") or isinstance(stage, type):
                raise DeclarationError(f"Pipeline(..., {brief(stage)}): not a stage; use a Model, Only, NoRepeats, Rules, Weigh, Top, Act")
            if drew is not None:
                after, drawing = "the Model" if isinstance(stage, Score) else type(stage).__name__, type(drew).__name__
                remedy = "" if isinstance(stage, Score) else f", or make it a constraint of {drawing}"
                raise DeclarationError(
                    f"Pipeline(...): {after} comes after {drawing}, which draws: the stated propensities would be wrong; "
                    f"put {after} before it{remedy}"
                )
            drew = stage if stage.draws else None
        if drew is None:
            raise DeclarationError("Pipeline(...): nothing chooses; end it with Top(...) or Act(...)")
        object.__setattr__(self, "source", source)
        object.__setattr__(self, "stages", made)

    @property
    def scored_on(self) -> tuple[Any, ...]:
        """The features that its scores are made of, each once. They travel with the rows, so a record can hold what was served."""
        read = (one for stage in self.stages if isinstance(stage, Score | Rules) for one in stage.features())
        return tuple({one.column: one for one in read}.values())

    def decide(self, requests: Columns, facts: Facts) -> Decisions:
        """Return a decision for each request.

        Raises:
            Late: A source, model or threshold it cannot do without did not answer.
        """
        d = Decisions(requests, self.source.propose(requests, facts))
        if "source" not in d.rows:  # a union has named its members
            d = d.with_rows(source=np.full(size(d.rows), facts.name(self.source), dtype=object))
        for stage in self.stages:
            d = stage.apply(d, facts)
        return d.with_requests(policy=np.full(size(requests), facts.name(self), dtype=object))
