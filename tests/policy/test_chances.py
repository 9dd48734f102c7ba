"""Chances computed are those that drawing gives, and what is drawn keeps to its chances."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.policy.chances import best, drawn, explored, thompson, top_two

scores = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=8).map(np.array)


@given(scores, st.integers(1, 9))
def test_the_best_are_taken_and_equals_share_alike(score, n):
    chance = best(score, n)
    assert chance.sum() == pytest.approx(min(n, len(score)))
    for a, one in enumerate(score):
        for b, other in enumerate(score):
            if one == other:
                assert chance[a] == chance[b]
            if one > other:
                assert chance[a] == 1 or chance[b] == 0


@given(scores, st.integers(1, 8), st.floats(0, 1))
def test_nobody_is_explored_less_than_the_floor_where_that_is_possible(score, n, floor):
    chance = explored(best(score, n), n, floor)
    assert chance.sum() == pytest.approx(min(n, len(score)))
    assert chance.min() >= min(floor, min(n, len(score)) / len(score)) - 1e-12
    assert chance.max() <= 1 + 1e-12


@given(st.lists(st.floats(0.001, 1), min_size=2, max_size=9), st.data())
def test_as_many_are_drawn_as_the_chances_add_up_to_and_nobody_twice(weights, data):
    n = data.draw(st.integers(1, len(weights) - 1))
    chance = explored(best(np.array(weights), n), n, data.draw(st.floats(0, 0.5)))
    taken = drawn(chance, data.draw(st.floats(0, 1, exclude_max=True)))
    assert len(set(taken.tolist())) == len(taken) == n
    assert (chance[taken] > 0).all()


def test_over_evenly_spread_draws_each_is_taken_as_often_as_its_chance():
    chance = np.array([0.25, 1.0, 0.0, 0.5, 0.05, 0.9, 0.3])
    draws = (np.arange(20_000) + 0.5) / 20_000
    often = np.bincount(np.concatenate([drawn(chance, draw) for draw in draws]), minlength=7) / len(draws)
    assert often == pytest.approx(chance, abs=1e-4)


def beliefs(g, k, is_share):
    if is_share:
        a, b = g.integers(1, 60, k) + 0.5, g.integers(1, 300, k) + 0.5
        return a / (a + b), np.sqrt(a * b / (a + b + 1)) / (a + b), g.beta(a, b, (200_000, k))
    mean, spread = g.normal(size=k), 10 ** g.uniform(-2, 0.5, k)
    return mean, spread, g.normal(mean, spread, (200_000, k))


@pytest.mark.parametrize("is_share", [True, False])
@pytest.mark.parametrize(("k", "n"), [(2, 1), (3, 1), (12, 1), (5, 2), (12, 4)])
def test_thompsons_chances_are_how_often_a_draw_comes_out_on_top(k, n, is_share):
    mean, spread, draws = beliefs(np.random.default_rng([k, n]), k, is_share)
    often = np.bincount(np.argsort(-draws, axis=1)[:, :n].ravel(), minlength=k) / len(draws)
    chance = thompson(mean, spread, np.full(k, is_share), n)
    assert chance == pytest.approx(often, abs=0.006)  # five standard errors of the draws
    assert chance.sum() == pytest.approx(n)


def test_of_two_normal_beliefs_the_chance_is_known():
    from scipy.special import ndtr

    chance = thompson(np.array([0.3, 0.1]), np.array([0.3, 0.4]), np.array([False, False]), 1)
    assert chance[0] == pytest.approx(ndtr(0.2 / 0.5), abs=5e-4)


def test_beliefs_of_both_kinds_are_compared():
    g = np.random.default_rng(1)
    draws = np.column_stack([g.beta(2, 3, 200_000), g.normal(0.4, 0.1, 200_000)])
    chance = thompson(np.array([0.4, 0.4]), np.array([0.2, 0.1]), np.array([True, False]), 1)
    assert chance[0] == pytest.approx((draws[:, 0] > draws[:, 1]).mean(), abs=0.006)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 0.5), st.booleans()), min_size=2, max_size=6), st.integers(1, 5))
def test_chances_are_chances_whatever_is_believed(believed, n):
    mean, spread, is_share = (np.array(part) for part in zip(*believed, strict=True))
    chance = thompson(mean, spread, is_share, n)
    assert np.isfinite(chance).all()
    assert chance.sum() == pytest.approx(min(n, len(mean)))
    assert (chance >= 0).all()
    assert (chance <= 1 + 1e-12).all()


def test_equal_beliefs_have_equal_chances():
    assert thompson(np.full(7, 0.5), np.full(7, 0.2), np.full(7, True), 1) == pytest.approx(np.full(7, 1 / 7))
    assert thompson(np.full(7, 0.5), np.zeros(7), np.full(7, False), 3) == pytest.approx(np.full(7, 3 / 7))


def test_top_two_takes_the_runner_up_half_of_the_time():
    chance = np.array([0.7, 0.2, 0.1])
    g = np.random.default_rng(2)
    taken = []
    for _ in range(40_000):
        first = second = g.choice(3, p=chance)
        if g.random() < 0.5:
            while second == first:
                second = g.choice(3, p=chance)
        taken.append(second)
    assert top_two(chance) == pytest.approx(np.bincount(taken) / len(taken), abs=0.012)
    assert top_two(np.array([1.0, 0.0])) == pytest.approx([1, 0])
