"""A tiny shop for the tests of features: its declarations, random logs of it, and the two forms a log is read in."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from hypothesis import strategies as st

from millrace.decision import Decisions
from millrace.features.declare import count, flatten, last, maximum, mean, minimum, ratio, total
from millrace.features.declare_patterns import decayed, deviation, first, last_k, since, streak, variance, velocity
from millrace.features.declare_values import distinct, median, quantile, top_k
from millrace.schema import Entity, Event, Field, Ref, Request, Shown, field_names
from millrace.types import SECOND, Columns, objects
from tests.features.naive import Record, Row


class Maker(Entity):
    country: str | None = None


class Item(Entity):
    maker: Ref[Maker] | None = None
    genre: str | None = None
    price: float | None = None
    stock: int | None = None
    born: datetime


class Person(Entity):
    city: str


class Look(Event):
    person: Ref[Person] | None = None
    item: Ref[Item] | None = None
    seconds: float | None = None
    bought: bool = False
    cents: int = 0
    note: str | None = None


class Order(Request):
    person: Ref[Person]
    device: str | None = None
    cents: int


class Refund(Event):
    order: Ref[Order]
    cents: int | None = None


class Browse(Request):
    person: Ref[Person]
    device: str = ""


Seen = Shown[Browse, Item]
CLASSES = (Maker, Item, Person, Look, Order, Refund, Browse, Seen)
SHORT, LONG = "10s", "1m"


def over(window: str) -> dict[str, Any]:
    """Return a window as arguments: the short one with a hop that does not divide it."""
    return {"over": window, "hop": "3s"} if window == SHORT else {"over": window}


def browsing(window: str) -> list[Any]:
    """Return features of rows that are items shown to a person, over a window."""
    plays = count(Look, per=Item, **over(window))
    sold = count(Look, per=Item, where=Look.bought, **over(window))
    return [
        plays,
        sold,
        ratio(sold, plays, prior=(1.0, 2.0)),
        ratio(sold, plays),
        count(Look, per=Look.item, where=(Look.seconds > 1) & (Look.item.price < 3), **over(window)),
        count(Seen, per=Item, where=Seen.rank == 0, **over(window)),
        count(Seen, per=(Person, Item.genre), **over(window)),
        count(Browse, per=Browse.device, **over(window)),
        total(Look.cents, per=Person, **over(window)),
        total(Look.seconds, per=Item.genre, **over(window)),
        total(Look.seconds * Look.item.price, per=(Person, Item.genre, Item.maker), **over(window)),
        total(Look.bought, per=Item.stock, **over(window)),
        mean(Look.bought, per=(Person, Item.genre), **over(window)),
        mean(Look.seconds, per=Look.item.maker.country, **over(window)),
        mean(Look.seconds / Look.cents, per=Person, default=-1.0, **over(window)),
        minimum(Look.seconds, per=Item, default=0.5, **over(window)),
        maximum(Look.seconds, per=(Person, Item), **over(window)),
        maximum(Look.cents, per=Item.maker, where=~Look.bought, **over(window)),
        maximum(Look.at, per=Person, **over(window)),
        last(Look.note, per=Person, **over(window)),
        last(Look.note, per=Look.item.genre, default="none", **over(window)),
        last(Look.seconds, per=Item, where=Look.note == "a", **over(window)),
        last(Look.item, per=Person, **over(window)),
    ]


def patterns(window: str) -> list[Any]:
    """Return features of how a key's events spread and follow each other, over a window."""
    return [
        variance(Look.seconds, per=Item, **over(window)),
        variance(Look.cents, per=(Person, Item.genre), default=7.0, **over(window)),
        deviation(Look.seconds * 1e8 + Look.cents, per=Person, **over(window)),
        deviation(Look.bought, per=Look.item.maker.country, **over(window)),
        first(Look.note, per=Person, **over(window)),
        first(Look.seconds, per=Item, where=Look.bought, default=-2.0, **over(window)),
        *last_k(Look.note, 3, per=Person, default="none", **over(window)),
        *last_k(Look.seconds, 2, per=(Person, Item), **over(window)),
        since(Look, per=Item, **over(window)),
        since(Seen, per=Person, where=Seen.rank == 0, default=-1.0, **over(window)),
        since(Browse, per=Browse.device, **over(window)),
        streak(Look.bought, per=Person, **over(window)),
        streak(Look.seconds > 0.15, per=Item.genre, where=Look.cents > 0, **over(window)),
    ]


