"""The clock: instants in one order, and watermarks that nothing acknowledged later can come before."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from millrace.serve.clock import Clock, wall

STEPS = st.lists(st.tuples(st.sampled_from(("watermark", "begin", "finish", "now")), st.integers(-5, 5), st.integers(1, 4)), max_size=60)


@given(STEPS)
def test_whatever_time_does_a_watermark_covers_what_was_applied_and_nothing_that_was_not(steps: list[Any]) -> None:
    """Time may stand, leap or go back between any two calls; a commit of n records claims n instants from its first on."""
    time = [100]
    clock = Clock(lambda: time[0])
    applied, pending = [-1], None
    for step, passes, records in steps:
        time[0] += passes
        if step == "watermark":
            w = clock.watermark()
            assert w > max(applied), "everything applied lies before it"
            assert pending is None or w <= pending, "nothing under way lies before it"
        elif step == "begin" and pending is None:
            pending = clock.begin()
            assert pending > max(applied)
        elif step == "finish" and pending is not None:
            applied.append(pending + records - 1)
            clock.finish(applied[-1])
            pending = None
        assert clock.now() >= max(applied)


def test_instants_never_repeat_where_time_stands_still() -> None:
    clock = Clock(lambda: 5)
    seen = [clock.watermark(), clock.watermark()]
    first = clock.begin()
    seen.append(first)
    clock.finish(first + 9)
    seen += [clock.watermark(), clock.begin()]
    assert seen == [5, 6, 7, 17, 18]


def test_decisions_during_a_commit_share_the_instant_before_it() -> None:
    clock = Clock(lambda: 0)
    first = clock.begin()
    assert {clock.watermark() for _ in range(5)} == {first}
    clock.finish(first + 2)
    assert clock.watermark() == first + 3


def test_watermark_of_a_reopened_log_is_after_its_last_record() -> None:
    clock = Clock(lambda: 10)
    clock.finish(1_000)
    assert clock.watermark() == 1_001


def test_threads_hammering_the_clock_never_see_half_a_commit() -> None:
    """One thread commits, as the writer does; the others take watermarks, and afterwards look what had been applied by then."""
    clock = Clock()
    applied: list[tuple[int, int]] = []
    is_over = threading.Event()

    def commit() -> None:
        try:
            for size in np.random.default_rng(0).integers(1, 50, 3_000).tolist():
                first = clock.begin()
                applied.append((first, first + size - 1))
                clock.finish(first + size - 1)
        finally:
            is_over.set()

    def decide() -> list[tuple[int, int]]:
        seen = []
        while not is_over.is_set():
            seen.append((clock.watermark(), len(applied)))
        return seen

    with ThreadPoolExecutor(5) as threads:
        deciding = [threads.submit(decide) for _ in range(4)]
        threads.submit(commit).result(60)
        seen = [one.result(60) for one in deciding]
    firsts = np.array([first for first, _ in applied])
    lasts = np.array([last for _, last in applied])
    assert (firsts[1:] > lasts[:-1]).all(), "no instant is given twice"
    for one in seen:
        marks, lengths = np.array(one).T
        assert (np.diff(marks) >= 0).all()
        known = np.searchsorted(firsts, marks, side="left")  # how many commits begin before the watermark
        assert (known <= lengths).all(), "a commit that a watermark covers was not applied"
        assert (lasts[np.maximum(known, 1) - 1][known > 0] < marks[known > 0]).all(), "a watermark lies within a commit"


def test_the_wall_shows_microseconds_since_1970() -> None:
    assert 1_700_000_000_000_000 < wall() < 5_000_000_000_000_000
