from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace import Entity, Event, Ref, Request, outcome
from millrace.errors import DeclarationError
from millrace.training.attribution import join_keys, label
from millrace.types import micros, objects


class Person(Entity):
    age: int


class Thing(Entity):
    kind: str


class Ask(Request):
    person: Ref[Person]


class Use(Event):
    person: Ref[Person]
    thing: Ref[Thing]
    minutes: float


class Complaint(Event):
    ask: Ref[Ask]


class Elsewhere(Event):
    person: Ref[Person]


used = outcome(Use, within="10s")
minutes = outcome(Use.minutes, within="10s", take="sum")
latest = outcome(Use.minutes, within="10s", take="last")
agreed = outcome(Use.minutes, within="10s", take="consensus")
complained = outcome(Complaint, within="10s", seen_if=("approve", "review"))
SECOND = micros("1s")


def rows(*found: tuple[str, int, str, str], action: str = "shown") -> dict[str, Any]:
    ids, at, person, thing = zip(*found, strict=True) if found else ((), (), (), ())
    return {
        "id": objects(ids),
        "at": np.array(at, dtype=np.int64) * SECOND,
        "person": objects(person),
        "candidate": objects(thing),
        "action": objects([action] * len(ids)),
    }


def uses(*found: tuple[int, int, str, str, float]) -> dict[str, Any]:
    at, known, person, thing, spent = zip(*found, strict=True) if found else ((), (), (), (), ())
    instants = {"at": np.array(at, dtype=np.int64) * SECOND, "known": np.array(known, dtype=np.int64) * SECOND}
    return {**instants, "person": objects(person), "thing": objects(thing), "minutes": np.array(spent, dtype=np.float64)}


KEYS = join_keys(used, Ask, Thing)


def oracle(take: str, decided: dict[str, Any], events: dict[str, Any], horizon: int) -> list[float]:
    """Label row by row, event by event."""
    within = 10 * SECOND
    found: dict[int, list[tuple[int, float]]] = {}
    for e in range(len(events["at"])):
        if events["known"][e] >= horizon:
            continue
        fitting = [
            r
            for r in range(len(decided["at"]))
            if decided["person"][r] == events["person"][e]
            and decided["candidate"][r] == events["thing"][e]
            and decided["at"][r] <= events["at"][e]
        ]
        if fitting:
            owner = max(fitting, key=lambda r: (decided["at"][r], r))
            if events["at"][e] <= decided["at"][owner] + within:
                found.setdefault(owner, []).append((int(events["known"][e]), float(events["minutes"][e])))
    out = []
    for r in range(len(decided["at"])):
        values = [value for _, value in sorted(found.get(r, []), key=lambda pair: pair[0])]
        if decided["at"][r] + within >= horizon:
            out.append(np.nan)
        elif take == "any":
            out.append(float(bool(values)))
        elif take == "sum":
            out.append(sum(values))
        else:
            out.append(values[-1] if values and take == "last" else float(np.mean(values)) if values else np.nan)
    return out


names = st.sampled_from(["a", "b"])


@given(
    decided=st.lists(st.tuples(st.integers(0, 40), names, names), max_size=12),
    events=st.lists(
        st.tuples(st.integers(0, 60), st.integers(0, 20), names, names, st.integers(0, 9)), max_size=15, unique_by=lambda e: e[0] + e[1]
    ),
    horizon=st.integers(0, 80),
    take=st.sampled_from([used, minutes, latest, agreed]),
)
def test_labels_equal_the_oracle(decided: Any, events: Any, horizon: int, take: Any) -> None:
    asked = rows(*[(f"r{i}", at, person, thing) for i, (at, person, thing) in enumerate(decided)])
    told = uses(*[(at, at + delay, person, thing, spent) for at, delay, person, thing, spent in events])
    expected = oracle(take.take, asked, told, horizon * SECOND)
    np.testing.assert_allclose(label(take, asked, told, KEYS, horizon * SECOND), expected)


def test_an_open_window_is_neither_positive_nor_negative() -> None:
    asked = rows(("r", 0, "a", "x"))
    told = uses((1, 2, "a", "x", 1.0))
    assert np.isnan(label(used, asked, told, KEYS, 10 * SECOND)[0])
    assert label(used, asked, told, KEYS, 10 * SECOND + 1)[0] == 1.0


def test_an_event_belongs_to_the_latest_decision_only() -> None:
    asked = rows(("r1", 0, "a", "x"), ("r2", 5, "a", "x"))
    told = uses((6, 6, "a", "x", 1.0))
    assert label(used, asked, told, KEYS, 100 * SECOND).tolist() == [0.0, 1.0]


def test_what_was_not_known_at_the_horizon_does_not_count() -> None:
    asked = rows(("r", 0, "a", "x"))
    told = uses((1, 50, "a", "x", 1.0))
    assert label(used, asked, told, KEYS, 50 * SECOND)[0] == 0.0
    assert label(used, asked, told, KEYS, 50 * SECOND + 1)[0] == 1.0


def test_an_action_that_hides_the_outcome_leaves_the_row_unlabelled() -> None:
    keys = join_keys(complained, Ask, None)
    assert keys == [("id", "ask")]
    told = {"at": np.array([SECOND]), "known": np.array([SECOND]), "ask": objects(["r1"])}
    hidden = label(complained, rows(("r1", 0, "a", ""), ("r2", 0, "a", ""), action="decline"), told, keys, 100 * SECOND)
    seen = label(complained, rows(("r1", 0, "a", ""), ("r2", 0, "a", ""), action="approve"), told, keys, 100 * SECOND)
    assert np.isnan(hidden).all()
    assert seen.tolist() == [1.0, 0.0]


def test_time_can_run_from_an_attribute_of_the_candidate() -> None:
    asked = rows(("r", 0, "a", "x"))
    told = uses((25, 25, "a", "x", 1.0))
    assert label(used, asked, told, KEYS, 100 * SECOND)[0] == 0.0
    assert label(used, asked, told, KEYS, 100 * SECOND, start=np.array([20 * SECOND]))[0] == 1.0


def test_an_event_about_something_else_is_refused() -> None:
    with pytest.raises(DeclarationError, match="Elsewhere does not say which Thing it is about"):
        join_keys(outcome(Elsewhere, within="1h"), Ask, Thing)
