"""What is learned, declared: outcomes (what we hope to see), examples (where rows come from) and models (their use)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from millrace.errors import DeclarationError, brief
from millrace.expressions import Expr
from millrace.features.declare import Aggregate, OnDemand, Ratio, flatten
from millrace.features.learned import Learned
from millrace.schema import Field, stream_of
from millrace.types import micros

TAKES = ("any", "sum", "last", "consensus")


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a decision led to, within a time.

    Attributes:
        of: The event class, or an expression over its fields.
        within: How long after the decision (or after `after`) it still counts.
        take: any (did it happen, or was it ever true), sum, last, or consensus (the mean of several verdicts).
        after: An instant attribute of the candidate from which the time runs; None is the decision's own instant.
        seen_if: The actions after which it can be seen at all; None when any row taken can be. A declined payment is unlabelled, not
            negative.
    """

    of: Any
    within: str
    take: str
    after: Field | None
    seen_if: tuple[str, ...] | None

    @property
    def stream(self) -> type:
        """The event class it reads."""
        return stream_of(self.of)

    @property
    def value(self) -> Expr | None:
        """The expression it takes; None when the event itself is what counts."""
        return self.of if isinstance(self.of, Expr) else None

    @property
    def window(self) -> int:
        """`within` in microseconds."""
        return micros(self.within)

    @property
    def column(self) -> str:
        """Its structure as text: the name of its label and of the head that predicts it."""
        what = self.of.column if isinstance(self.of, Expr) else self.of.__name__
        after = f" after {self.after.column}" if self.after is not None else ""
        seen = f" seen if {'|'.join(self.seen_if)}" if self.seen_if is not None else ""
        return f"{self.take}({what}) within {self.within}{after}{seen}"


def outcome(of: Any, *, within: str, take: str = "any", after: Any = None, seen_if: tuple[str, ...] | str | None = None) -> Any:
    """Declare what a decision should lead to: `outcome(Watch.completed, within="30m")`. Arguments as for `Outcome`.

    An event belongs to the latest decision before it that it fits: every reference the two share must name the same thing.
    """
    stream_of(of, "outcome(): ")
    micros(within)
    if take not in TAKES:
        raise DeclarationError(f"outcome(): take={take!r} is not known: use one of {', '.join(TAKES)}")
    if take != "any" and not isinstance(of, Expr):
        raise DeclarationError(f"outcome(): take={take!r} needs a value: name a field of {of.__name__} instead of the event")
    if after is not None and not (isinstance(after, Field) and after.kind == "instant"):
        raise DeclarationError(f"outcome(): after={brief(after)} is not an instant; name an attribute of the candidate that is a datetime")
    return Outcome(of, within, take, after, (seen_if,) if isinstance(seen_if, str) else seen_if)


@dataclass(frozen=True)
class Decided:
    """Examples are the rows taken in logged decisions, labelled by their outcomes. The default."""


@dataclass(frozen=True)
class Pairs:
    """Examples are events, for retrieval: who did it, with which candidate.

    Attributes:
        positive: The event class, or an expression over its fields that is true of a positive.
        query: The event's reference to who asks; None when it has one that a request of the system shares.
        candidate: The event's reference to the candidate; None when it has exactly one.
    """

    positive: Any
    query: Field | None = None
    candidate: Field | None = None

    def __post_init__(self) -> None:
        stream_of(self.positive, "Pairs(): ")


@dataclass(frozen=True)
class Judged:
    """Examples are human judgements: each event of a class labels the request (or candidate) that it refers to.

    Attributes:
        of: The event class; the model's outcomes read its fields.
    """

    of: Any

    def __post_init__(self) -> None:
        stream_of(self.of, "Judged(): ")


POSITION = "position"
"""The column of a model's rows that holds the place a row was shown at, 0 the best, if the model learns it."""


@dataclass(frozen=True, eq=False, init=False)
class Model:
    """Something learned: from which features, for which outcomes, by which learner, from which examples.

    Args:
        outcomes: What it predicts, a head for each; the first one is the score of a pipeline that does not weigh them.
        features: Aggregates, families, ratios, functions and attributes.
        learner: The algorithm with its settings.
        examples: `Decided()`, `Pairs(...)` or `Judged(...)`.
        position: Whether the place a row was shown at is learned beside its features. Rows are then scored as if all stood in the best
            place, so that what was shown low, and looked at less, is not held against a candidate.
        updates: How often what it believes follows the log, such as "1m", for learners that hold a belief (`BetaBelief`, `LinearBelief`
            and so on). It is fitted anew on all outcomes known by then and serves at once, with neither a gate nor a rollout; before the
            first time, what the learner believes of nothing serves. None leaves it to `Retrain`, as other models are.
    """

    outcomes: tuple[Outcome, ...]
    features: tuple[Any, ...]
    learner: Any
    examples: Decided | Pairs | Judged
    position: bool
    updates: str | None

    def __init__(
        self,
        *outcomes: Any,
        learner: Any,
        features: Any = (),
        examples: Decided | Pairs | Judged | None = None,
        position: bool = False,
        updates: str | None = None,
    ) -> None:
        flat = tuple(flatten(features))
        for one in outcomes:
            if not isinstance(one, Outcome):
                raise DeclarationError(f"Model({brief(one)}, ...): not an outcome; declare one with outcome(..., within=...)")
        for one in flat:
            if not isinstance(one, Aggregate | Ratio | OnDemand | Learned | Field):
                raise DeclarationError(
                    f"Model(features=[{brief(one)}]): not a feature; use aggregates, ratios, @feature functions and attributes"
                )
        if not outcomes:
            raise DeclarationError("Model(): it has no outcome to learn; pass at least one outcome(..., within=...)")
        if not hasattr(learner, "fit") or isinstance(learner, type):
            raise DeclarationError(f"Model(learner={brief(learner)}): not a learner; use one such as GradientBoosting() or Logistic()")
        columns = [one.column for one in flat]
        if twice := next((column for column in columns if columns.count(column) > 1), None):
            raise DeclarationError(f"Model(): features= lists {twice} twice; list it once")
        if position and not isinstance(examples or Decided(), Decided):
            raise DeclarationError("Model(position=True): only decided rows were shown at a place; drop position= or examples=")
        if updates is not None:
            micros(updates)
            if not hasattr(learner, "untaught"):
                said = f"Model(learner={brief(learner)}, updates={updates!r})"
                raise DeclarationError(f"{said}: it holds no belief to be kept up; drop updates=, or use one such as BetaBelief()")
        settings = {"position": position, "outcomes": outcomes, "features": flat, "learner": learner, "examples": examples or Decided()}
        settings["updates"] = updates
        for name, value in settings.items():
            object.__setattr__(self, name, value)

    @property
    def heads(self) -> tuple[str, ...]:
        """The columns its versions predict, one per outcome."""
        return tuple(one.column for one in self.outcomes)
