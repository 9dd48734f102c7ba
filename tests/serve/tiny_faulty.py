"""A shelf whose best policy breaks as soon as a price is negative: what it looks like when parts of a system fail."""

from datetime import datetime

from millrace import Array, Entity, Event, Fallback, Fresh, Model, Pipeline, Ref, Request, Rules, System, Top, count, feature, last, outcome
from millrace.testing.scorers import Untrained


class Good(Entity):
    """What stands on the shelf."""

    price: float
    added_at: datetime


class Buy(Event):
    """Somebody bought."""

    good: Ref[Good]
    cents: float = 0.0


class Look(Request):
    """Somebody looks."""

    limit: int = 3


bought = count(Buy, per=Good, over="7d")
paid = last(Buy.cents, per=Good, default=0.0)


@feature(bought)
def value(n: Array, good: Good) -> Array:
    """What it has brought in."""
    if (good.price < 0).any():
        raise ValueError("a price is negative")
    return n * good.price


sold = outcome(Buy, within="1h")
ranker = Model(sold, features=[bought, paid, value], learner=Untrained())
fresh = Fresh(Good.added_at, take=50)
best = Pipeline(fresh, ranker, Top(Look.limit))
plain = Pipeline(fresh, Rules(bought), Top(Look.limit))

shop = System(Look, candidate=Good, policy=Fallback(best, to=plain, after="10s"))
