import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.features.bags import Bags
from millrace.features.hyperloglog import hashes
from millrace.features.kernel import Ask, Events, Rows, aggregate
from millrace.features.operations import PARTIALS
from millrace.features.tiles import TiledState
from millrace.features.window import Window
from millrace.types import EVER
from tests.features.naive import hyperloglog, middle_of_bucket

SETTINGS = {"distinct": (3,), "top_k": (3,), "quantile": (3, 0.5)}
NUMBERS = st.sampled_from([0.0, -0.0, 1.0, 2.0, -2.0, 2.001, 2.02, 1e9, -1e9])
EVENTS = st.lists(st.tuples(st.integers(1, 4), st.integers(-9, 9), NUMBERS), max_size=40)


def made(name):
    tally = PARTIALS[name].tally(np.dtype(float), SETTINGS[name])
    tally.grow(8)
    return tally


def entries_of(name, events):
    """Return (slot, at, number) events as entries."""
    slots, numbers = np.array([slot for slot, _, _ in events], dtype=np.int64), np.array([number for _, _, number in events], dtype=float)
    taken, _ = PARTIALS[name].form(numbers, slots, SETTINGS[name])
    return PARTIALS[name].entries(slots, np.arange(len(slots)), taken)


def naive(name, numbers):
    """Return what numbers come to."""
    if name == "distinct":
        different = {number + 0.0 for number in numbers}
        return len(different) if len(different) <= 3 else max(4, hyperloglog(different))
    if name == "top_k":
        ordered = sorted(Counter(numbers).items(), key=lambda one: (-one[1], one[0]))
        return ([value for value, _ in ordered] + [math.nan] * 3)[:3]
    if not numbers:
        return math.nan
    middle = sorted(numbers)[(len(numbers) + 1) // 2 - 1]
    return middle if len(numbers) <= 3 else middle_of_bucket(middle)


def expected(name, events):
    by_slot = defaultdict(list)
    for slot, _, number in events:
        by_slot[slot].append(number)
    return [naive(name, by_slot[slot]) for slot in range(5)]


@pytest.mark.parametrize("name", SETTINGS)
@given(EVENTS, st.integers(0, 40), st.booleans())
def test_tallies_come_to_what_their_events_do_and_give_them_up_exactly(name, events, gone, is_folded):
    tally = made(name)
    entries = entries_of(name, events)
    tally.add(tally.fold(entries) if is_folded else entries)
    np.testing.assert_array_equal(tally.value[:5], expected(name, events))
    tally.remove(tuple(column[:gone] for column in entries), lambda slots: entries_of(name, [e for e in events[gone:] if e[0] in slots]))
    np.testing.assert_array_equal(tally.value[:5], expected(name, events[gone:]))
    again = made(name)
    again.add(tally.entries())
    np.testing.assert_array_equal(again.value, tally.value)


@pytest.mark.parametrize("window", [Window(6, 4), Window(6, 1), Window(EVER, 0)])
@pytest.mark.parametrize("name", SETTINGS)
@given(EVENTS, st.lists(st.integers(0, 4), min_size=1, max_size=8))
def test_a_state_counts_what_its_window_covers_as_time_goes_on(name, window, events, steps):
    state = TiledState(PARTIALS[name].tally(np.dtype(float), SETTINGS[name]), window)
    state.fit(8)
    watermark, done = -10, 0
    for step in steps:
        watermark += step
        batch = events[done : done + 5]
        state.add(np.array([at for _, at, _ in batch], dtype=np.int64), entries_of(name, batch), watermark)
        done += 5
        state.advance(watermark)
        counted = [event for event in events[:done] if event[1] >= window.lo(watermark)]
        np.testing.assert_array_equal(state.tally.value[:5], expected(name, counted))
        again = TiledState(PARTIALS[name].tally(np.dtype(float), SETTINGS[name]), window)
        again.fit(8)
        again.restore(state.snapshot())
        np.testing.assert_array_equal(again.tally.value, state.tally.value)


@given(st.lists(st.dictionaries(st.integers(0, 7), st.integers(0, 20), min_size=1), max_size=30))
def test_bags_hold_what_was_put_last_however_they_move(steps):
    bags, held = Bags((np.zeros(0, dtype=np.int64), np.zeros(0))), {}
    bags.grow(8)
    for number, step in enumerate(steps):
        slots = np.array(sorted(step))
        lengths = np.array([step[slot] for slot in sorted(step)])
        values = number + np.arange(lengths.sum()) / 1000
        bags.put(slots, (np.repeat(slots, lengths), values))
        held |= dict(zip(slots.tolist(), np.split(values, np.cumsum(lengths)[:-1]), strict=True))
        assert bags.slots.tolist() == sorted(slot for slot, column in held.items() if len(column))
        for slot, column in held.items():
            np.testing.assert_array_equal(bags.of(np.array([slot]))[1], column)
    assert bags.nbytes < 10_000


def test_a_bag_that_grows_and_shrinks_takes_the_room_of_what_it_holds():
    bags = Bags((np.zeros(0, dtype=np.int64), np.zeros(0)))
    bags.grow(2)
    for length in [*range(0, 1000, 7), *range(1000, 0, -7)] * 5:
        bags.put(np.array([1]), (np.ones(length, dtype=np.int64), np.arange(length, dtype=float)))
    assert bags.nbytes < 80_000


@pytest.mark.parametrize("exact", [0, 100, 5_000])
def test_many_different_values_of_a_slot_are_folded_to_registers_that_count_the_same(exact):
    numbers = np.arange(50_000, dtype=np.int64)
    hashed = hashes(numbers)
    whole, folded = (PARTIALS["distinct"].tally(np.dtype(int), (exact,)) for _ in range(2))
    for tally in (whole, folded):
        tally.grow(3)
    slots = np.full(1000, 1)
    for start in range(0, 50_000, 1000):
        folded.add((slots, hashed[start : start + 1000]))
    whole.add((np.ones(50_000, dtype=np.int64), hashed))
    assert len(folded.entries()[0]) <= max(5120, 1.25 * exact)
    assert folded.value.tolist() == whole.value.tolist() == [0, hyperloglog(range(50_000)), 0]


def test_an_estimate_is_more_than_what_would_have_been_counted_exactly_in_both_engines():
    estimates = []
    for exact in range(1500, 1520):
        values = exact * 10**6 + np.arange(exact + 1)  # others each time
        hashed, estimated = hashes(values), hyperloglog(values.tolist())
        tally = PARTIALS["distinct"].tally(np.dtype(int), (exact,))
        tally.grow(2)
        tally.add((np.ones(exact + 1, dtype=np.int64), hashed))
        key = np.zeros(exact + 1, dtype=np.int64)
        [found] = aggregate(Events(key, key, key), Rows(key[:1], key[:1] + 1), [Ask("distinct", Window(EVER, 0), hashed, (exact,))])
        assert found[0] == tally.value[1] == max(exact + 1, estimated)
        estimates.append(estimated - exact)
    assert min(estimates) <= 0 < max(estimates)
