from datetime import datetime

import pytest

from millrace.errors import DeclarationError
from millrace.features.routes import row_route
from millrace.schema import Entity, Event, Field, Ref, Request


class Maker(Entity):
    country: str


class Item(Entity):
    maker: Ref[Maker]
    born: datetime


class Person(Entity):
    city: str


class Device(Entity):
    system: str


class Order(Request):
    person: Ref[Person]
    device: Ref[Device]


class Refund(Event):
    order: Ref[Order]
    person: Ref[Person]


class Ask(Request):
    person: Ref[Person]
    maker: Ref[Maker]
    text: str


class Swap(Request):
    sender: Ref[Person]
    receiver: Ref[Person]


@pytest.mark.parametrize(
    ("request_class", "candidate", "key", "side", "field"),
    [
        (Ask, Item, Item, "candidate", "Item.id"),
        (Ask, Item, Item.born, "candidate", "Item.born"),
        (Ask, Item, Ask.text, "request", "Ask.text"),
        (Ask, Item, Ask, "request", "Ask.id"),
        (Ask, Item, Person, "request", "Ask.person"),
        (Ask, Item, Person.city, "request", "Ask.person.city"),
        (Ask, Item, Maker, "request", "Ask.maker"),
        (Order, Item, Maker, "candidate", "Item.maker"),
        (Order, Item, Maker.country, "candidate", "Item.maker.country"),
        (Order, Item, Item.maker.country, "candidate", "Item.maker.country"),
        (Order, Item, Order.person.city, "request", "Order.person.city"),
        (Order, None, Device, "request", "Order.device"),
        (Order, None, Refund.order.device, "request", "Order.device"),
        (Ask, Item, Refund.person, "request", "Ask.person"),
        (Ask, Item, Refund.order.person, "request", "Ask.person"),
        (Swap, Item, Swap.receiver, "request", "Swap.receiver"),
        (Swap, None, Swap.receiver.city, "request", "Swap.receiver.city"),
    ],
)
def test_a_row_reaches_a_key_by_the_nearest_way(request_class, candidate, key, side, field):
    way = row_route(request_class, candidate, key)
    assert (way.side, way.field.column) == (side, field)
    assert isinstance(way.field, Field)


@pytest.mark.parametrize(("key", "rest"), [(Person, ""), (Person.city, ".city")])
def test_two_equally_near_ways_are_refused_with_both_named(key, rest):
    said = rf"in 2 ways \(Swap.sender{rest}, Swap.receiver{rest}\): name the one you mean, per=Swap.sender{rest}$"
    with pytest.raises(DeclarationError, match=said):
        row_route(Swap, Item, key)


def test_a_key_out_of_reach_is_refused_with_what_would_help():
    with pytest.raises(DeclarationError, match=r"a row of Ask and Item cannot reach Device: add a Ref\[Device\] to one of them"):
        row_route(Ask, Item, Device)
    with pytest.raises(DeclarationError, match="a row of Order cannot reach Item"):
        row_route(Order, None, Item.born)
