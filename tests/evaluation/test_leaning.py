"""An estimate that few choices carry is told to be too sure on one side, and no other is."""

import numpy as np
import pytest
from scipy import stats

from millrace.evaluation.judging import Judging
from millrace.evaluation.leaning import leaning
from millrace.evaluation.off_policy import gain, ips, snips
from millrace.evaluation.reasons import Caution, Reason


def log(bought: int, n: int = 4_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (reward, propensity, target) of choices of which every so many-th was bought."""
    reward = np.zeros(n)
    reward[:: n // bought] = 1.0
    return reward, np.full(n, 0.5), np.tile([0.4, 0.6], n // 2)


@pytest.mark.parametrize("estimator", [ips, snips, gain])
def test_rare_rewards_are_told_and_frequent_ones_are_not(estimator) -> None:
    rare = estimator(*log(40)).cautions
    assert [one.reason for one in rare] == [Reason.SKEWED]
    assert "too short" in rare[0].said
    assert "not in 2.5%" in rare[0].said
    assert estimator(*log(400)).cautions == ()


def test_a_few_heavy_weights_are_told_too() -> None:
    rng = np.random.default_rng(0)
    propensity = np.where(np.arange(4_000) < 40, 0.02, 0.5)
    found = ips(rng.random(4_000) < 0.5, propensity, np.full(4_000, 0.5))
    assert Reason.SKEWED in {one.reason for one in found.cautions}


def test_fewer_than_were_told_already_and_intervals_that_lean_are_passed_over() -> None:
    assert [one.reason for one in snips(*log(20)).cautions] == [Reason.FEW_EVENTS]
    assert snips(*log(40), how=Judging(interval="studentised", resamples=20)).cautions == ()
    assert leaning(np.repeat([1.0, -0.01], [40, 4000]), Judging(), [Caution(Reason.FEW_EVENTS, "told")]) == ()


def test_which_side_is_too_short_follows_the_lean() -> None:
    moved = np.repeat([1.0, -0.01], [40, 4000])
    (up,), (down,) = leaning(moved, Judging()), leaning(-moved, Judging())
    assert "too short upwards" in up.said
    assert "too short downwards" in down.said


def test_what_is_said_is_about_what_a_mean_of_so_few_events_misses() -> None:
    """Of 60 events in 6,000 units, exactly: the chance that a binomial count's interval lies below the truth."""
    n, p = 6_000, 0.01
    counts = np.arange(n + 1)
    high = counts / n + 1.959964 * np.sqrt(counts / n * (1 - counts / n) / n)
    missed = float(stats.binom.pmf(counts[high < p], n, p).sum())
    moved = np.repeat([1 - p, -p], [60, n - 60]) / n
    said = float(leaning(moved, Judging(interval="normal"))[0].said.split("misses in ")[1].split("%")[0]) / 100
    assert said == pytest.approx(missed, abs=0.002)
    assert missed > 0.035
