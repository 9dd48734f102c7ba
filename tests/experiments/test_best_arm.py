import numpy as np
import pytest

from millrace import TopTwo
from millrace.experiments.best_arm import best_arm
from millrace.experiments.reasons import Reason, Refused
from millrace.models.belief import IS_SHARE, SPREAD


def test_evidence_by_hand():
    """Of 10 and 20 outcomes with shares 0.8 and 0.4: the mean of both is 16/30."""
    found = best_arm(np.array([20.0, 10, 10]), np.array([8.0, 8, 2]))
    p = 16 / 30
    first = 10 * (0.8 * np.log(0.8 / p) + 0.2 * np.log(0.2 / (1 - p)))
    other = 20 * (0.4 * np.log(0.4 / p) + 0.6 * np.log(0.6 / (1 - p)))
    assert (found.arm, found.rival, found.is_found) == (1, 0, False)
    assert found.evidence == pytest.approx(first + other, abs=1e-12)
    assert found.needed == pytest.approx(np.log(2 * 40 * 2 / 0.05))


def test_evidence_of_means_is_the_square_of_their_difference():
    found = best_arm(np.array([30.0, 20]), np.array([30.0, 60]), of="means", deviation=2.0)
    assert (found.arm, found.rival) == (1, 0)
    assert found.evidence == pytest.approx((3 - 1) ** 2 / (2 * 4 * (1 / 30 + 1 / 20)), abs=1e-12)


def test_what_is_needed_grows_slowly_and_with_how_sure_one_wants_to_be():
    few, many, sure = (
        best_arm(np.full(2, n), np.zeros(2), error=e, of="means").needed for n, e in ((10, 0.05), (10_000, 0.05), (10, 0.001))
    )
    assert few < many < 1.5 * few
    assert sure > few + np.log(50) * 0.9


def test_equal_arms_have_no_evidence():
    assert best_arm(np.array([5.0, 5]), np.array([2.0, 2])).evidence == 0


@pytest.mark.parametrize(
    ("counts", "sums", "asked", "reason"),
    [
        ([5], [1], {}, Reason.FEW_UNITS),
        ([5, 0], [1, 0], {}, Reason.EMPTY_ARM),
        ([5, 5], [1, np.nan], {}, Reason.NOT_A_NUMBER),
        ([5, 5], [1, 6], {}, Reason.OUT_OF_BOUNDS),
        ([5, 5], [1, 2], {"error": 0}, Reason.OUT_OF_BOUNDS),
        ([5, 5], [1, 2], {"deviation": 0}, Reason.OUT_OF_BOUNDS),
    ],
)
def test_what_cannot_be_compared_is_refused(counts, sums, asked, reason):
    with pytest.raises(Refused) as refused:
        best_arm(np.array(counts, dtype=float), np.array(sums, dtype=float), **asked)
    assert refused.value.reason is reason


def named(means, rule, g, error=0.05, most=40_000, every=5):
    """Return the arm that is named, and after how many outcomes; looked at all the time."""
    counts, sums = np.ones(len(means)), (g.random(len(means)) < means).astype(float)
    while counts.sum() < most:
        chance = rule(counts, sums)
        taken = g.multinomial(every, chance / chance.sum())
        counts, sums = counts + taken, sums + g.binomial(taken, means)
        found = best_arm(counts, sums, error=error)
        if found.is_found:
            return found.arm, counts.sum()
    return None, counts.sum()


def top_two(counts, sums):
    a, b = sums + 1, counts - sums + 1
    spread = np.sqrt(a * b / (a + b + 1)) / (a + b)
    return TopTwo().chances({"score": a / (a + b), SPREAD: spread, IS_SHARE: np.ones(len(a), dtype=bool)}, 1)


def uniform(counts, sums):
    return np.full(len(counts), 1 / len(counts))


@pytest.mark.slow
def test_a_wrong_arm_is_named_no_more_often_than_was_allowed():
    """Arms that are nearly alike, looked at after every few outcomes: the hardest case."""
    means = np.array([0.5, 0.5, 0.52])
    wrong = [named(means, uniform, np.random.default_rng([4, run]), error=0.2, most=3_000)[0] in (0, 1) for run in range(200)]
    assert np.mean(wrong) <= 0.2 + 3 * np.sqrt(0.2 * 0.8 / 200)


@pytest.mark.slow
def test_top_two_finds_the_best_sooner_than_taking_all_alike():
    means = np.array([0.5, 0.35, 0.3, 0.2, 0.15, 0.1])
    runs = {rule: [named(means, rule, np.random.default_rng([5, run])) for run in range(12)] for rule in (top_two, uniform)}
    assert all(arm == 0 for found in runs.values() for arm, _ in found)
    took = {rule: np.mean([n for _, n in found]) for rule, found in runs.items()}
    assert took[top_two] < 0.7 * took[uniform]


@pytest.mark.slow
def test_of_normal_outcomes_a_wrong_arm_is_named_no_more_often_either():
    g = np.random.default_rng(6)
    runs, rounds, wrong = 300, 1_000, np.zeros(300, dtype=bool)
    sums = np.cumsum(g.normal(np.array([0.0, 0.02]), 1.0, (runs, rounds, 2)), axis=1)
    for at in range(1, rounds + 1, 20):
        for run in np.flatnonzero(~wrong):
            found = best_arm(np.full(2, float(at)), sums[run, at - 1], error=0.2, of="means")
            wrong[run] = found.is_found and found.arm == 0
    assert wrong.mean() <= 0.2
