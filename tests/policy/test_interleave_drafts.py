"""Ways to merge slates, held against their papers' algorithms played through in every way."""

from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.policy.interleave_drafts import Balanced, Draft, Probabilistic, TeamDraft, chances, drawn, rest
from tests.policy import drafts

PAIRS: dict[str, tuple[Draft, Any]] = {
    "team-draft": (TeamDraft(), drafts.team_drafts),
    "balanced": (Balanced(), drafts.balanced),
    "probabilistic": (Probabilistic(), drafts.probabilistic),
}


def slates(arms: int, longest: int = 4) -> st.SearchStrategy[list[list[int]]]:
    """Return slates of different lengths out of the same few rows, so that most of them share some."""
    one = st.lists(st.integers(0, 5), unique=True, min_size=1, max_size=longest)
    return st.lists(one, min_size=arms, max_size=arms)


def outcomes(draft: Draft, orders: list[list[int]], places: int) -> dict[Any, float]:
    """Return the chance of each (rows placed, who picked them) as the moves say it."""
    reached = {((), ()): 1.0}
    states = {((), ()): draft.begin(len(orders))}
    for _ in range(places):
        below: dict[Any, float] = defaultdict(float)
        further: dict[Any, Any] = {}
        for (placed, team), chance in reached.items():
            for part, row, arm, state in draft.moves(orders, states[placed, team]):
                key = ((*placed, row), (*team, arm))
                below[key] += chance * part
                further[key] = state
        reached, states = below, further
    return reached


@pytest.mark.parametrize("by", PAIRS)
@given(data=st.data())
def test_a_draft_goes_each_way_as_often_as_its_paper_says(by: str, data: st.DataObject) -> None:
    draft, oracle = PAIRS[by]
    orders = data.draw(slates(2 if by == "balanced" else data.draw(st.integers(2, 3)), 3))
    places = min(map(len, orders))
    expected: dict[Any, float] = defaultdict(float)
    for chance, placed, team in oracle(orders, places):
        expected[tuple(placed), tuple(team)] += chance
    found = outcomes(draft, orders, places)
    assert {key: pytest.approx(value) for key, value in expected.items()} == found
    assert sum(found.values()) == pytest.approx(1)


@pytest.mark.parametrize("by", PAIRS)
@given(data=st.data())
def test_chances_are_those_of_all_ways_together(by: str, data: st.DataObject) -> None:
    draft, oracle = PAIRS[by]
    orders = data.draw(slates(2))
    drafted, places = min(map(len, orders)), max(map(len, orders))
    expected: dict[int, float] = defaultdict(float)
    for chance, placed, _ in oracle(orders, drafted):
        more = rest(orders, sum(1 << row for row in placed), places - drafted)
        assert len({*placed, *more}) == places, "the longest slate alone fills all places"
        for row in placed + more:
            expected[row] += chance
    assert chances(draft, orders, drafted, places) == pytest.approx(expected)


@pytest.mark.parametrize("by", PAIRS)
def test_draws_come_up_as_often_as_the_moves_say(by: str) -> None:
    draft, _ = PAIRS[by]
    orders = [[0, 1, 2], [1, 3, 0]]
    g = np.random.default_rng(0)
    n = 20_000
    seen = Counter(tuple(zip(*drawn(draft, orders, g.random(3)), strict=True)) for _ in range(n))
    expected = outcomes(draft, orders, 3)
    assert set(seen) <= set(expected)
    for key, chance in expected.items():
        assert abs(seen[key] - n * chance) < 5 * (n * chance) ** 0.5 + 1


def test_what_fills_up_is_taken_by_rank_and_earlier_arms_first() -> None:
    assert rest([[0, 1, 2, 3], [4, 5]], picked=0b010001, places=3) == [1, 5, 2]
    assert rest([[0, 1, 2], [2, 1, 0]], picked=0b001, places=9) == [2, 1], "each once, by the better of its ranks"


def test_chances_are_unknown_where_there_are_too_many_ways() -> None:
    orders = [list(range(20)), list(range(20, 40))]
    assert chances(Probabilistic(), orders, 20, 20) is None
    assert chances(TeamDraft(), orders, 20, 20) == dict.fromkeys((*range(10), *range(20, 30)), 1.0)
