"""Digests decide without time and without chance: alike everywhere, evenly spread, and blind to what they decide about."""

import numpy as np

from millrace.datasets.shares import places, shares


def test_shares_are_spread_evenly_and_differ_by_purpose():
    ids = [f"visitor-{i}" for i in range(20_000)]
    first, second = shares(ids, "split"), shares(ids, "order")
    assert np.abs(np.histogram(first, 10, (0, 1))[0] / len(ids) - 0.1).max() < 0.01
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03


def test_shares_are_the_same_on_every_machine():
    assert shares(["client-1"], "hold-out").tolist() == [0.3724215826418765]


def test_places_count_within_each_group_by_rank():
    rng = np.random.default_rng(0)
    group, rank = rng.integers(0, 50, 300), rng.integers(0, 5, 300)
    found = places(group, rank)
    for one in range(50):
        mine = np.flatnonzero(group == one)
        assert mine[np.argsort(found[mine])].tolist() == sorted(mine.tolist(), key=lambda row: (rank[row], row))
