"""Facts: who answers in time, who does not, and that nobody waits for those. Verdicts rest on events and barriers, never on timing."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from millrace.errors import Late
from millrace.serve.breakers import MOST_ABANDONED
from millrace.serve.facts import Installed, LiveFacts
from millrace.serve.pools import Pools
from millrace.types import objects

LONG = "10m"  # longer than any test may take: a call within it is never late
SOON = "20ms"
PATIENCE = 60.0  # seconds after which a test gives up, rather than hang


class Declared:
    """Something with a name, whose learner has nothing to say before it has learned."""

    learner = None


MODEL, CHOOSER = Declared(), Declared()
NAMES = {id(MODEL): "ranker", id(CHOOSER): "chooser"}


@pytest.fixture
def pools() -> Iterator[Pools]:
    made = Pools()
    yield made
    made.close()


@pytest.fixture
def hang() -> Iterator[Callable[[Any], str]]:
    """A call that answers only once the test is over."""
    over = threading.Event()
    yield lambda _facts: "at last" if over.wait(PATIENCE) else "never"
    over.set()


def facts(pools: Pools | None = None, **others: Any) -> LiveFacts:
    return LiveFacts(None, 10, NAMES, Installed("r1", {"ranker": "v1"}, {"chooser/stop": 0.5}), str.upper, pools=pools, **others)  # type: ignore[arg-type]


def answer(what: Any) -> Callable[[Any], Any]:
    return lambda _facts: what


def fail(error: BaseException) -> Callable[[Any], Any]:
    def call(_facts: Any) -> Any:
        raise error

    return call


# ---- what is known and installed


def test_version_and_threshold_are_those_installed() -> None:
    assert facts().version(MODEL) == "V1"
    assert facts().threshold(CHOOSER, "stop") == 0.5


def test_what_is_not_installed_is_late_and_named() -> None:
    with pytest.raises(Late, match="no version of Declared is installed yet"):
        facts().version(Declared())
    with pytest.raises(Late, match="the threshold of chooser for 'go' has not been learned yet"):
        facts().threshold(CHOOSER, "go")


def test_pinned_facts_install_other_versions_and_thresholds_and_leave_the_first_alone() -> None:
    first = facts()
    pinned = first.pinned({MODEL: "v2", "chooser/stop": 0.9})
    assert (pinned.version(MODEL), pinned.threshold(CHOOSER, "stop")) == ("V2", 0.9)
    assert (first.version(MODEL), first.threshold(CHOOSER, "stop")) == ("V1", 0.5)
    assert pinned.missed is first.missed, "what misses under other versions is a miss of the same decision"


def test_chance_depends_on_seed_name_and_id_and_nothing_else() -> None:
    ids = objects([f"r{n}" for n in range(20_000)])
    drawn = facts().chance("top", ids)
    assert ((drawn >= 0) & (drawn < 1)).all()
    assert abs(drawn.mean() - 0.5) < 0.01
    assert abs(np.corrcoef(drawn[1:], drawn[:-1])[0, 1]) < 0.03
    assert (facts(inside="a/").chance("top", ids[::-1])[::-1] == drawn).all()
    for other in (facts(seed=1).chance("top", ids), facts().chance("act", ids)):
        assert abs(np.corrcoef(drawn, other)[0, 1]) < 0.03


# ---- attempts


@pytest.mark.parametrize("is_patient", [True, False])
def test_all_that_answer_are_returned_in_the_order_asked(is_patient: bool, pools: Pools) -> None:
    known = facts(None if is_patient else pools)
    calls = {name: answer(name.upper()) for name in ("c", "a", "b")}
    assert list(known.attempt(calls, {"a": LONG}).items()) == [("c", "C"), ("a", "A"), ("b", "B")]
    assert (known.missed, known.failures) == ([], [])


@pytest.mark.parametrize("is_patient", [True, False])
def test_leaf_that_raises_is_a_miss_with_a_note_and_one_that_is_late_has_none(is_patient: bool, pools: Pools) -> None:
    known = facts(None if is_patient else pools)
    calls = {"broken": fail(ValueError("no such column")), "late": fail(Late("not yet")), "slow": fail(TimeoutError()), "there": answer(1)}
    assert known.attempt(calls, {}) == {"there": 1}
    assert known.missed == ["broken", "late", "slow"]
    assert known.failures == [("broken", "ValueError: no such column")]


def test_hung_leaf_never_blocks_the_answer(pools: Pools, hang: Any) -> None:
    known = facts(pools)
    assert known.attempt({"hung": hang, "there": answer(1)}, {"hung": SOON, "there": LONG}) == {"there": 1}
    assert known.missed == ["hung"]
    assert known.failures == []


def test_every_call_has_its_own_deadline(pools: Pools, hang: Any) -> None:
    """The calls meet in a barrier, so they do run side by side: the one that waits longest does not use up another's time."""
    met = threading.Barrier(2)
    calls = {"hung": hang, "one": lambda _: met.wait(PATIENCE) >= 0, "other": lambda _: met.wait(PATIENCE) >= 0}
    known = facts(pools)
    assert known.attempt(calls, {"hung": SOON, "one": LONG, "other": None}) == {"one": True, "other": True}


