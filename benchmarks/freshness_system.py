"""The smallest system whose decision shows a count: what `freshness.py` measures."""

from millrace import Act, Entity, Event, Itself, Pipeline, Ref, Request, Rules, System, count


class Card(Entity):
    """What is paid with."""

    country: str


class Swipe(Event):
    """It was used."""

    card: Ref[Card]
    cents: int


class Payment(Request):
    """It is to be used again."""

    card: Ref[Card]


swipes = count(Swipe, per=Card, over="1h")
counted = Pipeline(Itself(), Rules(swipes), Act({"decline": 5}, otherwise="approve"))
busy = System(Payment, policy=counted)
