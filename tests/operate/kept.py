"""A kiosk that keeps what happened for some days: windows that fit, and a model that needs no training."""

from datetime import datetime

from millrace import Entity, Event, Fresh, Model, Pipeline, Ref, Request, Shown, System, Top, count, outcome, total
from millrace.testing.scorers import Untrained


class Person(Entity):
    """Who asks."""

    city: str


class Item(Entity):
    """What is asked for."""

    genre: str
    price: float
    born: datetime


class Use(Event, retain="3d"):
    """Someone used something."""

    person: Ref[Person]
    item: Ref[Item]
    seconds: float = 1.0


class Ask(Request, retain="6d"):
    """Someone asks for something."""

    person: Ref[Person]
    limit: int = 3


used = count(Use, per=Item, over=["6h", "1d"])
spent = total(Use.seconds * Use.item.price, per=Item.genre, over="2d")
asked = count(Ask, per=Person, over="2d")
shown = count(Shown[Ask, Item], per=Item, over="1d")

wanted = outcome(Use, within="1h")
ranker = Model(wanted, features=[used, spent, asked, shown, Item.genre, Person.city], learner=Untrained())
kiosk = System(Ask, candidate=Item, policy=Pipeline(Fresh(Item.born, take=6), ranker, Top(Ask.limit, explore=0.3)))
