"""False alarms of some hundred experiments without an effect; `simulated/` has ten thousand of each."""

import numpy as np
import pytest

from millrace.experiments.clustered import clustered
from millrace.experiments.permutation import permutation
from millrace.experiments.resampling import bootstrap
from millrace.experiments.srm_sequential import log_evidence
from millrace.experiments.stratified import stratified
from millrace.experiments.two_arms import two_arms

M = 400
CLUSTER = np.repeat(np.arange(16), 4)
EVEN = CLUSTER % 2 == 0
TESTS = {
    "permutation": lambda g, seed: permutation("m", two_arms(g.lognormal(size=64), EVEN), seed=seed, draws=99),
    "bootstrap": lambda g, seed: bootstrap("m", two_arms(g.normal(size=64), EVEN), seed=seed, draws=99),
    "CR2": lambda g, seed: clustered("m", g.normal(size=16)[CLUSTER] + g.normal(size=64), EVEN, CLUSTER),
    "strata": lambda g, seed: stratified("m", g.normal(size=64) + CLUSTER % 4, g.permutation(64) % 2 == 0, CLUSTER % 4),
}


@pytest.mark.parametrize("test", TESTS.values(), ids=TESTS)
def test_false_alarms_are_as_many_as_said(test):
    found = [test(np.random.default_rng((1, seed)), seed).p_value <= 0.05 + 1e-12 for seed in range(M)]
    assert np.mean(found) == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / M))


def test_shares_watched_all_the_time_seldom_alarm():
    treated = np.cumsum(np.random.default_rng(0).random((M, 500)) < 0.3, axis=1)
    counts = np.stack([np.arange(1, 501) - treated, treated], axis=-1).astype(float)
    assert (log_evidence(counts, np.array([0.7, 0.3])).max(axis=1) >= np.log(20)).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / M)
