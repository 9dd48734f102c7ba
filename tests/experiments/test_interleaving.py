"""From records of interleaved decisions to what each arm earned, and what is refused on the way."""

from typing import Any

import numpy as np
import pytest

from millrace import Interleave, Pipeline, Top
from millrace.decision import Interleaved
from millrace.errors import BadInput
from millrace.experiments.interleaving import credits
from millrace.experiments.reasons import Reason, Refused
from millrace.serve.records import records
from tests.laws.shop import case, fresh, looking, nearby, ranker, trending


def slate(by: str = "team-draft", team: str = "AB", **ranks: list[int]) -> Interleaved:
    ranks = ranks or {"A": [0, 1], "B": [1, 0]}
    return Interleaved(by=by, team=list(team), ranks=ranks, depths=dict.fromkeys(ranks, 2))


@pytest.mark.parametrize("by", ["team-draft", "balanced", "probabilistic"])
def test_what_the_log_holds_of_decisions_is_all_that_crediting_needs(by: str) -> None:
    policy = Interleave({"new": Pipeline(fresh | nearby, ranker, Top(3)), "old": Pipeline(trending, Top(4))}, by=by)
    made = case(policy, requests=looking(40))
    logged = records(made.decide(made.requests, made.facts()), system="shop", release="r1", watermark=0, missed=[], kept={})
    request = np.repeat(np.arange(40), [one.taken for one in logged])
    place = np.concatenate([np.arange(one.taken) for one in logged])
    seen = [one.interleaved for one in logged if one.interleaved is not None]
    found = credits(seen, request, place, np.ones(len(request)))
    assert found.arms == ("new", "old")
    assert found.by == by
    competed = [min(one.depths.values()) for one in seen]
    total = found.earned.sum(axis=1)
    if by != "balanced":  # there a row that both have above the cut is to the credit of both
        np.testing.assert_allclose(total, competed)
    assert (total > 0).tolist() == [places > 0 for places in competed]


def test_rewards_add_up_and_places_of_no_row_earn_nothing() -> None:
    one, other = slate(), slate(team="BA", A=[1, 0], B=[0, 1])
    found = credits([one, other, one], np.array([0, 0, 1]), np.array([0, 0, 1]), np.array([1.0, 2.5, 1.0]))
    assert found.earned.tolist() == [[3.5, 0], [1, 0], [0, 0]]


def test_slates_of_different_lengths_are_read_together() -> None:
    longer = Interleaved(by="team-draft", team=["A", "B", ""], ranks={"A": [0, 1, 2], "B": [-1, 0, -1]}, depths={"A": 3, "B": 2})
    found = credits([slate(), longer], np.array([0, 1, 1]), np.array([1, 1, 2]), np.ones(3))
    assert found.earned.tolist() == [[0, 1], [0, 1]]


def test_of_many_arms_each_earns_by_its_own_picks() -> None:
    arms = "ABCDEF"
    ranks = {arm: list(range(6)) for arm in arms}
    one = Interleaved(by="team-draft", team=list(arms), ranks=ranks, depths=dict.fromkeys(arms, 6))
    assert credits([one], np.array([0, 0]), np.array([0, 5]), np.array([1, 1])).earned.tolist() == [[1, 0, 0, 0, 0, 1]]


@pytest.mark.parametrize(
    ("made", "rows", "reason", "said"),
    [
        (
            [],
            ([], [], []),
            Reason.FEW_UNITS,
            "no request was answered by an interleaved slate: wait for some, or check that all arms answer",
        ),
        (
            [slate(), slate("balanced")],
            ([0], [0], [1]),
            Reason.MIXED,
            "the slates were not merged alike (balanced of A, B; team-draft of A, B): read each kind by itself",
        ),
        (
            [slate(), slate(A=[0, 1], C=[1, 0], team="AC")],
            ([0], [0], [1]),
            Reason.MIXED,
            "the slates were not merged alike (team-draft of A, B; team-draft of A, C): read each kind by itself",
        ),
        (
            [slate("by hand")],
            ([0], [0], [1]),
            Reason.MIXED,
            "slates were merged by 'by hand', which nothing is known of: read them with the version that merged them",
        ),
        (
            [slate()],
            ([0, 0], [0, 1], [1, np.nan]),
            Reason.NOT_A_NUMBER,
            "1 of 2 rewards are not numbers: leave out requests whose outcomes are not known",
        ),
        (
            [slate()],
            ([0], [0], [-1]),
            Reason.OUT_OF_BOUNDS,
            "a reward is below 0, and credit is shared out of what was earned: count something from 0 up",
        ),
    ],
)
def test_what_cannot_be_credited_is_refused(made: Any, rows: Any, reason: Reason, said: str) -> None:
    request, place, reward = (np.array(column) for column in rows)
    with pytest.raises(Refused) as refused:
        credits(made, request.astype(int), place.astype(int), reward)
    assert refused.value.reason is reason
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize(("request_", "place"), [(1, 0), (-1, 0), (0, 2), (0, -1)])
def test_a_row_of_no_place_is_refused(request_: int, place: int) -> None:
    with pytest.raises(BadInput, match="a row is of no place of these requests"):
        credits([slate()], np.array([request_]), np.array([place]), np.array([1.0]))
