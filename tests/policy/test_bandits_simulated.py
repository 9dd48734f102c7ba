"""What bandits lose while they learn, over many runs: the choosers themselves, on arms whose chances are known."""

from collections.abc import Callable

import numpy as np
import pytest

from millrace import UCB1, BetaBelief, EpsilonGreedy, LinearBelief, LogisticBelief, Thompson
from millrace.experiments.regret import lai_robbins
from millrace.models.belief import IS_SHARE, SEEN, SPREAD
from millrace.models.learner import Examples
from millrace.policy.chances import drawn
from millrace.policy.choosing import Chooser
from millrace.types import Array, Columns, objects

RUNS = 40


def believed(won: Array, lost: Array) -> Columns:
    """Return what `BetaBelief` says of arms that won and lost so often; that it does is tested beside it."""
    a, b = won + 1, lost + 1
    spread = np.sqrt(a * b / (a + b + 1)) / (a + b)
    return {"score": a / (a + b), SPREAD: spread, SEEN: won + lost, IS_SHARE: np.ones(len(a), dtype=bool)}


def lost(chooser: Chooser, means: Array, marks: list[int], g: np.random.Generator, wait: Callable[[int], int] = lambda _: 1) -> list[float]:
    """Return the regret after each of the rounds in `marks`. What was drawn is learned from `wait(rounds so far)` rounds at a time."""
    won, failed, regret, found, at = np.zeros(len(means)), np.zeros(len(means)), 0.0, [], 0
    while at < marks[-1]:
        n = min(wait(at), marks[len(found)] - at)
        chance = chooser._chances(believed(won, failed), 1)
        taken = g.multinomial(n, chance / chance.sum()) if n > 1 else np.bincount(drawn(chance, g.random()), minlength=len(means))
        wins = g.binomial(taken, means)
        won, failed, at = won + wins, failed + taken - wins, at + n
        regret += float(taken @ (means.max() - means))
        if at == marks[len(found)]:
            found.append(regret)
    return found


def average(chooser: Chooser, rounds: int, wait: Callable[[int], int] = lambda _: 1, runs: int = RUNS) -> float:
    """Return the regret over runs on ten arms with chances drawn uniformly, the same arms for every chooser."""
    each = [lost(chooser, np.random.default_rng([9, run]).random(10), [rounds], np.random.default_rng([run]), wait) for run in range(runs)]
    return float(np.mean(each))


@pytest.mark.slow
def test_after_500_pulls_of_ten_arms() -> None:
    """Known from elsewhere: 204 at random, 86 for UCB1, 35 for epsilon-greedy, 23 to 29 for Thompson sampling."""
    random, ucb1, greedy, thompson = (
        average(one, 500) for one in (EpsilonGreedy(epsilon=1), UCB1(), EpsilonGreedy(epsilon=0.1), Thompson())
    )
    assert random == pytest.approx(204, rel=0.1)
    assert ucb1 == pytest.approx(86, rel=0.1)
    assert 30 < greedy < 48
    assert thompson < 29
    assert thompson <= 0.8 * greedy


@pytest.mark.slow
def test_after_a_hundred_thousand_rounds_thompson_lost_less_than_half() -> None:
    def later(at: int) -> int:
        return max(1, at // 50)

    greedy, thompson = (average(one, 100_000, later, 20) for one in (EpsilonGreedy(epsilon=0.1), Thompson()))
    assert thompson <= greedy / 2


@pytest.mark.slow
@pytest.mark.parametrize("means", [[0.1, 0.05, 0.05, 0.05, 0.02, 0.02, 0.02, 0.01, 0.01, 0.01], [0.6] + [0.5] * 9])
def test_thompsons_regret_grows_as_slowly_as_can_be(means: list[float]) -> None:
    """Over the log of the rounds, from 5 000 to 100 000, it is within 1.2 of the bound of Lai and Robbins."""
    arms, marks = np.array(means), [5_000, 100_000]
    found = np.array([lost(Thompson(), arms, marks, np.random.default_rng([3, run]), lambda at: max(1, at // 50)) for run in range(30)])
    slope = (found[:, 1] - found[:, 0]) / np.log(marks[1] / marks[0])
    assert slope.mean() <= 1.2 * lai_robbins(arms)


CHANGE, ROUNDS, EVERY = 6_000, 12_000, 20
Learner = BetaBelief | LinearBelief | LogisticBelief


def recovered(learner: Learner, seed: int) -> int:
    """Return how many rounds after the best arm became the worst the new best one has most of the chance, for good; learned from late."""
    g = np.random.default_rng(seed)
    before, after = np.array([0.6, 0.4, 0.3, 0.2]), np.array([0.1, 0.4, 0.3, 0.6])
    names = objects("abcd")
    arm, won, last = np.zeros(ROUNDS, dtype=np.int64), np.zeros(ROUNDS), ROUNDS
    version = learner.untaught(("won",))
    chooser = Thompson(floor=0.02)
    for at in range(0, ROUNDS, EVERY):
        known = max(at - 2 * EVERY, 0)  # outcomes are known two updates later
        if known:
            kept = np.arange(known)
            examples = Examples({"arm": names[arm[:known]]}, {"won": won[:known]}, np.ones(known), kept, kept * 1_000_000)
            version = learner.fit(examples, 0)
        said = version.score({"arm": names})
        chance = chooser._chances({"score": said["won"], **{name: said[name] for name in (SPREAD, SEEN, IS_SHARE)}}, 1)
        arm[at : at + EVERY] = g.choice(4, EVERY, p=chance / chance.sum())
        won[at : at + EVERY] = g.random(EVERY) < (before if at < CHANGE else after)[arm[at : at + EVERY]]
        if at >= CHANGE:
            last = (last if last < ROUNDS else at) if chance[3] > 0.5 else ROUNDS
            if last < at - 600:
                break
    return last - CHANGE


@pytest.mark.slow
@pytest.mark.parametrize(
    "learner",
    [BetaBelief(decay="150s"), BetaBelief(window="400s"), BetaBelief(reset=True), LinearBelief(reset=True), LogisticBelief(reset=True)],
    ids=["decay", "window", "reset", "linear reset", "logistic reset"],
)
def test_after_a_change_it_is_back_within_a_twentieth_of_the_rounds(learner: Learner) -> None:
    took = [recovered(learner, seed) for seed in range(8)]
    assert np.mean(took) <= ROUNDS / 20
    assert max(took) <= ROUNDS / 10


@pytest.mark.slow
def test_what_never_forgets_is_not_back_by_then() -> None:
    assert np.mean([recovered(BetaBelief(), seed) for seed in range(3)]) > ROUNDS / 10
