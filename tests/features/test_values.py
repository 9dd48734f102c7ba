from datetime import datetime

import numpy as np
import pytest

from millrace.errors import DeclarationError
from millrace.features.values import NOT_A_TIME, dtype_of, evaluate, is_present, kind_of
from millrace.schema import Entity, Event, Ref
from millrace.types import objects


class Item(Entity):
    price: float | None
    rare: bool


class Sale(Event):
    item: Ref[Item] | None
    cents: int
    units: int | None
    weight: float
    gift: bool
    note: str | None
    due: datetime | None


COLUMNS = {
    "Sale.item": objects(["i", None, "i", "i"]),
    "Sale.cents": np.array([1, 2, 3, 0]),
    "Sale.units": np.array([1.0, 2.0, np.nan, 4.0]),
    "Sale.weight": np.array([0.5, np.nan, 1.5, 2.5]),
    "Sale.gift": np.array([True, False, True, False]),
    "Sale.note": objects(["a", None, "b", "a"]),
    "Sale.due": np.array([5, NOT_A_TIME, 7, 8]),
    "Sale.item.price": np.array([2.0, 2.0, np.nan, 0.0]),
    "Sale.item.rare": np.array([1.0, 0.0, np.nan, 0.0]),
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (Sale.cents + 1, [2, 3, 4, 1]),
        (Sale.units * Sale.weight, [0.5, None, None, 10.0]),
        (Sale.weight / Sale.cents, [0.5, None, 0.5, None]),
        (Sale.note == "a", [True, None, False, True]),
        (Sale.note != "a", [False, None, True, False]),
        (~(Sale.note == "a"), [False, None, True, False]),
        ((Sale.note == "a") | Sale.gift, [True, None, True, True]),
        (Sale.gift & (Sale.cents > 1), [False, False, True, False]),
        (~Sale.item.rare, [False, True, None, True]),
        (Sale.due - Sale.due, [0, None, 0, 0]),
        (Sale.item.price > 1, [True, True, None, False]),
        (Sale.weight * 1e200, [None, None, None, None]),
        (Sale.weight * 1e-200, [0.0, None, 0.0, 0.0]),
    ],
)
def test_what_reads_something_missing_is_missing(expression, expected):
    values, present = evaluate(expression, lambda field: COLUMNS[field.column])
    assert [value if there else None for value, there in zip(values.tolist(), present.tolist(), strict=True)] == expected


def test_each_kind_of_column_has_its_own_missing_value():
    assert is_present(objects(["", None])).tolist() == [True, False]
    assert is_present(np.array([0.0, np.nan, np.inf])).tolist() == [True, False, False]
    assert is_present(np.array([0, NOT_A_TIME])).tolist() == [True, False]
    assert is_present(np.array([True, False])).tolist() == [True, True]


@pytest.mark.parametrize(
    ("expression", "kind", "dtype"),
    [
        (Sale.cents, "integer", np.int64),
        (Sale.cents + Sale.cents, "integer", np.int64),
        (Sale.cents / 2, "number", np.float64),
        (Sale.units * 2, "integer", np.int64),
        (Sale.cents > 2, "boolean", np.int64),
        (Sale.note, "text", object),
        (Sale.item, "text", object),
        (Sale.due, "instant", np.int64),
        (Sale.due - Sale.at, "integer", np.int64),
    ],
)
def test_the_kind_of_an_expression_follows_from_its_fields(expression, kind, dtype):
    assert kind_of(expression) == kind
    assert dtype_of(expression) == np.dtype(dtype)
    values, _ = evaluate(expression, lambda field: COLUMNS[field.column] if field.name != "at" else np.zeros(4, dtype=np.int64))
    assert values.dtype in (dtype_of(expression), np.dtype(bool))


@pytest.mark.parametrize("expression", [Sale.note + 1, Sale.note > 2, -1 - Sale.note])
def test_kinds_that_do_not_go_together_are_refused(expression):
    with pytest.raises(DeclarationError, match=r"cannot be computed: Sale\.(note is text|gift is boolean)"):
        kind_of(expression)
