"""A shelf that two rankers fill together."""

from millrace import Fallback, Fresh, GradientBoosting, Interleave, Model, Pipeline, Rules, Shown, System, Top, count, outcome
from tests.serve.shelf_words import Buy, Good, Look, Visitor

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
both = Interleave({"new": ranked, "old": plain}, reward=sold, unit=Look.visitor)

shelf = System(Look, candidate=Good, policy=Fallback(both, to=plain, after="10s"))
