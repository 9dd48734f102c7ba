"""The chance to be reached by some of the viewers is what picking all of them in turn says."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from millrace.experiments.rarefaction import reach_chances


@pytest.mark.parametrize("viewers, picked", [(7, 1), (7, 3), (7, 7), (5, 0), (1, 1)])
def test_chances_are_those_of_all_ways_to_pick(viewers: int, picked: int) -> None:
    ways = list(combinations(range(viewers), picked))
    slow = [np.mean([any(one < met for one in way) for way in ways]) for met in range(viewers + 1)]
    np.testing.assert_allclose(reach_chances(viewers, picked), slow, atol=1e-15)


@pytest.mark.parametrize("viewers, picked", [(100, 50), (100_000, 50_000), (100_000, 3)])
def test_chances_are_those_of_the_hypergeometric_law(viewers: int, picked: int) -> None:
    met = np.unique(np.geomspace(1, viewers, 40).astype(int))
    np.testing.assert_allclose(reach_chances(viewers, picked)[met], stats.hypergeom.sf(0, viewers, met, picked), rtol=1e-9)
