from datetime import datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from millrace.features.declare import count, last, maximum, mean, total
from millrace.features.declare_patterns import since, variance
from millrace.features.keyed import KeyedStates
from millrace.features.online import OnlineView
from millrace.features.plan import by_keying, plan
from millrace.features.reading import Directory
from millrace.features.sides import of_states
from millrace.schema import Entity, Event, Ref, Request
from millrace.types import HOUR, Array, objects


class Dish(Entity):
    name: str


class Order(Event):
    dish: Ref[Dish]
    price: float
    pieces: int
    is_spicy: bool
    note: str
    due: datetime


class Menu(Request):
    table: int


over = {"per": Dish, "over": "1h"}
FEATURES = (
    count(Order, **over),
    total(Order.price, **over),
    total(Order.pieces, **over),
    mean(Order.price, **over),
    mean(Order.is_spicy, **over),
    maximum(Order.pieces, **over),
    variance(Order.price, **over),
    last(Order.price, **over),
    last(Order.note, **over),
    since(Order, **over),
)
PLAN = plan(Menu, Dish, FEATURES)

dishes = st.sampled_from([f"dish {i}" for i in range(40)])
prices = st.floats(-1e9, 1e9) | st.just(-0.0) | st.none().map(lambda _: np.nan)
orders = st.lists(st.tuples(dishes, prices, st.integers(-9, 9), st.booleans(), st.none() | st.text(max_size=3)), max_size=60)
subsets = st.lists(st.sampled_from(range(len(FEATURES))), min_size=1, max_size=len(FEATURES), unique=True)


def told(batches: list[list]) -> tuple[OnlineView, KeyedStates, int]:
    """Return a view that was told batches of orders an hour and a half apart, its one set of states, and when it may be read."""
    view, now = OnlineView(PLAN), 0
    for batch in filter(None, batches):
        names, price, pieces, is_spicy, note = zip(*batch, strict=True)
        known = now + np.arange(len(batch))
        orders = {
            "id": objects(f"o{at}" for at in known),
            "at": known,
            "known": known,
            "position": known,
            "dish": objects(names),
            "price": np.array(price),
            "pieces": np.array(pieces),
            "is_spicy": np.array(is_spicy),
            "note": objects(note),
            "due": known,
        }
        view.apply({"Order": orders})
        now += HOUR // 2
    view.advance(now)
    (group,) = view.groups.values()
    return view, group, now


def bits(values: Array) -> list:
    return values.tolist() if values.dtype.kind == "O" else np.ascontiguousarray(values).view(np.int64).tolist()


@given(st.lists(orders, max_size=4), subsets, st.lists(st.integers(0, 40), max_size=9))
def test_aggregates_are_read_to_the_bit_as_each_is_made_of_its_states(batches, wanted, asked):
    _, group, now = told(batches)
    slots = np.array(asked, dtype=np.int64) % len(group.states[PLAN.reads[FEATURES[0].column].states[0].column].tally.value)
    reads = [PLAN.reads[FEATURES[one].column] for one in wanted]
    found = group.values.reading(reads)(slots, now)
    for read, values in zip(reads, found, strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            expected = of_states(read, [group.states[state.column].tally.value[slots] for state in read.states], now)
        assert values.dtype == expected.dtype, read.aggregate.column
        assert bits(values) == bits(expected), read.aggregate.column


def test_tallies_that_grow_stay_side_by_side():
    view, group, now = told([[("a", 2.0, 3, True, "x")], [(f"d{i}", 1.0, i, False, None) for i in range(100)]])
    found = group.values.reading([PLAN.reads[one.column] for one in FEATURES[:4]])(np.array([1, 2, 101, 0]), now)
    assert [values.tolist() for values in found[:3]] == [[1, 1, 1, 0], [2.0, 1.0, 1.0, 0.0], [3, 0, 99, 0]]
    np.testing.assert_array_equal(found[3], [2.0, 1.0, 1.0, np.nan])
    assert view.state(PLAN.reads[FEATURES[0].column].states[0]).tally.value[:3].tolist() == [0, 1, 1]


def test_states_that_saw_nothing_are_read_as_nobodys():
    (states,) = by_keying(PLAN).values()
    group = KeyedStates(states, Directory(PLAN))
    counted, summed = group.values.reading([PLAN.reads[one.column] for one in FEATURES[:2]])(np.zeros(3, dtype=np.int64), 0)
    assert (counted.tolist(), counted.dtype, summed.tolist(), summed.dtype) == ([0] * 3, np.int64, [0.0] * 3, np.float64)
