"""A busy little system: every kind of feature over windows of seconds, and a model that needs no training."""

from datetime import datetime

import numpy as np

from millrace import (
    Array,
    AtMost,
    Entity,
    Event,
    Fallback,
    Fresh,
    Model,
    NoRepeats,
    Pipeline,
    Ref,
    Request,
    Rules,
    Shown,
    System,
    Top,
    Trending,
    count,
    feature,
    last,
    maximum,
    mean,
    outcome,
    ratio,
    total,
)
from millrace.testing.scorers import Untrained


class Person(Entity):
    """Who asks."""

    city: str


class Item(Entity):
    """What is asked for."""

    genre: str
    price: float
    born: datetime


class Use(Event):
    """Someone used something."""

    person: Ref[Person]
    item: Ref[Item]
    seconds: float | None = None
    liked: bool = False


class Ask(Request):
    """Someone asks for something."""

    person: Ref[Person]
    limit: int = 3


used = count(Use, per=Item, over=["1s", "5s", "ever"])
habits = count(Use, per=[(Person, Item.genre), Person.city], over="3s")
spent = total(Use.seconds * Use.item.price, per=Item.genre, over="5s")
liking = mean(Use.liked, per=[Person, Item], over="2s")
longest = maximum(Use.seconds, per=Item, over="2s")
before = last(Use.seconds, per=Person)
asked = count(Ask, per=Person, over="4s")
shown = count(Shown[Ask, Item], per=Item, over="2s")
firsts = count(Shown[Ask, Item], per=Person, over="ever", where=Shown[Ask, Item].rank == 0)
pull = ratio(used["5s"], shown, prior=(1, 2))


@feature(used["1s"], liking[Item, "2s"])
def heat(now: Array, liked: Array, at: Array, item: Item) -> Array:
    """How much it is used just now, beside how it is liked and how old it is."""
    return now + np.nan_to_num(liked) + (at - item.born) / np.timedelta64(1, "s")


wanted = outcome(Use, within="2s")
ranker = Model(
    wanted,
    features=[used, habits, spent, liking, longest, before, asked, shown, firsts, pull, heat, Item.genre, Item.price, Person.city],
    learner=Untrained(),
)

fresh = Fresh(Item.born, take=6)
trending = Trending(Use.item, over="3s", take=6)
ranked = Pipeline(
    fresh | trending, NoRepeats(Ask.person, Item, over="200ms"), ranker, Top(Ask.limit, AtMost(2, per=Item.genre), explore=0.3)
)
plain = Pipeline(fresh, Rules(used["5s"]), Top(Ask.limit))

busy = System(Ask, candidate=Item, policy=Fallback(ranked, to=plain, after="10s"))
