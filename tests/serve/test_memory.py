"""The memory that a process repeats from: nothing that the slow one would not repeat, bounded, and gone when it must be."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from millrace import Cached, Experiment, Pipeline, Top
from millrace.decision import Decision
from millrace.serve.memory import Memory
from millrace.testing.slow import SlowMemory
from millrace.types import Columns, objects
from tests.laws.shop import Look, declared, fresh

RANKED, OTHER = Pipeline(fresh, Top(3)), Pipeline(fresh, Top(2))
CACHED = Cached(RANKED, key=Look.visitor, life="30s")
BOTH = Experiment({"by one": CACHED, "by two": Cached(RANKED, key=(Look.visitor, Look.kind), life="1s"), "bare": OTHER}, unit=Look.visitor)
KEYS = (("visitor",), ("visitor", "kind"))

decisions = st.builds(
    dict,
    visitor=st.sampled_from("ab"),
    kind=st.sampled_from("xy"),
    policy=st.sampled_from(("ranked", "other")),
    release=st.sampled_from(("r1", "r2")),
    missed=st.sampled_from(([], [], ["fresh"])),
    repeats=st.sampled_from(("", "", "d0")),
    watermark=st.integers(0, 20),
    after=st.integers(1, 5),
    is_known=st.sampled_from((True, True, False)),
)


def memory(most: int = 100) -> Memory:
    return Memory(declared(BOTH, ranked=RANKED, other=OTHER), most)


def asked(*rows: dict[str, Any]) -> Columns:
    return {name: objects(row[name] for row in rows) for name in ("visitor", "kind")}


def made(n: int, told: dict[str, Any]) -> Decision:
    own = {name: told[name] for name in ("policy", "release", "missed", "repeats", "watermark")}
    return Decision(id=f"d{n}", at=0, system="shop", taken=1, candidate=["g1", "g2"], score=[1.0, 0.5], source=["fresh"] * 2, **own)


@given(st.lists(decisions, max_size=12), st.integers(0, 26), st.integers(0, 10))
def test_it_repeats_nothing_that_may_not_be_repeated(told: list[dict[str, Any]], watermark: int, life: int) -> None:
    quick, all_known = memory(), []
    for n, one in enumerate(told):
        decision = made(n, one)
        quick.decided(asked(one), [decision])
        if one["is_known"]:
            quick.known([decision], [one["watermark"] + one["after"]])
            all_known.append((one["watermark"] + one["after"], one, decision))
    slow = SlowMemory(all_known)
    for key in KEYS:
        for release in ("r1", "r2"):
            for policy in ("ranked", "other"):
                fields = [{"visitor": a, "kind": b} for a in "ab" for b in "xy"]
                kind = (policy, release, key)
                found = quick.recalled(kind, asked(*fields), watermark - life, watermark)
                for one, repeated in zip(fields, found, strict=True):
                    allowed = {other.id for other in slow.allowed(kind, one, watermark - life, watermark)}
                    assert repeated is None or (policy == "ranked" and repeated.id in allowed)


@given(st.lists(decisions, max_size=12), st.integers(0, 10))
def test_what_was_known_last_is_found_again_while_it_may_be(told: list[dict[str, Any]], life: int) -> None:
    quick, all_known = memory(), []
    for n, one in enumerate(told):  # in the order of the log, all before the watermark
        decision = made(n, {**one, "policy": "ranked", "watermark": n})
        quick.decided(asked(one), [decision])
        quick.known([decision], [n])
        all_known.append((n, one, decision))
    slow, fields = SlowMemory(all_known), [{"visitor": a, "kind": b} for a in "ab" for b in "xy"]
    for key in KEYS:
        kind, since = ("ranked", "r1", key), len(told) - life
        expected = slow.recalled(kind, asked(*fields), since, len(told))
        found = quick.recalled(kind, asked(*fields), since, len(told))
        assert [one and one.id for one in found] == [one and one.id for one in expected]


ONE = {"visitor": "a", "kind": "x", "policy": "ranked", "release": "r1", "missed": [], "repeats": "", "watermark": 1}
KIND = ("ranked", "r1", ("visitor",))


def test_only_what_this_process_decided_is_remembered_and_only_if_it_is_what_was_logged() -> None:
    quick, decision = memory(), made(0, ONE)
    quick.known([decision], [2])
    assert quick.recalled(KIND, asked(ONE), 0, 9) == [None]
    quick.decided(asked(ONE), [decision])
    quick.known([made(0, {**ONE, "watermark": 3})], [4])
    assert quick.recalled(KIND, asked(ONE), 0, 9) == [None], "another process decided on that request meanwhile"


def test_another_edition_of_the_view_repeats_nothing_of_the_one_before() -> None:
    quick, late = memory(), made(1, ONE)
    quick.decided(asked(ONE), [made(0, ONE)], "1")
    quick.known([made(0, ONE)], [2])
    assert quick.recalled(KIND, asked(ONE), 0, 9, "1") != [None]
    assert quick.recalled(KIND, asked(ONE), 0, 9, "2") == [None]
    quick.decided(asked(ONE), [late], "1")  # decided before, noted after
    quick.known([late], [3])
    assert quick.recalled(KIND, asked(ONE), 0, 9, "2") == [None]


def test_it_holds_so_many_and_lets_go_of_what_was_not_asked_for() -> None:
    quick = memory(2)
    for n, visitor in enumerate("abc"):
        one = {**ONE, "visitor": visitor}
        quick.decided(asked(one), [made(n, one)])
        quick.known([made(n, one)], [2 + n])
    found = quick.recalled(("ranked", "r1", ("visitor", "kind")), asked(*({**ONE, "visitor": one} for one in "abc")), 0, 9)
    assert [one is not None for one in found] == [False, False, True], "two places for each decision, by either key"


def test_numbers_and_instants_are_keys_too() -> None:
    loaded = declared(Cached(RANKED, key=(Look.limit, Look.at), life="30s"), ranked=RANKED)
    quick = Memory(loaded)
    rows = {"limit": np.array([3, 4]), "at": np.array([10, 10])}
    both = [made(0, ONE), made(1, ONE)]
    quick.decided(rows, both)
    quick.known(both, [2, 3])
    assert [one and one.id for one in quick.recalled(("ranked", "r1", ("limit", "at")), rows, 0, 9)] == ["d0", "d1"]
