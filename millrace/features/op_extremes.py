"""`min` and `max`: they cannot subtract."""

from __future__ import annotations

import numpy as np

from millrace.features.operation import NUMBERS, Answer, Need, Operation, Partial, alone, as_had, missing, numbered
from millrace.features.tallies import Extremes

_ORDERED = NUMBERS | {"instant"}

LEAST = Partial(
    "min",
    form=as_had,
    answer=Answer(lambda values, span, _: values.minimum(span), missing),
    tally=lambda _, __: Extremes(np.fmin),
    entries=numbered,
    subtracts=False,
)
GREATEST = Partial(
    "max",
    form=as_had,
    answer=Answer(lambda values, span, _: values.maximum(span), missing),
    tally=lambda _, __: Extremes(np.fmax),
    entries=numbered,
    subtracts=False,
)

MIN = Operation("min", "values", _ORDERED, lambda _, __: (Need("min"),), alone, gives="value")
MAX = Operation("max", "values", _ORDERED, lambda _, __: (Need("max"),), alone, gives="value")
