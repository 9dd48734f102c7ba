"""The guard of a canary: what is worse goes, what is as good stays, and too little is no verdict."""

from typing import Any

import numpy as np
import pytest

from millrace.operate.guard import Opinion, judge_canary
from millrace.types import Array, objects


def judged(
    canary: Array,
    champion: Array,
    *,
    units: int = 60,
    due: bool = True,
    misses: tuple[float, float] = (0.0, 0.0),
    rewards: bool = True,
    actions: Any = (0.02, 0.02),
) -> Opinion:
    """Judge a canary by the rewards of its rows and the champion's; `misses` and `actions` are the shares of rows that fell back and
    that were declined, canary first.
    """
    n, m = len(canary), len(champion)
    g = np.random.default_rng(1)
    fell = np.concatenate([g.random(n) < misses[0], g.random(m) < misses[1]])
    arm = objects(["canary/ranked"] * n + ["champion/ranked", ""] * (m // 2))
    unit = objects([f"c{k % units}" for k in range(n)] + [f"o{k % units}" for k in range(m)])
    reward = np.concatenate([canary, champion]) if rewards else None
    declined = np.concatenate([g.random(n) < actions[0], g.random(m) < actions[1]])
    action = np.where(declined, "decline", "approve").astype(object)
    return judge_canary({"arm": arm, "fell_back": fell, "action": action}, reward, unit, due)


def coin(n: int, chance: float, seed: int = 0) -> Array:
    return (np.random.default_rng(seed).random(n) < chance).astype(np.float64)


def test_as_good_canary_goes_on() -> None:
    opinion = judged(coin(2000, 0.5), coin(2000, 0.5, 1))
    assert (opinion.healthy, opinion.founded) == (True, True)
    assert opinion.reason.startswith("the outcome's mean is 0.")


def test_as_good_canary_is_seldom_called_worse_however_often_it_is_looked_at() -> None:
    looks = [judged(coin(1000, 0.5, seed), coin(1000, 0.5, 1000 + seed), due=False).healthy for seed in range(300)]
    assert all(looks)
    due = [judged(coin(1000, 0.5, seed), coin(1000, 0.5, 1000 + seed), due=True).healthy for seed in range(300)]
    assert np.mean(due) > 0.97


def test_better_canary_goes_on_and_worse_is_refused() -> None:
    assert judged(coin(1000, 0.6), coin(1000, 0.4)).healthy
    opinion = judged(coin(1000, 0.4), coin(1000, 0.6))
    assert (opinion.healthy, opinion.founded) == (False, True)


def test_a_little_worse_is_refused_when_due_and_given_time_before() -> None:
    canary, champion = coin(1500, 0.455), coin(1500, 0.50, 1)
    assert judged(canary, champion, due=False).healthy
    assert not judged(canary, champion, due=True).healthy


@pytest.mark.parametrize("misses", [(1.0, 0.0), (0.4, 0.1), (1.0, 0.02)])
def test_canary_that_falls_back_more_is_refused(misses: Any) -> None:
    opinion = judged(coin(600, 0.5), coin(600, 0.5, 1), misses=misses)
    assert not opinion.healthy
    assert opinion.reason.startswith("it falls back in ")


@pytest.mark.parametrize("misses", [(0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.03, 0.0)])
def test_canary_that_falls_back_no_more_or_hardly_more_goes_on(misses: Any) -> None:
    assert judged(coin(600, 0.5), coin(600, 0.5, 1), misses=misses).healthy


def test_where_neither_side_varies_a_difference_is_no_chance() -> None:
    assert not judged(np.zeros(500), np.ones(500)).healthy
    assert judged(np.ones(500), np.zeros(500)).healthy
    assert judged(np.ones(500), np.ones(500)).healthy


def test_too_few_rows_or_units_on_a_side_are_no_verdict() -> None:
    for canary, champion, units in ((50, 5000, 60), (5000, 50, 60), (5000, 5000, 1), (5000, 5000, 9), (0, 0, 60)):
        opinion = judged(np.zeros(canary), np.ones(champion), units=units)
        assert (opinion.healthy, opinion.founded) == (True, False)
        assert opinion.reason == f"{canary} rows decided by the canary: too few to judge"


def test_outcomes_that_are_still_open_are_no_verdict() -> None:
    open_ = np.full(500, np.nan)
    opinion = judged(np.concatenate([open_, np.zeros(100)]), np.ones(600))
    assert (opinion.healthy, opinion.founded) == (True, False)
    assert opinion.reason == "it answers as the champion does; too few outcomes are known yet"
    assert not judged(np.concatenate([open_, coin(300, 0.2)]), coin(800, 0.6)).healthy, "those that are known count"


def test_rows_of_one_unit_are_not_taken_for_independent() -> None:
    """Thirty units that each always like or never like: a thousand rows say no more than thirty."""
    g = np.random.default_rng(0)
    liking = {side: g.random(30) < share for side, share in (("canary", 0.45), ("champion", 0.6))}
    rows = {side: np.array([liking[side][k % 30] for k in range(3000)], dtype=np.float64) for side in liking}
    assert judged(rows["canary"], rows["champion"], units=30, due=False).healthy
    assert not judged(rows["canary"], rows["champion"], units=1500, due=False).healthy


def test_where_nobody_said_what_is_good_only_fallbacks_and_actions_count() -> None:
    assert judged(np.zeros(600), np.ones(600), rewards=False) == Opinion(True, "it answers and acts as the champion does", True)
    assert not judged(np.ones(600), np.zeros(600), rewards=False, misses=(0.5, 0.0)).healthy


# ---- actions


@pytest.mark.parametrize("due", [False, True])
@pytest.mark.parametrize("actions", [(0.98, 0.02), (1.0, 0.0), (0.15, 0.02), (0.0, 0.05), (0.1, 0.5), (0.5, 0.1), (0.0, 1.0)])
def test_canary_that_acts_far_more_or_hardly_any_more_is_refused(actions: Any, due: bool) -> None:
    opinion = judged(np.zeros(600), np.zeros(3000), units=600, actions=actions, rewards=False, due=due)
    assert (opinion.healthy, opinion.founded) == (False, True)
    assert opinion.reason.startswith("it takes ")


@pytest.mark.parametrize("actions", [(0.02, 0.02), (0.05, 0.02), (0.03, 0.0), (0.01, 0.02), (0.0, 0.005), (0.4, 0.3), (0.3, 0.4)])
def test_canary_that_acts_otherwise_as_what_has_learned_something_does_goes_on(actions: Any) -> None:
    assert judged(np.zeros(2000), np.zeros(9000), units=2000, actions=actions, rewards=False).healthy


def test_action_that_a_few_rows_have_not_met_yet_is_not_proof() -> None:
    """None of 300 where 2 % are usual is what one in four hundred such canaries sees: its own error would be 0, and the proof endless."""
    assert judged(np.zeros(300), np.zeros(3000), units=300, actions=(0.0, 0.02), rewards=False, due=False).healthy
    assert not judged(np.zeros(3000), np.zeros(3000), units=3000, actions=(0.0, 0.02), rewards=False, due=False).healthy


def test_rows_of_one_unit_that_all_got_one_action_count_as_one_decision() -> None:
    """Of twelve canary units one was declined, a hundred times over: 8 % of its rows, and no more than one decision."""
    action = objects((["decline"] * 100 + ["approve"] * 1100) + ["approve"] * 3000)
    arm, unit = objects(["canary"] * 1200 + ["champion"] * 3000), objects([f"u{k // 100}" for k in range(4200)])
    rows = {"arm": arm, "fell_back": np.zeros(4200, dtype=bool), "action": action}
    assert judge_canary(rows, None, unit, True).healthy
    scattered = objects([f"u{k}" for k in range(4200)])
    assert not judge_canary(rows, None, scattered, True).healthy
