"""Cached: what is repeated, what it says of itself, and what cannot be declared."""

from typing import Any

import pytest

from millrace import Cached, Fallback, Pipeline, Rules, Top
from millrace.errors import DeclarationError
from millrace.testing.policies import assert_same
from millrace.types import SECOND
from tests.laws.shop import Look, answered, bought, case, fresh, ranker

RANKED = Pipeline(fresh, ranker, Top(Look.limit, explore=0.5))
KEY = (Look.visitor, Look.limit)


def decided(policy: Any, *earlier: Any) -> Any:
    made = case(policy, earlier=earlier, ranked=RANKED)
    return made.decide(made.requests, made.facts())


def test_repeated_decision_takes_the_same_for_certain_and_names_the_first() -> None:
    d = decided(Cached(RANKED, key=KEY, life="30s"), answered("v2", 5, id="first"))
    assert d.requests["repeats"].tolist() == [None, None, "first", None, None, None]
    rows = {name: column[d.rows["request"] == 2].tolist() for name, column in d.rows.items()}
    assert (rows["candidate"], rows["rank"], rows["propensity"]) == (["g0", "g1"], [0, 1], [1.0, 1.0])


def test_what_is_not_known_is_decided_as_without_a_cache() -> None:
    cached, bare = decided(Cached(RANKED, key=KEY, life="30s")), decided(RANKED)
    assert_same(type(cached)({name: column for name, column in cached.requests.items() if name != "missed"}, cached.rows), bare)


def test_latest_answer_is_repeated_while_it_lives_and_no_longer() -> None:
    cached = Cached(RANKED, key=KEY, life="30s")
    assert decided(cached, answered("v0", 3, 30 * SECOND, id="old"), answered("v0", 3, id="new")).requests["repeats"][0] == "new"
    assert decided(cached, answered("v0", 3, 30 * SECOND, id="old")).requests["repeats"][0] == "old"
    assert "repeats" not in decided(cached, answered("v0", 3, 30 * SECOND + 1)).requests


def test_an_answer_without_rows_is_an_answer() -> None:
    nothing = answered("v0", 3, taken=0, candidate=[], source=[], score=[])
    d = decided(Cached(RANKED, key=KEY, life="30s"), nothing)
    assert d.requests["repeats"][0] is not None
    assert 0 not in d.rows["request"]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Cached(Fallback(RANKED, to=RANKED, after="1s"), key=KEY, life="30s"), "not a Pipeline"),  # type: ignore[arg-type]
        (lambda: Cached(RANKED, key="visitor", life="30s"), "not a field"),
        (lambda: Cached(RANKED, key=(), life="30s"), "everybody would get the same answer"),
        (lambda: Cached(RANKED, key=KEY, life="30"), "not a duration"),
    ],
)
def test_what_cannot_be_cached_is_refused(make: Any, said: str) -> None:
    with pytest.raises(DeclarationError, match=said):
        make()


def test_rules_can_be_cached() -> None:
    ruled = Pipeline(fresh, Rules(bought["7d"]), Top(2))
    made = case(Cached(ruled, key=Look.visitor, life="1m"), earlier=[answered("v1", 2)], ranked=ruled)
    assert made.decide(made.requests, made.facts()).requests["repeats"].tolist()[1] == f"v1 {SECOND} ago"
