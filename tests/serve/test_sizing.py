"""How large a batch is, against policies whose cost is known."""

import numpy as np
import pytest

from millrace.serve.sizing import MOST, SPAN_S, BatchSize


def learnt(itself_s, each_s, batches=200, waiting=lambda g: int(g.geometric(0.2)), noise=0.0):
    """Return what was learnt of a policy from batches that take of those who wait as many as they should."""
    g, size = np.random.default_rng(0), BatchSize()
    for _ in range(batches):
        taken = min(waiting(g), size.most)
        size.learn(taken, (itself_s + each_s * taken) * float(g.lognormal(0, noise)))
    return size


def test_line_is_found():
    size = learnt(0.002, 0.0009)
    assert (size.itself_s, size.each_s) == pytest.approx((0.002, 0.0009), rel=1e-6)
    assert size.most == 8


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_policy_that_waits_takes_many_and_one_that_computes_takes_few(noise):
    assert learnt(0.04, 0.0001, noise=noise).most >= 64
    assert 1 <= learnt(0.0, 0.05, noise=noise).most <= 4
    assert learnt(0.0001, 0.0001, noise=noise).most >= 32


@pytest.mark.parametrize(("itself_s", "each_s"), [(0.001, 0.003), (0.0, 0.004), (0.01, 0.01), (0.0, 0.2)])
def test_batch_takes_no_longer_than_it_may(itself_s, each_s):
    size = learnt(itself_s, each_s)
    assert itself_s + each_s * size.most <= max(SPAN_S, 2 * (itself_s + each_s)) * 1.001


def test_batches_that_are_all_alike_teach_nothing_wrong():
    """Under a steady overload all batches are as large as they may be: what was learnt before stands."""
    size = learnt(0.002, 0.0009)
    for _ in range(1000):
        size.learn(size.most, 0.002 + 0.0009 * size.most)
    assert size.most == 8
    for _ in range(1000):
        size.learn(1, 0.0029)
    assert size.most >= 8


def test_policy_that_becomes_slower_is_learnt():
    size = learnt(0.001, 0.0001)
    for number in range(200):
        taken = min(1 + number % 9, size.most)
        size.learn(taken, 0.001 + 0.004 * taken)
    assert 1 <= size.most <= 3


def test_nothing_known_takes_all_and_nothing_breaks_it():
    assert BatchSize().most == MOST
    size = BatchSize()
    for taken, took in ((1, 0.0), (1, 5.0), (100, 0.0), (3, 1e-9), (1, 1e9)):
        size.learn(taken, took)
        assert 1 <= size.most <= MOST
