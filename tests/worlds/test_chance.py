import numpy as np
import pytest

from millrace.errors import BadInput
from millrace.worlds.chance import Chance


def test_numbers_depend_on_seed_purpose_and_ids_and_nothing_else():
    ids = np.arange(1000)
    drawn = Chance(7).uniform("looks", ids)
    order = np.random.default_rng(0).permutation(1000)
    np.testing.assert_array_equal(Chance(7).uniform("looks", ids[order]), drawn[order])
    np.testing.assert_array_equal([Chance(7).uniform("looks", k) for k in range(5)], drawn[:5])
    for other in (Chance(8).uniform("looks", ids), Chance(7).uniform("likes", ids), Chance(7).other(1).uniform("looks", ids)):
        assert abs(np.corrcoef(drawn, other)[0, 1]) < 0.1


def test_uniform_numbers_are_uniform_and_neighbours_independent():
    drawn = Chance(0).uniform("x", np.arange(300)[:, None], np.arange(300))
    assert drawn.shape == (300, 300)
    counts = np.bincount((drawn.ravel() * 20).astype(int), minlength=20)
    assert np.abs(counts - 4500).max() < 5 * np.sqrt(4500)
    assert 0.0 < drawn.min() < drawn.max() < 1.0
    for one, other in ((drawn[:, 1:], drawn[:, :-1]), (drawn[1:], drawn[:-1]), (drawn, drawn.T)):
        off = ~np.eye(*one.shape, dtype=bool)
        assert abs(np.corrcoef(one[off], other[off])[0, 1]) < 0.02


def test_normal_numbers_have_the_moments_of_a_standard_normal():
    drawn = Chance(3).normal("delay", np.arange(100_000))
    assert abs(drawn.mean()) < 0.02
    assert abs(drawn.std() - 1.0) < 0.02
    assert abs((np.abs(drawn) > 1.96).mean() - 0.05) < 0.005


def test_generators_of_different_days_differ_and_of_the_same_day_agree():
    chance = Chance(1)
    assert chance.generator("day", 1).random() == chance.generator("day", 1).random()
    assert len({chance.generator("day", k).random() for k in range(10)} | {chance.generator("night", 1).random()}) == 11


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_seed_out_of_range_is_refused(seed):
    with pytest.raises(BadInput, match="out of range"):
        Chance(seed)
