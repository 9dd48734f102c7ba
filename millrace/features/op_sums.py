"""`count`, `total` and `mean`: exact sums, which subtract."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from millrace.features.operation import (
    NUMBERS,
    Answer,
    Need,
    Operation,
    Partial,
    Settings,
    alone,
    missing,
    none,
    numbered,
    numbers,
    presence,
)
from millrace.features.tallies import FloatSums, WholeSums
from millrace.features.window import Window
from millrace.types import Array


def _zero(values: Array | None, _: Settings) -> Array:
    return np.array(0.0) if values is not None and values.dtype.kind == "f" else np.array(0, dtype=np.int64)


def _mean(states: Sequence[Array], _: Settings, __: Window, ___: Array | int) -> Array:
    total, count = states
    return total / count  # of nothing the total is 0 too, and 0 / 0 is NaN: missing


COUNTS = Partial(
    "count",
    form=presence,
    answer=Answer(lambda values, span, _: values.count(span), none, numbers=False, valued=False),
    tally=lambda _, __: WholeSums(),
    entries=numbered,
    subtracts=True,
)
TOTALS = Partial(
    "total",
    form=numbers,
    answer=Answer(lambda values, span, _: values.total(span), _zero),
    tally=lambda dtype, _: FloatSums() if dtype.kind == "f" else WholeSums(),
    entries=numbered,
    subtracts=True,
    absent=0,
)
MEANS = Answer(lambda values, span, _: values.mean(span), missing)
"""For those who ask the kernel itself; the engines keep a total and a count."""

COUNT = Operation("count", "events", frozenset(), lambda _, __: (Need("count"),), alone, zero=True, adds=True)
TOTAL = Operation("total", "values", NUMBERS, lambda _, __: (Need("total"),), alone, zero=True, adds=True)
MEAN = Operation("mean", "values", NUMBERS, lambda _, __: (Need("total"), Need("count")), _mean)