def test_calls_without_a_time_of_their_own_run_on_the_callers_thread_beside_the_others(pools: Pools) -> None:
    met, threads = threading.Barrier(2), {}

    def meeting(name: str) -> Any:
        def call(_: Any) -> str:
            threads[name] = threading.get_ident()
            met.wait(PATIENCE)
            return name

        return call

    got, missed = (known := facts(pools)).attempt({"timed": meeting("timed"), "untimed": meeting("untimed")}, {"timed": LONG}), known.missed
    assert (got, missed) == ({"timed": "timed", "untimed": "untimed"}, [])
    assert threads["untimed"] == threading.get_ident() != threads["timed"]


def test_failure_of_a_call_without_a_time_of_its_own_is_a_miss_that_its_breaker_hears_of(pools: Pools) -> None:
    def broken(_: Any) -> str:
        raise OSError("gone")

    for _ in range(10):
        assert (known := facts(pools)).attempt({"broken": broken}, {}) == {}
        assert known.missed == ["broken"]
    assert pools.breakers.states() == {"broken": "open"}


def test_deadline_of_the_outer_call_ends_the_waiting_inside_it(pools: Pools, hang: Any) -> None:
    done = threading.Event()
    seen: list[Any] = []

    def outer(known: Any) -> str:
        seen.append(known.attempt({"hung": hang}, {"hung": LONG}))
        done.set()
        return "outer"

    known = facts(pools)
    assert known.attempt({"outer": outer}, {"outer": SOON}) in ({}, {"outer": "outer"})
    assert done.wait(PATIENCE), "the thread of the outer call still waits for the inner one"
    assert seen == [{}]


def test_misses_inside_what_answers_are_recorded_once_by_their_path(pools: Pools) -> None:
    def half(known: Any) -> str:
        return "half" if known.attempt({"x": fail(Late("")), "y": answer(1)}, {}) == {"y": 1} else "?"

    def whole(known: Any) -> Any:
        return known.attempt({"half": half}, {})

    for threads in (pools, None):
        known = facts(threads)
        assert known.attempt({"whole": whole}, {}) == {"whole": {"half": "half"}}
        assert known.missed == ["whole/half/x"]


def test_misses_inside_what_misses_are_left_out(pools: Pools) -> None:
    def outer(known: Any) -> Any:
        assert known.attempt({"inner": fail(Late(""))}, {}) == {}
        raise Late("nothing to go on with")

    for threads in (pools, None):
        known = facts(threads)
        assert known.attempt({"outer": outer}, {}) == {}
        assert known.missed == ["outer"]


def test_facts_apart_miss_for_themselves(pools: Pools) -> None:
    known = facts(pools)
    one, other = known.apart(), known.apart()
    one.attempt({"x": fail(Late(""))}, {})
    assert (one.missed, other.missed, known.missed) == (["x"], [], [])


def test_replay_repeats_the_misses_and_asks_what_missed_no_more(pools: Pools, hang: Any) -> None:
    calls = {"hung": hang, "there": lambda known: known.attempt({"hung": fail(Late("")), "deep": answer(2)}, {})}
    live = facts(pools)
    first = live.attempt(calls, {"hung": SOON})
    assert (first, live.missed) == ({"there": {"deep": 2}}, ["hung", "there/hung"])
    asked: list[str] = []
    recovered = {
        "hung": lambda _: asked.append("hung"),
        "there": lambda known: known.attempt({"hung": lambda _: asked.append("there/hung"), "deep": answer(2)}, {}),
    }
    again = facts(pools, replayed=frozenset(live.missed))
    assert again.attempt(recovered, {"hung": SOON}) == first
    assert sorted(again.missed) == sorted(live.missed)
    assert asked == []


def test_replay_of_no_misses_waits_however_long_a_leaf_takes(pools: Pools) -> None:
    """What answered then must answer now: deadlines are for the living."""
    began, go = threading.Event(), threading.Event()

    def slow(_: Any) -> int:
        began.set()
        return 7 if go.wait(PATIENCE) else 0

    with ThreadPoolExecutor(1) as one:
        running = one.submit(facts(pools, replayed=frozenset()).attempt, {"slow": slow}, {"slow": "1us"})
        assert began.wait(PATIENCE)
        assert not running.done()
        go.set()
        assert running.result(PATIENCE) == {"slow": 7}


# ---- many at once


def nested(known: Any, depth: int, meet: threading.Barrier | None = None) -> int:
    """Ask two calls side by side, each of which does so too; return how many leaves there were."""
    if meet is not None:
        meet.wait(PATIENCE)
    if depth == 0:
        return 1
    calls = {name: lambda inner, depth=depth: nested(inner, depth - 1) for name in ("left", "right")}
    return sum(known.attempt(calls, {}).values())


