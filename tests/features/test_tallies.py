import math
from collections import defaultdict
from fractions import Fraction
from itertools import takewhile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.features.exact_spread import squared
from millrace.features.op_order import Foremost
from millrace.features.op_spread import Moments
from millrace.features.op_streak import Streaks
from millrace.features.operations import PARTIALS
from millrace.features.tallies import Extremes, FloatSums, Latest, WholeSums
from millrace.features.tiles import NEVER, TiledState
from millrace.features.window import Window
from millrace.types import EVER, objects

FLOATS = st.one_of(
    st.sampled_from([0.1, 0.2, 0.3, 1e15, -1e15, 1e-12, 0.0, -0.0]), st.floats(-1e60, 1e60).filter(lambda x: x == 0 or abs(x) > 1e-60)
)
ORDERED = ("last_k", "streak", "variance")
EVENTS = st.lists(st.tuples(st.integers(1, 4), st.integers(-9, 9), FLOATS), max_size=40)


def entries_of(tally, events, first=0):
    """Return (slot, at, number) events as entries of a tally."""
    slots = np.array([slot for slot, _, _ in events], dtype=np.int64)
    numbers = [number for _, _, number in events]
    if isinstance(tally, WholeSums):
        return slots, np.array([round(number) % 100 for number in numbers], dtype=np.int64)
    if isinstance(tally, Latest):
        return slots, first + np.arange(len(events)), np.array(numbers)
    if isinstance(tally, Foremost):
        return slots, first + np.arange(len(events)), np.array(numbers)
    if isinstance(tally, Streaks):
        return slots, first + np.arange(len(events)), np.array([int(number > 0) for number in numbers], dtype=np.int64)
    if isinstance(tally, Moments):
        column = np.array(numbers, dtype=np.float64)
        return slots, np.ones(len(events), dtype=np.int64), column, *squared(column)
    return slots, np.array(numbers, dtype=np.float64)


def naive(tally, numbers):
    """Return what numbers, in order, come to."""
    if isinstance(tally, WholeSums):
        return sum(round(number) % 100 for number in numbers)
    if isinstance(tally, FloatSums):
        return math.fsum(numbers)
    if isinstance(tally, Foremost):
        return (numbers[::-1] + [math.nan] * 3)[: tally.value.shape[1]]
    if isinstance(tally, Streaks):
        return len(list(takewhile(lambda number: number > 0, reversed(numbers))))
    if not numbers:
        return math.nan
    if isinstance(tally, Moments):
        middle = sum(map(Fraction, numbers)) / len(numbers)
        return float(sum((Fraction(number) - middle) ** 2 for number in numbers) / len(numbers))
    return numbers[-1] if isinstance(tally, Latest) else min(numbers) if tally._pick is np.fmin else max(numbers)


def make_all():
    plain = [WholeSums(), FloatSums(), Extremes(np.fmin), Extremes(np.fmax), Latest(np.dtype(float))]
    return [*plain, Foremost(np.dtype(float), 3), Streaks(), Moments()]


def read(tally, slots=5):
    return tally.value[:slots].tolist()


def same(tally, found, expected):
    """Return whether numbers are equal to the last bit; NaN is NaN, 0 has no sign, and a variance is rounded a few times."""
    rtol = 1e-12 if isinstance(tally, Moments) else 0
    return np.allclose(found, expected, rtol=rtol, atol=0, equal_nan=True)


def expected(tally, events):
    by_slot = defaultdict(list)
    for slot, _, number in events:
        by_slot[slot].append(number)
    return [naive(tally, by_slot[slot]) for slot in range(5)]


@given(EVENTS, st.integers(0, 40))
def test_tallies_come_to_what_their_events_do_and_give_them_up_exactly(events, gone):
    for tally in make_all():
        tally.grow(8)
        entries = entries_of(tally, events)
        tally.add(entries)
        assert same(tally, read(tally), expected(tally, events))

        def remaining(slots, entries=entries):
            keep = np.isin(entries[0], slots) & (np.arange(len(events)) >= gone)
            return tuple(column[keep] for column in entries)

        tally.remove(tuple(column[:gone] for column in entries), remaining)
        assert same(tally, read(tally), expected(tally, events[gone:]))


@given(EVENTS.filter(len))
def test_folded_entries_and_what_a_tally_gives_out_stand_for_the_same(events):
    for tally in make_all():
        folded, given_out = type(tally)(*_arguments(tally)), type(tally)(*_arguments(tally))
        for one in (tally, folded, given_out):
            one.grow(8)
        entries = entries_of(tally, events)
        tally.add(entries)
        fewer = tally.fold(entries)
        folded.add(fewer)
        given_out.add(tally.entries())
        assert same(tally, read(folded), read(tally))
        assert same(tally, read(given_out), read(tally))
        if isinstance(tally, WholeSums | Extremes | Latest):
            assert len(fewer[0]) == len({slot for slot, _, _ in events})


def _arguments(tally):
    if isinstance(tally, Foremost):
        return np.dtype(float), 3
    return (tally._pick,) if isinstance(tally, Extremes) else (np.dtype(float),) if isinstance(tally, Latest) else ()


@pytest.mark.parametrize("window", [Window(6, 4), Window(6, 1), Window(EVER, 0)])
@given(EVENTS, st.lists(st.integers(0, 4), min_size=1, max_size=8))
def test_a_state_counts_what_its_window_covers_as_time_goes_on(window, events, steps):
    for op, dtype in [("count", int), ("total", int), *((name, float) for name in ("total", "min", "max", "last", *ORDERED))]:
        state = TiledState(PARTIALS[op].tally(np.dtype(dtype), (3,)), window)
        state.fit(8)
        watermark, done = -10, 0
        for step in steps:
            watermark += step
            batch = events[done : done + 5]
            at = np.array([at for _, at, _ in batch], dtype=np.int64)
            state.add(at, entries_of(state.tally, batch, done), watermark)
            done += 5
            assert state.next_change == NEVER or not window.is_lifetime
            state.advance(watermark)
            counted = [event for event in events[:done] if event[1] >= window.lo(watermark)]
            assert same(state.tally, read(state.tally), expected(state.tally, counted))
            again = TiledState(PARTIALS[op].tally(np.dtype(dtype), (3,)), window)
            again.fit(8)
            again.restore(state.snapshot())
            assert same(state.tally, read(again.tally), read(state.tally))
            assert again.next_change == state.next_change


def test_many_events_of_few_keys_in_one_tile_take_the_room_of_few():
    state = TiledState(WholeSums(), Window(100, 10))
    state.fit(8)
    for _ in range(200):
        slots = np.arange(100) % 7 + 1
        state.add(np.zeros(100, dtype=np.int64), (slots, np.ones(100, dtype=np.int64)), 1)
    assert state.nbytes < 8_000
    assert state.tally.value[1:].sum() == 20_000


def test_text_is_kept_as_the_last_value():
    latest = PARTIALS["last"].tally(np.dtype(object), ())
    latest.grow(4)
    latest.add((np.array([1, 2, 1]), np.array([0, 1, 2]), objects(["a", "b", "c"])))
    assert latest.value.tolist() == [None, "c", "b", None]
