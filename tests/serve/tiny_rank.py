"""A shelf: which goods to show a visitor. Everything a system that ranks can have, as small as it gets."""

from millrace import Fallback, Fresh, GradientBoosting, Model, Pipeline, Rules, Shown, System, Top, count, outcome
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
ranked = Pipeline(fresh, ranker, Top(Look.limit, explore=0.2))
plain = Pipeline(fresh, Rules(bought), Top(Look.limit))

shelf = System(Look, candidate=Good, policy=Fallback(ranked, to=plain, after="10s"))
