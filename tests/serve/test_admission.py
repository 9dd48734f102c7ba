"""Admission as a state machine, against a server with one queue; time is simulated, so nothing here waits."""

import heapq
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.errors import BadInput, Unavailable
from millrace.serve.admission import FEWEST, INTERVAL_S, MOST, Limit, Overloaded, Room, deadline_of


@dataclass
class Served:
    """What came of callers: the outcome of each and, of those answered, when they came and how long it took."""

    outcomes: Counter[str] = field(default_factory=Counter)
    took: list[float] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    limits: list[float] = field(default_factory=list)

    def answered(self, since: float) -> np.ndarray:
        return np.array([took for at, took in zip(self.at, self.took, strict=True) if at >= since])


def simulate(rate, service_s, seconds, limit=None, seed=0) -> Served:
    """Let callers come as a Poisson process to a server that takes one at a time, each for a fixed time (M/D/1).

    Args:
        rate: Callers per second.
        service_s: Seconds that a caller takes the server, as a function of the time.
        seconds: For how long.
        limit: The limit; None lets everybody in.
        seed: What arrivals derive from.
    """
    g, now, free_at, found = np.random.default_rng(seed), 0.0, 0.0, Served()
    leaving: list[tuple[float, float, float]] = []
    while now < seconds:
        now += g.exponential(1 / rate)
        while leaving and leaving[0][0] <= now:
            ended, came, began = heapq.heappop(leaving)
            if limit is not None:
                limit.ended(ended, began - came, ended - came)
            found.took.append(ended - came)
            found.at.append(came)
        try:
            if limit is not None:
                limit.admit(now)
                found.limits.append(limit.limit)
        except Overloaded:
            found.outcomes["refused"] += 1
            continue
        found.outcomes["let in"] += 1
        began = max(now, free_at)
        free_at = began + service_s(now)
        heapq.heappush(leaving, (free_at, now, began))
    return found


def test_below_what_the_server_can_do_hardly_anybody_is_refused():
    found = simulate(100, lambda _: 0.005, 60, Limit())
    assert found.outcomes["refused"] <= 0.001 * found.outcomes["let in"]


@pytest.mark.parametrize("overload", [1.5, 3, 10])
def test_overloaded_server_does_all_it_can_and_nobody_waits_long(overload):
    capacity, seconds = 200, 60
    found = simulate(overload * capacity, lambda _: 1 / capacity, seconds, Limit())
    took = found.answered(5)
    assert len(took) >= 0.97 * capacity * (seconds - 5), "goodput"
    assert np.percentile(took, 99) < 0.1
    endless = simulate(overload * capacity, lambda _: 1 / capacity, seconds).answered(5)
    assert np.percentile(endless, 50) > 1, "without a limit the queue grows for as long as it lasts"


def test_limit_follows_a_server_that_becomes_slow_and_recovers():
    found = simulate(300, lambda now: 0.03 if 20 < now < 40 else 0.005, 60, Limit())
    at, took = np.array(found.at), np.array(found.took)
    assert np.percentile(took[(at > 25) & (at < 40)], 99) < 0.4
    assert np.percentile(took[at > 45], 99) < 0.1
    assert np.count_nonzero(at > 45) > 0.95 * 200 * 15


def test_burst_is_taken_in_and_does_not_shrink_the_limit():
    limit = Limit(limit=64)
    for _ in range(40):
        limit.admit(0.0)
    for number in range(40):
        limit.ended(0.002 * number, 0.002 * number, 0.002 * (number + 1))
    limit.admit(INTERVAL_S * 2)
    assert limit.limit == 64


@given(st.lists(st.tuples(st.sampled_from(["in", "out"]), st.floats(0, 0.2), st.floats(0, 1)), max_size=300))
def test_no_more_than_the_limit_are_under_way_whatever_happens(steps):
    limit, now, inside = Limit(), 0.0, 0
    for what, later, waited in steps:
        now += later
        if what == "out" and inside:
            limit.ended(now, waited, waited)
            inside -= 1
        elif what == "in":
            try:
                limit.admit(now)
                inside += 1
                assert inside <= limit.limit
            except Overloaded:
                assert inside + 1 > limit.limit
        assert limit.under_way == inside
        assert FEWEST <= limit.limit <= MOST


# ---- the caller's own time


def test_time_that_has_passed_or_is_too_short_is_said_at_once_and_takes_no_place():
    limit = Limit()
    with pytest.raises(Unavailable, match="runs out"):
        limit.admit(1.0, deadline=1.0)
    limit.admit(1.0, deadline=1.001)  # nothing is known yet: it is tried
    limit.ended(1.05, 0.0, 0.05)
    limit.admit(1.0 + INTERVAL_S)
    assert limit.quickest == 0.05
    with pytest.raises(Unavailable, match="runs out"):
        limit.admit(1.01 + INTERVAL_S, deadline=1.05 + INTERVAL_S)
    limit.admit(1.01 + INTERVAL_S, deadline=1.07 + INTERVAL_S)
    assert limit.under_way == 2


def test_server_that_refused_all_for_their_time_tries_again_after_a_while():
    limit = Limit()
    limit.admit(0.0)
    limit.ended(0.5, 0.0, 0.5)
    limit.admit(0.6, deadline=60.0)
    assert limit.quickest == 0.5
    limit.ended(0.61, None, None)
    limit.admit(10.0, deadline=10.001)


def test_time_is_read_from_the_header_and_what_is_no_time_is_said():
    assert deadline_of({}, 5.0) is None
    assert deadline_of({"x-request-timeout-ms": "250"}, 5.0) == 5.25
    assert deadline_of({"x-envoy-expected-rq-timeout-ms": "250"}, 5.0) == 5.25
    for wrong in ("", "-1", "2.5", "soon", "²", "9" * 10):
        with pytest.raises(BadInput, match="x-request-timeout-ms is a whole number of milliseconds"):
            deadline_of({"x-request-timeout-ms": wrong}, 5.0)


# ---- room to wait for the log


def test_room_turns_away_what_does_not_fit_and_takes_anything_when_it_is_empty():
    room = Room(10)
    room.enter(25)
    with pytest.raises(Unavailable, match="25 records wait to be logged, at most 10 may"):
        room.enter(1)
    room.leave(25)
    room.enter(4)
    room.enter(6)
    with pytest.raises(Unavailable):
        room.enter(1)
    assert room.waiting == 10
