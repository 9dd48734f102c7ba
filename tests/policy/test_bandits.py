"""Choosers that weigh beliefs: what each takes of a few rows, and the scores of another implementation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace import UCB, UCB1, EpsilonGreedy, Thompson, TopTwo
from millrace.errors import BadInput, DeclarationError
from millrace.models.belief import IS_SHARE, SEEN, SPREAD
from millrace.policy.chances import thompson
from tests.policy.known import known, rows

THREE = {
    "score": [0.2, 0.5, 0.4],
    SPREAD: [0.3, 0.1, 0.1],
    SEEN: [2.0, 50.0, 9.0],
    IS_SHARE: [True, True, True],
}


def chances(chooser, draw=0.5, **columns):
    d = chooser.apply(rows(3, **{**THREE, **columns}), known(draw))
    assert d.taken.sum() == round(d.rows["propensity"].sum())
    return d.rows["propensity"].tolist()


def test_greedy_takes_the_best_and_sometimes_any():
    assert chances(EpsilonGreedy(epsilon=0.3)) == pytest.approx([0.1, 0.8, 0.1])
    assert chances(EpsilonGreedy(2, epsilon=0.3)) == pytest.approx([0.2, 0.9, 0.9])
    assert chances(EpsilonGreedy(epsilon=0)) == [0, 1, 0]


def test_hope_is_what_is_expected_and_so_many_spreads():
    assert chances(UCB(width=0.9)) == [0, 1, 0]
    assert chances(UCB(width=2)) == [1, 0, 0]
    assert chances(UCB(width=1.0), score=[0.3, 0.5, 0.4]) == pytest.approx([0.5, 0.5, 0]), "equals share"


def test_the_rule_as_published_takes_first_what_was_never_seen():
    hoped = np.array(THREE["score"]) + np.sqrt(2 * np.log(61) / np.array(THREE[SEEN]))
    assert np.argmax(chances(UCB1())) == np.argmax(hoped)
    assert chances(UCB1(), seen=[0.0, 50.0, 0.0]) == [0.5, 0, 0.5]
    assert chances(UCB1(width=0)) == [0, 1, 0]


def test_thompson_takes_each_as_often_as_it_may_be_the_best():
    expected = thompson(*(np.array(THREE[name]) for name in ("score", SPREAD, IS_SHARE)), 1)
    assert chances(Thompson()) == pytest.approx(expected.tolist())
    assert sum(chances(Thompson(2))) == pytest.approx(2)


def test_top_two_spends_half_on_the_runner_up():
    assert max(chances(TopTwo(), score=[0.0, 1.0, 0.2], spread=[1e-3, 1e-3, 1e-3])) == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("chooser", [EpsilonGreedy, UCB, UCB1, Thompson, TopTwo])
def test_a_floor_holds_for_all(chooser):
    assert min(chances(chooser(floor=0.1))) >= 0.1 - 1e-12
    assert chances(chooser(floor=0.9)) == pytest.approx([1 / 3] * 3), "more than there is: all alike"


def test_while_one_is_new_all_are_taken_alike():
    assert chances(UCB(warmup=3)) == pytest.approx([1 / 3] * 3)
    assert chances(UCB(warmup=2, width=0)) == [0, 1, 0]


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 5))
def test_those_taken_stand_in_the_order_of_their_scores(draw, n):
    d = Thompson(n).apply(rows(3, **THREE), known(draw))
    rank = d.rows["rank"]
    taken = np.flatnonzero(rank >= 0)
    assert len(taken) == min(n, 3)
    assert (np.diff(d.rows["score"][taken[np.argsort(rank[taken])]]) <= 0).all()


def test_requests_without_rows_or_that_ask_for_none_take_none():
    d = EpsilonGreedy(n := _limit()).apply(rows(2, 0, 1, score=[1.0, 2.0, 3.0], of_limit=[0, 3, 2]), known())
    assert n.name == "limit"
    assert d.rows["rank"].tolist() == [-1, -1, 0]


def _limit():
    from tests.laws.shop import Look

    return Look.limit


def test_what_no_model_said_is_refused():
    with pytest.raises(BadInput, match=r"Thompson\(\) reads 'spread', which the model before it does not say"):
        Thompson().apply(rows(2, score=[0.1, 0.2]), known())
    with pytest.raises(BadInput, match="not finite"):
        EpsilonGreedy().apply(rows(2, score=[0.1, np.nan]), known())


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Thompson(0), r"Thompson\(0\): take at least 1"),
        (lambda: Thompson(True), "take at least 1"),
        (lambda: UCB(floor=1.0), r"UCB\(floor=1.0\): the least chance"),
        (lambda: UCB1(warmup=-1), r"UCB1\(warmup=-1\)"),
        (lambda: UCB(width=-1), r"UCB\(width=-1\)"),
        (lambda: UCB1(width=float("nan")), r"UCB1\(width=nan\)"),
        (lambda: EpsilonGreedy(epsilon=1.5), r"EpsilonGreedy\(epsilon=1.5\)"),
        (lambda: TopTwo(2), r"TopTwo\(2\): it compares single candidates; use Thompson\(2\)"),
    ],
)
def test_settings_that_cannot_be_are_refused(make, said):
    with pytest.raises(DeclarationError, match=said):
        make()
