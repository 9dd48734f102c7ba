from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.errors import BadInput
from millrace.features.exact_sums import FloatLimbs, WholeLimbs, cut_up, running_sums

FLOATS = st.floats(-1e290, 1e290, allow_subnormal=True)
MIXED = st.sampled_from([1e16, -1e16, 1.0, -1.0, 0.1, 1e-300, 5e-324, 2.0**53, 1 + 2**-52, 2.0**-53, -(2.0**-53), 2.0**-106, 0.0, -0.0])


def window_sums(limbs, values, pairs):
    """Return the sums of values[a:b] for pairs (a, b), by differences of running sums."""
    start, stop = np.array(pairs).T
    running = [running_sums(column) for first in range(limbs.count) for column in cut_up(limbs, values, first, first + 1)]
    return limbs.join([summed[stop] - summed[start] for summed in running])


@given(st.lists(st.one_of(MIXED, FLOATS), min_size=1, max_size=12), st.integers(1, 2**30))
def test_sum_of_floats_is_the_exact_sum_rounded_once(values, most):
    values = np.array(values)
    pairs = [(a, b) for a in range(len(values) + 1) for b in range(a, len(values) + 1)]
    sums = window_sums(FloatLimbs.of(values, max(most, len(values))), values, pairs)
    assert sums.tolist() == [float(sum(map(Fraction, values[a:b].tolist()), Fraction(0))) for a, b in pairs]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=12))
def test_sum_of_whole_numbers_is_exact_or_refused(values):
    exact = [sum(values[:b]) for b in range(len(values) + 1)]
    limbs = WholeLimbs.of(np.array(values), len(values))
    if all(-(2**63) <= one < 2**63 for one in exact):
        assert window_sums(limbs, np.array(values), [(0, b) for b in range(len(values) + 1)]).tolist() == exact
    else:
        with pytest.raises(BadInput, match="does not fit 64 bits"):
            window_sums(limbs, np.array(values), [(0, b) for b in range(len(values) + 1)])


def test_tie_is_decided_by_what_lies_far_below_it():
    values = np.array([1.0, 2.0**-53, 2.0**-1000])
    assert window_sums(FloatLimbs.of(values, 3), values, [(0, 2), (0, 3)]).tolist() == [1.0, 1 + 2.0**-52]


def test_many_blocks_sum_as_one():
    values = np.random.default_rng(3).gamma(2, 20, 100_000)
    limbs = FloatLimbs.of(values, len(values))
    assert window_sums(limbs, values, [(0, 100_000), (40_000, 90_000)]).tolist() == [
        float(sum(map(Fraction, values.tolist()))),
        float(sum(map(Fraction, values[40_000:90_000].tolist()))),
    ]


def test_whole_numbers_kept_as_floats_take_one_limb_and_prices_two():
    chance = np.random.default_rng(4)
    assert FloatLimbs.of(chance.integers(0, 10**6, 1000).astype(float), 1000).count == 1
    assert FloatLimbs.of(chance.gamma(2, 20, 1000).round(2), 1000).count == 2


def test_running_sums_follow_the_order_asked_for():
    assert running_sums(np.array([1, 20, 300]), np.array([2, 0, 1])).tolist() == [0, 300, 301, 321]


def test_floats_whose_total_could_overflow_are_refused():
    with pytest.raises(BadInput, match=r"values as large as 1e\+308 cannot be summed: 9 of them overflow a float"):
        FloatLimbs.of(np.array([1e308]), 9)
