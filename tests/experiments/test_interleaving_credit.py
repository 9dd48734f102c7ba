"""Credit of interleaved slates, held against its definition: the mean over every way in which a slate may have come about."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.experiments.interleaving_credit import balanced_credit, draft_credit, probabilistic_credit, team_credit
from millrace.types import Array
from tests.policy.drafts import Way, balanced, probabilistic, team_drafts

Orders = list[list[int]]


def slates(arms: int) -> st.SearchStrategy[Orders]:
    """Return slates of different lengths out of the same few rows."""
    one = st.lists(st.integers(0, 4), unique=True, min_size=1, max_size=3)
    return st.lists(one, min_size=arms, max_size=arms)


def ranks(orders: Orders, placed: list[int]) -> Array:
    return np.array([[[order.index(row) if row in order else -1 for row in placed] for order in orders]])


def drafted(orders: Orders) -> Array:
    return np.array([min(map(len, orders))])


def averaged(ways: Iterator[Way], arms: int, places: int) -> dict[tuple[int, ...], Array]:
    """Return, by what was shown, how often each arm picked each place, on average over all ways that show it. Shape (arms, places)."""
    reached: dict[tuple[int, ...], float] = defaultdict(float)
    picked: dict[tuple[int, ...], Array] = defaultdict(lambda: np.zeros((arms, places)))
    for chance, placed, team in ways:
        reached[tuple(placed)] += chance
        picked[tuple(placed)][team, range(places)] += chance
    return {shown: picked[shown] / chance for shown, chance in reached.items()}


def draft(orders: Orders, placed: list[int], reward: Array) -> Array:
    return draft_credit(ranks(orders, placed), drafted(orders), reward[None])[0]


def by_rank(orders: Orders, placed: list[int], reward: Array) -> Array:
    return probabilistic_credit(ranks(orders, placed), np.array([list(map(len, orders))]), reward[None])[0]


WAYS: dict[str, tuple[Callable[..., Array], Callable[..., Iterator[Way]]]] = {
    "team-draft": (draft, team_drafts),
    "probabilistic": (by_rank, probabilistic),
}


@pytest.mark.parametrize("by", WAYS)
@given(data=st.data())
def test_credit_is_the_mean_over_all_ways_that_make_the_same_slate(by: str, data: Any) -> None:
    credit, ways = WAYS[by]
    orders = data.draw(slates(data.draw(st.integers(2, 3))))
    places = min(map(len, orders))
    for shown, share in averaged(ways(orders, places), len(orders), places).items():
        reward = np.array(data.draw(st.lists(st.integers(0, 3), min_size=places, max_size=places)))
        np.testing.assert_allclose(credit(orders, list(shown), reward), share @ reward, atol=1e-12)


@pytest.mark.parametrize("by", WAYS)
@given(data=st.data())
def test_rewards_that_go_by_the_place_alone_favour_nobody(by: str, data: Any) -> None:
    """Exactly so, over all ways the slates may be merged: at each place every arm earns the same on average."""
    credit, ways = WAYS[by]
    orders = data.draw(slates(data.draw(st.integers(2, 3))))
    places = min(map(len, orders))
    for place in range(places):
        click = np.eye(places)[place]
        earned = sum(chance * credit(orders, placed, click) for chance, placed, _ in ways(orders, places))
        np.testing.assert_allclose(earned, 1 / len(orders), atol=1e-12)


@given(orders=slates(2), data=st.data())
def test_credit_of_a_draft_has_the_mean_of_its_picks_and_never_varies_more(orders: Orders, data: Any) -> None:
    places = min(map(len, orders))
    reward = np.array(data.draw(st.lists(st.integers(0, 3), min_size=places, max_size=places)))
    ways = list(team_drafts(orders, places))
    chances = np.array([chance for chance, _, _ in ways])
    picked = np.array([team_credit(np.array([team]), reward[None], 2)[0] @ [-1, 1] for _, _, team in ways])
    mean = np.array([draft(orders, placed, reward) @ [-1, 1] for _, placed, _ in ways])
    assert chances @ mean == pytest.approx(chances @ picked)
    assert chances @ mean**2 <= chances @ picked**2 + 1e-12


@given(orders=slates(2), data=st.data())
def test_balanced_credit_cuts_both_slates_where_the_lowest_click_says(orders: Orders, data: Any) -> None:
    places = min(map(len, orders))
    clicked = np.array(data.draw(st.lists(st.integers(0, 1), min_size=places, max_size=places)))
    for _, placed, _ in balanced(orders, places):
        found = balanced_credit(ranks(orders, placed), drafted(orders), clicked[None])[0]
        if not clicked.any():
            assert found.tolist() == [0, 0]
            continue
        lowest = placed[int(np.flatnonzero(clicked)[-1])]
        k = min(order.index(lowest) + 1 for order in orders if lowest in order)
        assert found.tolist() == [sum(placed[place] in order[:k] for place in np.flatnonzero(clicked)) for order in orders]


def test_what_lies_below_the_places_drafted_counts_for_nobody() -> None:
    orders, placed, clicks = [[0, 1, 2], [3]], [0, 1, 2], np.array([[0, 1, 1]])
    assert draft_credit(ranks(orders, placed), drafted(orders), clicks).tolist() == [[0, 0]]
    assert balanced_credit(ranks(orders, placed), drafted(orders), clicks).tolist() == [[0, 0]]
    assert probabilistic_credit(ranks(orders, placed), np.array([[3, 1]]), clicks).tolist() == [[0, 0]]


def test_requests_of_no_rows_earn_nothing() -> None:
    nothing, none = np.zeros((1, 0)), np.zeros((1, 2, 0), dtype=np.int64)
    assert draft_credit(none, np.array([0]), nothing).tolist() == [[0, 0]]
    assert probabilistic_credit(none, np.array([[0, 0]]), nothing).tolist() == [[0, 0]]
    assert team_credit(np.zeros((1, 0)), nothing, 2).tolist() == [[0, 0]]
    assert balanced_credit(none, np.array([0]), nothing).tolist() == [[0, 0]]
