"""Breakers as a state machine: time is passed in, so nothing here waits."""

from hypothesis import given
from hypothesis import strategies as st

from millrace.serve.breakers import FIRST_S, LONGEST_S, MOST_ABANDONED, MOST_LEAVES, Breaker, Breakers


def tripped(now: float = 0.0) -> Breaker:
    breaker = Breaker("leaf")
    for _ in range(5):
        assert breaker.lets(now)
        breaker.failed(now)
    return breaker


def test_five_failures_in_a_row_open_it_and_four_do_not():
    breaker = Breaker("leaf")
    for number in range(5):
        assert breaker.state == "closed", number
        breaker.failed(0.0)
    assert breaker.state == "open"
    assert not breaker.lets(0.0)


def test_leaf_that_fails_mostly_is_left_out_and_one_that_fails_seldom_is_not():
    mostly, seldom = Breaker("mostly"), Breaker("seldom")
    for number in range(100):
        for breaker, is_bad in ((mostly, number % 10 != 0), (seldom, number % 3 == 0)):
            if breaker.state == "closed":
                breaker.failed(0.0) if is_bad else breaker.succeeded()
    assert (mostly.state, seldom.state) == ("open", "closed")


def test_one_probe_goes_through_when_it_is_due_and_its_success_closes():
    breaker = tripped()
    assert not breaker.lets(breaker.until - 1e-6)
    assert breaker.lets(breaker.until)
    assert breaker.state == "half-open"
    assert not breaker.lets(breaker.until - 1e-6), "one probe at a time"
    breaker.succeeded()
    assert (breaker.state, breaker.failing) == ("closed", 0.0)
    assert breaker.lets(0.0)


def test_probe_that_fails_opens_it_for_longer_up_to_a_bound():
    breaker, pauses = tripped(), []
    for _ in range(10):
        now = breaker.until
        assert breaker.lets(now)
        breaker.failed(now)
        assert breaker.state == "open"
        pauses.append(breaker.until - now)
    assert all(LONGEST_S / 2 <= pause <= LONGEST_S for pause in pauses[-3:])
    for number, pause in enumerate(pauses[:3]):
        assert FIRST_S * 2 ** (number + 1) / 2 <= pause <= FIRST_S * 2 ** (number + 1)


def test_pauses_derive_from_the_name_so_leaves_that_failed_together_are_probed_apart():
    def pause(name: str) -> float:
        breaker = Breaker(name)
        for _ in range(5):
            breaker.failed(0.0)
        return breaker.until

    assert pause("one") == pause("one")
    assert len({pause(f"leaf{number}") for number in range(20)}) == 20


def test_call_that_was_under_way_when_it_opened_changes_nothing_by_failing():
    breaker = tripped()
    until = breaker.until
    breaker.failed(until - 0.1)
    assert (breaker.until, breaker.trips) == (until, 1)


def test_probe_that_says_nothing_is_followed_by_another():
    breaker = tripped()
    assert breaker.lets(breaker.until)
    assert breaker.lets(breaker.until)


@given(st.lists(st.tuples(st.sampled_from(["ask", "good", "bad"]), st.floats(0, 5)), max_size=200))
def test_it_is_never_shut_for_longer_than_the_bound(steps):
    breaker, now = Breaker("leaf"), 0.0
    for what, later in steps:
        now += later
        if what == "ask":
            breaker.lets(now)
        elif what == "good":
            breaker.succeeded()
        else:
            breaker.failed(now)
        assert 0 <= breaker.failing <= 1
        assert breaker.until <= now + LONGEST_S
        assert (breaker.state == "closed") == (breaker.trips == 0)
    assert breaker.lets(now + LONGEST_S)


def test_leaf_whose_abandoned_calls_still_run_is_not_called():
    breakers = Breakers()
    ends = [breakers.abandoned("leaf") for _ in range(MOST_ABANDONED)]
    assert not breakers.lets("leaf", 0.0)
    ends[0](None)
    assert breakers.lets("leaf", 0.0)


def test_reset_trusts_everybody_and_still_counts_the_threads():
    breakers = Breakers()
    for name in ("ill", "hung"):
        for _ in range(6):
            breakers.failed(name, 0.0)
    ends = [breakers.abandoned("hung") for _ in range(MOST_ABANDONED)]
    breakers.reset()
    assert (breakers.lets("ill", 0.0), breakers.lets("hung", 0.0)) == (True, False)
    for end in ends:
        end(None)
    assert breakers.states() == {}


def test_memory_is_bounded_and_the_healthy_take_none():
    breakers = Breakers()
    for number in range(MOST_LEAVES + 100):
        breakers.failed(f"leaf{number}", 0.0)
        breakers.succeeded(f"well{number}")
    assert len(breakers.states()) == MOST_LEAVES
    one = Breakers()
    one.failed("leaf", 0.0)
    for _ in range(30):
        one.succeeded("leaf")
    assert one.states() == {}