def having(window: str) -> list[Any]:
    """Return features of which values a key's events have, over a window: exact, and above what is counted exactly."""
    return [
        distinct(Look.note, per=Item, **over(window)),
        distinct(Look.item, per=Person, where=Look.bought, **over(window)),
        distinct(Look.seconds, per=(Person, Item.genre), exact=3, **over(window)),
        distinct(Look.cents, per=Look.item.maker.country, exact=0, **over(window)),
        distinct(Browse.at, per=Browse.device, exact=1, **over(window)),
        *top_k(Look.note, 2, per=Item, default="none", **over(window)),
        *top_k(Look.seconds, 3, per=Person, **over(window)),
        *top_k(Look.item.genre, 1, per=(Person, Item.maker), **over(window)),
        *top_k(Look.bought, 2, per=Item.genre, where=Look.cents > 0, **over(window)),
        quantile(Look.seconds, 0.3, per=Item, **over(window)),
        quantile(Look.seconds, 0.9, per=Person, exact=2, default=-1.0, **over(window)),
        quantile(Look.cents, 0.25, per=(Person, Item.genre), exact=0, **over(window)),
        median(Look.seconds * 0.3 - Look.cents, per=Look.item, exact=3, where=~Look.bought, **over(window)),
        median(Look.bought, per=Person, **over(window)),
    ]


def fading(window: str) -> list[Any]:
    """Return features of how a key's events fade, over a window."""
    return [
        decayed(Look, per=Item, half_life="2s", **over(window)),
        decayed(Look.cents, per=(Person, Item.genre), half_life="7s", where=~Look.bought, **over(window)),
        decayed(Look.seconds * Look.seconds, per=Person, half_life="500ms", **over(window)),
        ratio(decayed(Look.bought, per=Item, half_life="3s", **over(window)), decayed(Look, per=Item, half_life="3s", **over(window))),
    ]


def ordering(window: str) -> list[Any]:
    """Return features of orders, each its own one candidate, over a window."""
    return [
        *count(Order, per=[Person, Order.device, (Person, Order.device)], **over(window)),
        total(Order.cents, per=Person, **over(window)),
        count(Refund, per=Refund.order.device, **over(window)),
        total(Refund.cents, per=Refund.order.person, **over(window)),
        mean(Refund.order.cents - Refund.cents, per=Refund.order.person.city, **over(window)),
        last(Refund.order.device, per=Refund.order.person, **over(window)),
    ]


BROWSING = tuple(
    flatten([*map(browsing, (SHORT, LONG, "ever")), Item.genre, Item.price, Item.stock, Item.born, Maker.country, Person.city])
)
PATTERNS = tuple(
    flatten(
        [
            *map(patterns, (SHORT, LONG, "ever")),
            *map(fading, (SHORT, LONG)),
            *map(having, (SHORT, LONG, "ever")),
            decayed(Look, per=Person, half_life="1s"),
            velocity(Look, per=Item, over=("5s", "1m")),
            velocity(Look, per=Person, over=(SHORT, LONG), where=Look.bought, default=1.0),
        ]
    )
)
ORDERING = tuple(flatten([*map(ordering, (SHORT, LONG, "ever")), Person.city, Order.device, Order.cents]))

PERSONS, ITEMS, MAKERS, GENRES = ("p1", "p2"), ("i1", "i2", "i3"), ("m1", "m2"), ("k1", "k2", None)
DEVICES, ORDERS = ("d1", "d2", None), ("o1", "o2", "o3")
SECONDS = (0.0, 0.1, 0.2, 0.3, 1.5, 1e9, -0.1, -1e9, None)


def _one(of: type, **fields: Sequence[Any]) -> st.SearchStrategy[tuple[type, dict[str, Any]]]:
    return st.tuples(st.just(of), st.fixed_dictionaries({name: st.sampled_from(pool) for name, pool in fields.items()}))


