"""JSON in which what is infinite cannot be taken for what is missing."""

import json
import math
from typing import NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from millrace.cli.as_json import in_json
from millrace.experiments.comparison import Arm, Asked
from millrace.experiments.contrast import contrast
from millrace.experiments.reasons import Caution, Reason


class Pair(NamedTuple):
    low: float
    high: float


@given(st.recursive(st.floats() | st.text() | st.none() | st.booleans(), lambda of: st.lists(of) | st.dictionaries(st.text(), of)))
def test_every_number_comes_back_as_it_was(value: object) -> None:
    def same(was: object, now: object) -> bool:
        if isinstance(was, dict):
            return was.keys() == now.keys() and all(same(was[name], now[name]) for name in was)
        if isinstance(was, list):
            return len(was) == len(now) and all(map(same, was, now))
        if isinstance(was, float) and math.isnan(was):
            return now is None
        return float(now) == was if isinstance(was, float) else now == was

    assert same(value, json.loads(in_json(value)))


def test_an_interval_open_to_one_side_is_told_from_none() -> None:
    arms = [Arm(name=name, value=value, variance=0.01, units=100, df=np.inf) for name, value in (("a", 10.0), ("b", 11.0))]
    found = json.loads(in_json({"open": contrast("paid", *arms, Asked(alternative="greater")), "none": None}))
    assert found["open"]["high"] == "Infinity"
    assert float(found["open"]["high"]) == math.inf
    assert found["open"]["control"]["df"] == "Infinity"
    assert found["none"] is None


def test_structs_named_tuples_arrays_and_reasons_are_plain() -> None:
    said = {"pair": Pair(-math.inf, 1.0), "array": np.array([1.0, np.nan]), "one": np.float64(2.5), "why": Caution(Reason.SKEWED, "so")}
    assert json.loads(in_json(said)) == {
        "pair": {"low": "-Infinity", "high": 1.0},
        "array": [1.0, None],
        "one": 2.5,
        "why": {"reason": "skewed", "said": "so"},
    }