def test_sixteen_decisions_nested_three_deep_do_not_wait_for_each_other_for_ever(pools: Pools) -> None:
    """All sixteen hold a thread of the first depth before any goes deeper, so every thread there is taken."""
    meet = threading.Barrier(16)
    with ThreadPoolExecutor(16) as threads:
        asked = [threads.submit(facts(pools).attempt, {"d": lambda known: nested(known, 3, meet)}, {"d": LONG}) for _ in range(16)]
        assert [one.result(PATIENCE) for one in asked] == [{"d": 8}] * 16


def test_more_decisions_than_threads_all_get_their_answer(pools: Pools) -> None:
    with ThreadPoolExecutor(60) as threads:
        asked = [threads.submit(nested, facts(pools), 3) for _ in range(60)]
        assert [one.result(PATIENCE) for one in asked] == [8] * 60


def test_leaf_that_hangs_for_ever_costs_few_threads_and_nobody_else(pools: Pools, hang: Any) -> None:
    """A thread cannot be stopped: as long as two calls of a leaf hang, it is a miss at once and no third thread is lost to it."""
    began: list[int] = []

    def hangs(known: Any) -> str:
        began.append(1)
        return hang(known)

    for _ in range(40):
        known = facts(pools)
        assert known.attempt({"hung": hangs, "bounded": answer(3)}, {"hung": "1ms", "bounded": LONG}) == {"bounded": 3}
        assert (known.missed, known.failures) == (["hung"], [])
    assert len(began) <= MOST_ABANDONED


def test_leaves_that_hang_for_ever_do_not_stop_calls_without_a_deadline(pools: Pools, hang: Any) -> None:
    """When all threads of a depth are lost, each to another leaf, what has no deadline runs where it was asked."""
    for number in range(40):
        facts(pools).attempt({f"hung{number}": hang}, {f"hung{number}": "1ms"})
    known = facts(pools)
    assert known.attempt({"one": answer(1), "two": answer(2)}, {}) == {"one": 1, "two": 2}
    assert known.attempt({"bounded": answer(3)}, {"bounded": SOON}) == {}
    assert known.missed == ["bounded"]


# ---- breakers


def test_leaf_that_keeps_failing_is_left_out_and_the_miss_is_recorded_and_replayed_like_any_other(pools: Pools) -> None:
    asked: list[int] = []

    def broken(_: Any) -> int:
        asked.append(1)
        raise ValueError("no such column")

    for _ in range(20):
        known = facts(pools)
        assert known.attempt({"broken": broken, "there": answer(1)}, {}) == {"there": 1}
        assert known.missed == ["broken"]
    assert len(asked) < 10
    assert pools.breakers.states() == {"broken": "open"}
    again = facts(pools, replayed=frozenset(["broken"]))
    assert again.attempt({"broken": broken, "there": answer(1)}, {}) == {"there": 1}
    assert again.missed == ["broken"]


def test_breakers_know_leaves_by_their_path(pools: Pools) -> None:
    def outer(known: Any) -> Any:
        return known.attempt({"leaf": fail(ValueError("ill")), "other": answer(1)}, {})

    for _ in range(10):
        facts(pools).attempt({"outer": outer, "leaf": answer(2)}, {})
    assert pools.breakers.states() == {"outer/leaf": "open"}


def test_nothing_installed_is_no_illness(pools: Pools) -> None:
    known = facts(pools)
    for _ in range(20):
        assert known.attempt({"model": lambda inner: inner.version(Declared())}, {}) == {}
    assert pools.breakers.states() == {}


def test_leaf_is_not_blamed_for_time_that_its_caller_had_lost(pools: Pools, hang: Any) -> None:
    """The inner leaf has ten minutes of its own; that the outer call has none left says nothing of it."""
    done = threading.Event()

    def outer(known: Any) -> str:
        known.attempt({"inner": hang}, {"inner": LONG})
        done.set()
        return "outer"

    facts(pools).attempt({"outer": outer}, {"outer": SOON})
    assert done.wait(PATIENCE)
    assert pools.breakers.lets("outer/inner", 0.0)
    assert pools.breakers.states().get("outer/inner", "closed") == "closed"


def test_threads_are_kept_and_reused(pools: Pools) -> None:
    seen = set()
    for _ in range(50):
        seen.update(facts(pools).attempt({"who": lambda _: threading.current_thread().name}, {"who": LONG}).values())
    assert len(seen) <= 2


def test_closed_pools_take_no_more_and_what_asks_them_still_answers(pools: Pools) -> None:
    pools.close()
    known = facts(pools)
    assert known.attempt({"bounded": answer(1), "free": answer(2)}, {"bounded": LONG}) == {"free": 2}
    assert known.missed == ["bounded"]


def test_process_ends_although_a_leaf_hangs() -> None:
    code = "import threading\nfrom millrace.serve.pools import Pools\nPools().submit(0, threading.Event().wait)\nprint('done')\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE)
    assert (done.stdout, done.returncode) == ("done\n", 0)
