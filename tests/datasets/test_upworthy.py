"""Upworthy: tests of two arms or more, and what cannot be is set aside."""

import numpy as np
import pytest

from benchmarks.upworthy import fitted, replay
from millrace.datasets.loading import read
from millrace.datasets.table import typed
from millrace.datasets.upworthy import UPWORTHY, arms, cleaned
from millrace.policy.bandits import EpsilonGreedy, Thompson
from tests.datasets.real import folder_of


def tables(**columns):
    rows = {
        "clickability_test_id": ["b", "a", "b", "alone", "a", "doubted", "doubted"],
        "headline": ["one"] * 7,
        "impressions": [100, 200, 100, 50, 400, 10, 10],
        "clicks": [10, 4, 20, 1, 4, 1, 1],
        "significance": [50.0] * 7,
        "winner": [True] + [False] * 6,
        "test_week": [201446] * 5 + [201330] * 2,
        "eyecatcher_id": ["x"] * 7,
    }
    return {"arms": typed("arms", UPWORTHY.tables["arms"], {**rows, **columns})}


def test_arms_of_a_test_are_together_and_lone_ones_left_out():
    found = arms(tables())
    assert (found.test.tolist(), found.row.tolist()) == ([0, 0, 1, 1], [1, 4, 0, 2])
    assert found.rates.tolist() == pytest.approx([0.02, 0.01, 0.1, 0.2])


def test_weeks_that_are_doubted_are_taken_on_demand_only():
    assert (len(arms(tables()).test), len(arms(tables(), doubtful=True).test)) == (4, 6)


def test_arms_that_cannot_be_are_set_aside():
    table = cleaned(tables(impressions=[0, 200, 5, 50, 400, 10, 10])["arms"])
    assert table.reasons() == {"it was never shown": 1, "it was clicked more often than shown": 1}


def test_the_archive_is_read_whole():
    tables = read(UPWORTHY, folder_of("upworthy").parent)
    found = arms(tables, doubtful=True)
    assert tables["arms"].reasons() == {}
    assert (found.test.max() + 1, len(found.test), found.clicks.sum()) == (3_397, 15_788, 861_076)
    assert 2_500 < arms(tables).test.max() < 2_800


def test_regret_of_a_test_by_hand():
    """Of two arms the uniform test gives half to the worse: 1,000 impressions lose 500 times the difference, give or take."""
    lost = replay(np.array([0.2, 0.1]), 1_000, None, (1, 1), 10, np.random.default_rng(0))
    assert lost.clicks == pytest.approx(50, abs=6)
    assert lost.clicks == pytest.approx((1 - lost.best) * 1_000 * 0.1)


def test_prior_is_that_of_the_arms_that_were_drawn():
    rng = np.random.default_rng(0)
    rates = rng.beta(3, 97, 4_000)
    n = np.full(4_000, 2_000)
    drawn = arms(tables())._replace(test=np.arange(4_000), impressions=n, clicks=rng.binomial(n, rates))
    assert fitted(drawn, np.arange(4_000)) == pytest.approx((3, 97), rel=0.1)


def test_choosing_by_belief_loses_half_of_what_uniform_tests_lose():
    found = arms(read(UPWORTHY, folder_of("upworthy").parent))
    which = [np.flatnonzero(found.test == one) for one in range(0, 2_600, 65)]

    def lost(chooser):
        rng = np.random.default_rng(1)
        return sum(replay(found.rates[one], int(found.impressions[one].sum()), chooser, (1, 1), 30, rng).clicks for one in which)

    uniform = lost(None)
    assert lost(Thompson()) < 0.6 * uniform
    assert lost(EpsilonGreedy(epsilon=0.1)) < 0.6 * uniform
