from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from millrace.features.exact_spread import squared, variance
from millrace.features.exact_sums import FloatLimbs

NEAR = st.sampled_from([1e16, 1e16 + 2, 1e16 + 4, 0.1, 0.1 + 2**-55, 0.30000000000000004, 1.0, 1 + 2**-52, -1.0, 0.0, 1e-12, 123456789.01])
FLOATS = st.floats(-1e90, 1e90).filter(lambda x: x == 0 or abs(x) > 1e-90)


def exactly(values) -> float:
    middle = sum(map(Fraction, values)) / len(values)
    return float(sum((Fraction(value) - middle) ** 2 for value in values) / len(values))


def summed(*columns):
    """Return the exact sum of all columns."""
    limbs = FloatLimbs.of(np.concatenate(columns), 2 * len(columns[0]))
    each = [[np.sum(limb) for limb in limbs.cut(column, 0, limbs.count)] for column in columns]
    return limbs, [np.array([sum(parts)]) for parts in zip(*each, strict=True)]


def found(values) -> float:
    values = np.array(values, dtype=np.float64)
    return variance(np.array([len(values)]), summed(values), summed(*squared(values)))[0]


@given(st.one_of(st.lists(NEAR, min_size=1, max_size=12), st.lists(FLOATS, min_size=1, max_size=12)))
def test_variance_is_that_of_exact_fractions(values):
    assert found(values) >= 0
    np.testing.assert_allclose(found(values), exactly(values), rtol=1e-12)


@given(FLOATS, st.integers(1, 500), st.integers(0, 3))
def test_numbers_that_are_all_but_equal_have_a_variance_and_equal_ones_have_none(value, many, other):
    assert found([value] * many) == 0
    near = [value] * many + [float(np.nextafter(value, np.inf))] * other
    np.testing.assert_allclose(found(near), exactly(near), rtol=1e-12)


def test_large_numbers_a_step_apart_among_many():
    values = np.full(200_000, 1e15)
    values[::1000] += 0.125
    np.testing.assert_allclose(found(values), 0.125**2 * 0.001 * 0.999, rtol=1e-12)


@given(FLOATS)
def test_square_and_what_it_leaves_are_exact(value):
    square, rest = squared(np.array([value]))
    assert Fraction(square[0]) + Fraction(rest[0]) == Fraction(value) ** 2


def test_no_numbers_have_no_variance():
    limbs = summed(np.zeros(1))
    assert np.isnan(variance(np.array([0]), limbs, limbs)[0])
