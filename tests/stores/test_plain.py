import numpy as np
import pytest

from millrace.errors import BadInput
from millrace.stores.journal import Alert
from millrace.stores.plain import checked, stored


def alert(**other) -> Alert:
    return Alert(**{"system": "feed", "monitor": "drift", "at": 1, "severity": "info", "message": "", **other})


def test_values_of_numpy_become_those_of_python():
    kept = checked(alert(at=np.int64(5), data={"a": np.float32(0.5), "b": np.arange(2), "c": np.bool_(True), "d": (1, np.nan)}))
    assert kept == alert(at=5, data={"a": 0.5, "b": [0, 1], "c": True, "d": [1, None]})
    assert type(kept.at) is int


@pytest.mark.parametrize(
    "other, message",
    [
        ({"at": 1.5}, r"Alert\.at is wrong: expected `int`, got `float`"),
        ({"at": "1"}, r"Alert\.at is wrong: expected `int`, got `str`"),
        ({"system": None}, r"Alert\.system is wrong: expected `str`, got `null`"),
        ({"data": {"a": object()}}, "Alert cannot be kept as JSON: it holds a object; use numbers, text, booleans, lists and dicts"),
        ({"message": "\ud800"}, "Alert cannot be kept as JSON"),
    ],
)
def test_value_that_could_not_be_read_back_is_refused(other: dict, message: str):
    with pytest.raises(BadInput, match=message):
        checked(alert(**other))


def test_row_with_a_column_more_is_read():
    row = {"id": 7, "system": "feed", "monitor": "drift", "at": 1, "severity": "info", "message": "", "data": {}}
    assert stored(row, Alert) == alert()
