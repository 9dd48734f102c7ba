"""A unit speaks once, and again when a larger share has drawn it anew."""

import numpy as np
import pytest

from millrace.guards.once import Once
from millrace.guards.reference import Reference
from millrace.types import objects


def test_unit_speaks_once_and_again_only_if_it_could_go_over():
    once = Once()
    units, treated, share = objects(["a", "b", "a", "b"]), np.array([True, False, True, False]), np.full(4, 0.1)
    kept, fair = once.admit(units, treated, share)
    assert (kept.tolist(), fair.tolist()) == ([0, 1], [0.1, 0.1])
    kept, fair = once.admit(units, np.array([True, True, True, True]), np.full(4, 0.5))
    assert kept.tolist() == [1]
    assert fair.tolist() == pytest.approx([(0.5 - 0.1) / 0.9])
    assert once.admit(units, treated, np.full(4, 0.9))[0].tolist() == []


def test_chance_of_going_over_is_what_a_growing_share_gives():
    draws = np.random.default_rng(0).random(200_000)
    first, then = 0.25, 0.6
    stayed = draws >= first
    assert (draws[stayed] < then).mean() == pytest.approx((then - first) / (1 - first), abs=0.005)


def test_without_units_every_observation_speaks():
    kept, fair = Once().admit(None, np.array([True, False]), np.array([0.2, 0.3]))
    assert (kept.tolist(), fair.tolist()) == ([0, 1], [0.2, 0.3])


def test_cuts_are_made_of_the_first_values_however_they_come():
    values = np.random.default_rng(0).random(500)
    whole, parted = Reference((0.5, 0.9)), Reference((0.5, 0.9))
    assert whole.take(values) == 200
    assert [parted.take(values[:150]), parted.take(values[150:300]), parted.take(values[300:])] == [150, 50, 0]
    assert parted.cuts is not None
    assert whole.cuts is not None
    np.testing.assert_array_equal(whole.cuts, parted.cuts)
    np.testing.assert_allclose(whole.cuts, np.quantile(values[:200], [0.5, 0.9]))