_TOLD = st.one_of(
    _one(
        Look,
        person=(*PERSONS, None),
        item=(*ITEMS, "i9", None),
        seconds=SECONDS,
        bought=(True, False),
        cents=(0, 1, 2),
        note=("a", "b", None),
    ),
    _one(Look, person=PERSONS, item=ITEMS, seconds=SECONDS, bought=(True, False), cents=(0, 1, 2), note=("a", "b", None)),
    _one(Item, id=ITEMS, maker=(*MAKERS, "m9", None), genre=GENRES, price=(1.0, 4.0, None), stock=(1, 2, None), born=(-SECOND, 0, SECOND)),
    _one(Maker, id=MAKERS, country=("de", "fr", None)),
    _one(Person, id=PERSONS, city=("x", "y")),
    _one(Order, id=ORDERS, person=PERSONS, device=DEVICES, cents=(1, 2)),
    _one(Refund, order=(*ORDERS, "o9"), cents=(1, 5, None)),
    _one(Browse, person=PERSONS, device=("d1", "d2")),
    _one(Seen, request=("b1",), candidate=ITEMS, rank=(0, 1), action=("shown",), person=PERSONS, device=("d1",)),
)


@st.composite
def logs(draw: st.DrawFn) -> list[Record]:
    """Draw a log in order of (known, position): late and early events, ties, updates in between, instants before 1970."""
    line = st.tuples(_TOLD, st.integers(-20, 20), st.sampled_from((0, 0, 0, 1, 5, 8, 11, 70, -2)), st.booleans())
    least = draw(st.sampled_from((0, 5, 15, 30)))
    told = draw(st.lists(line, min_size=least, max_size=least + 10))
    positions = draw(st.permutations(range(len(told))))
    records: list[Record] = []
    for ((of, values), second, late, odd), position in zip(told, positions, strict=True):
        known = second * SECOND + odd
        at = known if issubclass(of, Entity) else known - late * SECOND
        named = {"id": f"e{position}"} | values
        if of is Order and any(record.of is Order and record.values["id"] == named["id"] for record in records):
            continue  # a request is asked once; only entities are told again
        records.append(Record(of, named | ({} if issubclass(of, Entity) else {"at": at}), at, known, position))
    return sorted(records, key=lambda record: record.place)


def columns(records: Sequence[Record], of: type) -> Columns:
    """Return the records of a class as the log gives them to the engines."""
    rows = [record for record in records if record.of is of]
    found: dict[str, Any] = {name: _column(Field(of, name), [row.values[name] for row in rows]) for name in field_names(of) if name != "at"}
    return found | {name: np.array([getattr(row, name) for row in rows], dtype=np.int64) for name in ("at", "known", "position")}


def _column(field: Field, values: list[Any]) -> Any:
    dtype = object if field.name == "id" else field.dtype
    if dtype is object:
        return objects(values)
    return np.array([math.nan if value is None else value for value in values], dtype=dtype)


def batch(records: Sequence[Record]) -> dict[str, Columns]:
    """Return records as one batch for the online view."""
    return {of.__name__: columns(records, of) for of in CLASSES}


def history(records: Sequence[Record]) -> Any:
    """Return records as the history a backfill reads."""
    return lambda of, until: columns([record for record in records if record.known < until], of)


def requested(request: type, rows: Sequence[Row]) -> dict[str, Any]:
    """Return the request's fields of rows, a value per row."""
    names = [name for name in field_names(request) if name != "at"]
    return {name: _column(Field(request, name), [row.request[name] for row in rows]) for name in names} | {
        "at": np.array([row.at for row in rows], dtype=np.int64)
    }


def decisions(request: type, rows: Sequence[Row]) -> Decisions:
    """Return rows as a decision batch: consecutive rows with one request object share a request."""
    starts = [i for i in range(len(rows)) if i == 0 or rows[i].request is not rows[i - 1].request]
    which = np.searchsorted(starts, np.arange(len(rows)), side="right") - 1
    requests = requested(request, [rows[i] for i in starts])
    return Decisions(requests, {"request": which, "candidate": objects(row.candidate for row in rows)})


def row_columns(request: type, rows: Sequence[Row]) -> Columns:
    """Return rows as a backfill takes them."""
    return requested(request, rows) | {
        "watermark": np.array([row.watermark for row in rows], dtype=np.int64),
        "candidate": objects(row.candidate for row in rows),
    }


def same(found: Any, expected: Any) -> bool:
    """Return whether an engine's value is the oracle's: integers and text exactly, floats to 1e-9, missing as missing."""
    if expected is None:
        return found is None or (isinstance(found, float) and math.isnan(found))
    if isinstance(found, float) and not isinstance(expected, str):
        return math.isclose(found, expected, rel_tol=1e-9)
    return found == expected and isinstance(found, str) == isinstance(expected, str)
