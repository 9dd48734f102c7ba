"""A shelf that two rankers fill together."""

from datetime import datetime

from millrace import (
    Entity,
    Event,
    Fallback,
    Fresh,
    GradientBoosting,
    Interleave,
    Model,
    Pipeline,
    Ref,
    Request,
    Rules,
    Shown,
    System,
    Top,
    count,
    outcome,
)


class Visitor(Entity):
    """Who comes by."""

    country: str


class Good(Entity):
    """What stands on the shelf."""

    kind: str
    added_at: datetime


class Buy(Event):
    """A visitor bought."""

    visitor: Ref[Visitor]
    good: Ref[Good]
    cents: int = 100


class Look(Request):
    """A visitor looks."""

    visitor: Ref[Visitor]
    limit: int = 3


bought = count(Buy, per=Good, over="7d")
shown = count(Shown[Look, Good], per=Good, over="7d")
mine = count(Buy, per=Visitor, over="ever")

sold = outcome(Buy, within="1h")
ranker = Model(
    sold,
    features=[bought, shown, mine, Good.kind, Visitor.country],
    learner=GradientBoosting(trees=5, min_rows=5, patience=None),
    position=True,
)

fresh = Fresh(Good.added_at, take=50)
ranked = Pipeline(fresh, ranker, Top(Look.limit))
plain = Pipeline(fresh, Rules(bought), Top(Look.limit))
both = Interleave({"new": ranked, "old": plain})

shelf = System(Look, candidate=Good, policy=Fallback(both, to=plain, after="10s"))
