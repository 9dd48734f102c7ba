"""`decayed`: a count or a sum in which an event weighs half as much after every half-life.

Weights change all the time, so they are not kept. Time is cut into blocks a window (and a hop) long, and an event is kept as what it will
weigh at the start of its block: `value * 2 ** ((at - start) / half_life)`, a number that stays. A window meets two blocks, or three with
events dated ahead; blocks that are three apart share one exact sum, as no window meets both. A row scales the three sums to its own
watermark. So nothing is rescaled or drifts, what leaves is subtracted exactly, and both engines add up the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from millrace.features.operation import NUMBERS, Answer, Need, Operation, Partial, Settings, numbered
from millrace.features.tallies import FloatSums
from millrace.features.window import Window
from millrace.types import Array, micros

_CLASSES = 3

LONGEST = 128
"""A window is at most so many half-lives long; an event that old weighs 2**-128."""

USUAL = 64
"""How many half-lives a window is unless stated."""


def _block(window: Window) -> int:
    """Return how long a block is: a window that starts in one ends no later than in the next. Microseconds."""
    return window.length + window.hop


def _needs(settings: Settings, window: Window) -> tuple[Need, ...]:
    half_life = micros(str(settings[0]))
    return tuple(Need("decayed", (half_life, _block(window), number)) for number in range(_CLASSES))


def _weighed(values: Array | None, at: Array, settings: Settings) -> tuple[Array, Array]:
    """Return what events will weigh at the start of their block, and which belong to the sum's class of blocks."""
    half_life, block, number = map(int, settings)
    weights = np.exp2(at % block / half_life)
    return weights if values is None else values * weights, at // block % _CLASSES == number


def _scaled(states: Sequence[Array], settings: Settings, window: Window, watermark: Array | int) -> Array:
    half_life, block = micros(str(settings[0])), _block(window)
    now = np.asarray(watermark) // block
    found = np.zeros(len(states[0]))
    for number, sums in enumerate(states):
        start = (now + (number - now + 1) % _CLASSES - 1) * block
        found += sums * np.exp2((start - watermark) / half_life)
    return found


DECAYED_SUMS = Partial(
    "decayed",
    form=_weighed,
    answer=Answer(lambda values, span, _: values.total(span), lambda _, __: np.array(0.0)),
    tally=lambda _, __: FloatSums(),
    entries=numbered,
    subtracts=True,
    absent=0,
)

DECAYED = Operation("decayed", "either", NUMBERS, _needs, _scaled, zero=True, adds=True, timed=True)
