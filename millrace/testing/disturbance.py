"""What a policy must not care about, moved on purpose: the generators that everybody shares, and the clock."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

_CLOCKS = ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns")
_STEP = 1_234_567.891
"""How far a clock moves per disturbance, in seconds: some days, hours, minutes and seconds."""


@contextmanager
def disturbed(number: int) -> Iterator[None]:
    """Seed the shared generators by a number and move the clocks of `time` by it; leaving the block puts both back.

    Two blocks of different numbers agree in nothing but what is passed from one to the other. `datetime.now` stays where it is: what
    reads it is told apart only as far as it shows how time goes by.
    """
    drawn, shared = random.getstate(), np.random.get_state()
    clocks = {name: getattr(time, name) for name in _CLOCKS}
    random.seed(number)
    np.random.seed(number)
    for name, clock in clocks.items():
        setattr(time, name, _moved(clock, number * _STEP * (1e9 if name.endswith("_ns") else 1)))
    try:
        yield
    finally:
        for name, clock in clocks.items():
            setattr(time, name, clock)
        random.setstate(drawn)
        np.random.set_state(shared)


def _moved(clock: Callable[[], Any], by: float) -> Callable[[], Any]:
    def moved() -> Any:
        now = clock()
        return type(now)(now + by)

    return moved
