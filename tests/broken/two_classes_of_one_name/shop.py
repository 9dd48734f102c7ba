"""The shop's own events: nothing is wrong here."""

from millrace import Entity, Event, Ref


class Product(Entity):
    price: float


class Click(Event):
    product: Ref[Product]
