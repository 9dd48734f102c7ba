from datetime import datetime

import numpy as np
import pytest

from millrace.decision import Decisions
from millrace.errors import DeclarationError
from millrace.features.declare import count, feature, last, maximum, ratio
from millrace.features.on_demand import checked
from millrace.features.online import OnlineView
from millrace.features.plan import plan
from millrace.schema import Entity, Event, Ref, Request
from millrace.types import DAY, HOUR, objects


class Maker(Entity):
    country: str


class Item(Entity):
    maker: Ref[Maker]
    born: datetime
    stock: int
    side: str


class Person(Entity):
    city: str


class Look(Event):
    person: Ref[Person]
    item: Ref[Item]


class Ask(Request):
    person: Ref[Person]
    limit: int
    text: str


ITEMS = {
    "id": objects(["i1", "i2"]),
    "maker": objects(["m1", "m2"]),
    "born": np.array([0, HOUR]),
    "stock": np.array([3, 4]),
    "side": objects(["left", "right"]),
    "at": np.array([0, 0]),
    "known": np.array([0, 0]),
    "position": np.array([0, 1]),
}
MAKERS = {"id": objects(["m1"]), "country": objects(["de"]), "at": np.array([1]), "known": np.array([1]), "position": np.array([2])}
LOOKS = {
    "id": objects(["e"]),
    "person": objects(["p"]),
    "item": objects(["i1"]),
    "at": np.array([2]),
    "known": np.array([2]),
    "position": np.array([3]),
}
REQUESTS = {
    "id": objects(["r", "s"]),
    "person": objects(["p", "q"]),
    "limit": np.array([5, 6]),
    "text": objects(["a", "b"]),
    "at": np.array([DAY, 2 * DAY]),
}
ROWS = {"request": np.array([0, 0, 1]), "candidate": objects(["i1", "unknown", "i2"])}


def computed(one):
    view = OnlineView(plan(Ask, Item, [one]))
    view.apply({"Item": ITEMS, "Maker": MAKERS, "Look": LOOKS})
    return view.lookup([one], Decisions(REQUESTS, ROWS), DAY)[one.column]


def test_the_candidate_what_it_refers_to_and_the_request_are_read_by_name():
    @feature
    def described(item: Item, maker: Maker, ask: Ask, person: Person):
        return joined(item.id, item.side, maker.country, ask.text, person.id)

    assert computed(described).tolist() == ["i1 left de a p", "unknown None None a p", "i2 right None b q"]


def joined(*columns):
    return np.array([" ".join(map(str, parts)) for parts in zip(*columns, strict=True)])


def test_instants_come_as_datetimes_and_missing_ones_as_nat():
    first = maximum(Look.at, per=Item, over="ever")
    latest = last(Look.at, per=Item)

    @feature(first, latest, Item.born)
    def hours(first, latest, born, at, item: Item):
        assert first.dtype == latest.dtype == born.dtype == at.dtype == item.born.dtype == "datetime64[us]"
        return (at - item.born) / np.timedelta64(1, "h") + (first - latest).astype(np.int64) * np.isfinite(born)

    found = computed(hours)
    assert found[0] == 24.0
    assert np.isnan(computed(hours)[1])


def test_numbers_that_may_be_unknown_are_floats_with_nan():
    @feature
    def stock(item: Item):
        return np.where(np.isnan(item.stock), -1, item.stock)

    assert computed(stock).tolist() == [3.0, -1.0, 4.0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, [7, 7, 7]),
        (True, [True, True, True]),
        ("x", ["x", "x", "x"]),
        (np.float32(0.5), [0.5, 0.5, 0.5]),
        ([1, 2, 3], [1, 2, 3]),
        (np.array([1, 2, 3], dtype=np.uint8), [1, 2, 3]),
        (np.array(["a", "b", "c"]), ["a", "b", "c"]),
        (objects(["a", None, "c"]), ["a", None, "c"]),
    ],
)
def test_a_feature_is_a_number_a_boolean_or_text_per_row(value, expected):
    found = checked("f", value, 3)
    assert found.tolist() == expected
    assert found.dtype in (np.int64, np.float64, bool, object)


def test_an_infinity_is_missing():
    @feature(Item.stock)
    def inverse(stock):
        return 1 / (stock - 3)

    found = computed(inverse)
    assert np.isnan(found[:2]).all()
    assert found[2] == 1.0


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([1, 2], r"f\(\) returned an array of shape \(2,\) for 3 rows: return one value per row"),
        (np.zeros((3, 2)), r"of shape \(3, 2\) for 3 rows"),
        (np.zeros(3, dtype="m8[us]"), r"returned timedelta64\[us\] values: .* divided by np.timedelta64"),
        (objects([1, "a", None]), r"returned object values"),
        (None, r"f\(\) returned nothing: end it with `return`"),
    ],
)
def test_what_is_no_feature_is_refused(value, said):
    with pytest.raises(DeclarationError, match=said):
        checked("f", value, 3)


def test_an_attribute_that_does_not_exist_is_named_with_those_that_do():
    @feature
    def wrong(item: Item):
        return item.price

    with pytest.raises(DeclarationError, match=r"wrong\(\) reads Item.price, which does not exist: Item has id, maker, born, stock, side"):
        computed(wrong)


def test_an_entity_itself_is_no_feature():
    @feature
    def whole(item: Item):
        return item

    with pytest.raises(DeclarationError, match=r"whole\(\) returned object values: return numbers, booleans or text"):
        computed(whole)


def test_a_function_that_fails_is_named_with_its_error():
    @feature(Item.side)
    def failing(side):
        return side + 1

    with pytest.raises(DeclarationError, match=r"failing\(\) failed on 3 rows with TypeError"):
        computed(failing)


def test_no_rows_are_no_values():
    @feature
    def least(item: Item):
        return item.stock.min()

    view = OnlineView(plan(Ask, Item, [least]))
    none = Decisions(REQUESTS, {"request": np.zeros(0, dtype=np.int64), "candidate": objects([])})
    assert len(view.lookup([least], none, 0)[least.column]) == 0


def test_a_ratio_is_pulled_to_its_prior_and_missing_over_nothing():
    looks = count(Look, per=Item, over="ever")
    assert str(computed(ratio(looks, looks)).tolist()) == "[1.0, nan, nan]"
    assert computed(ratio(looks, looks, prior=(1.0, 3.0))).tolist() == [2 / 4, 1 / 3, 1 / 3]
