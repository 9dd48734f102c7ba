"""Top: the best under constraints, and propensities that are the shares of all draws in which a row is taken."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from millrace import AtMost, Entity, Request, Top
from millrace.types import objects
from tests.policy.known import known, rows


class Good(Entity):
    maker: str
    kind: str


class Look(Request):
    limit: int


def slate(score: list[float], maker: list[str], kind: list[str], n: int, most: tuple[int, int]) -> tuple[list[int], list[int]]:
    """Return, by hand, the rows that take all places but the last, and those that may take the last: the best that is still allowed."""
    order = sorted(range(len(score)), key=lambda row: (-score[row], row))
    taken: list[int] = []

    def allowed() -> list[int]:
        full = {
            of[row]
            for of, limit in ((maker, most[0]), (kind, most[1]))
            for row in taken
            if [of[one] for one in taken].count(of[row]) >= limit
        }
        return [row for row in order if row not in taken and not {maker[row], kind[row]} & full]

    while len(taken) < n - 1 and allowed():
        taken.append(allowed()[0])
    return taken, allowed() if n > 0 else []


ROWS = st.lists(st.tuples(st.sampled_from([0.1, 0.5, 0.9, np.nan]), st.sampled_from("ab"), st.sampled_from("xyz")), max_size=8)


@given(ROWS, st.integers(-1, 5), st.tuples(st.integers(1, 3), st.integers(1, 3)), st.sampled_from([0.0, 0.25, 1.0]))
def test_slates_are_those_made_by_hand_and_propensities_their_shares_of_all_draws(
    found: Any, n: int, most: tuple[int, int], explore: float
) -> None:
    score, maker, kind = ([row[column] for row in found] for column in range(3))
    first, rest = slate([-np.inf if one != one else one for one in score], maker, kind, n, most)
    top = Top(Look.limit, AtMost(most[0], per=Good.maker), AtMost(most[1], per=Good.kind), explore=explore)
    d = rows(len(found), score=np.array(score, dtype=float), of_limit=[n])
    # Between two of these draws nothing changes: (a draw, the last place then, how much of all draws falls there).
    explored = [((place + 0.5) / len(rest) * explore, [row], explore / len(rest)) for place, row in enumerate(rest)]
    pieces = [*explored, ((1 + explore) / 2, rest[:1], 1 - explore)] if rest else [(0.5, [], 1.0)]
    shares = np.zeros(len(found))
    for draw, last, width in (one for one in pieces if one[2]):
        done = top.apply(d, known(draw, maker=objects(maker), kind=objects(kind)))
        expected = [*first, *last]
        assert np.argsort(np.where(done.taken, done.rows["rank"], 99), kind="stable")[: len(expected)].tolist() == expected
        assert int(done.taken.sum()) == len(expected)
        shares[expected] += width
        np.testing.assert_allclose(done.rows["propensity"].sum(), len(expected), atol=1e-9)
    np.testing.assert_allclose(done.rows["propensity"], shares, atol=1e-9)


def test_propensities_by_hand() -> None:
    d = rows(4, score=np.array([0.4, 0.9, 0.1, 0.2]))
    done = Top(2, explore=0.3).apply(d, known(0.99))
    np.testing.assert_allclose(done.rows["propensity"], [0.7 + 0.1, 1.0, 0.1, 0.1])
    assert done.rows["rank"].tolist() == [1, 0, -1, -1]
    assert Top(2, explore=0.3).apply(d, known(0.25)).rows["rank"].tolist() == [-1, 0, 1, -1]


def test_equal_scores_keep_the_order_of_the_sources_and_missing_scores_come_last() -> None:
    d = rows(4, score=np.array([np.nan, 0.5, 0.5, 0.5]))
    assert Top(4).apply(d, known()).rows["rank"].tolist() == [3, 0, 1, 2]


def test_requests_do_not_meet() -> None:
    d = rows(2, 0, 3, score=np.array([0.1, 0.2, 0.3, 0.9, 0.5]), of_limit=[5, 5, 2])
    done = Top(Look.limit).apply(d, known())
    assert done.rows["rank"].tolist() == [1, 0, -1, 0, 1]
    assert done.rows["propensity"].tolist() == [1, 1, 0, 1, 1]


def test_without_a_score_the_first_proposed_are_taken() -> None:
    assert Top(2).apply(rows(3), known()).rows["rank"].tolist() == [0, 1, -1]


def test_nothing_to_choose_from_is_no_trouble() -> None:
    done = Top(3, AtMost(1, per=Good.maker)).apply(rows(0, 0, score=np.zeros(0)), known(maker=objects([])))
    assert (len(done.rows["rank"]), len(done.rows["propensity"])) == (0, 0)
