import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from millrace.experiments.simplex import mixture


@given(seed=st.integers(0, 10_000), rows=st.integers(1, 12), n=st.integers(1, 15), size=st.sampled_from([1e-6, 1.0, 1e9]))
def test_no_other_mixture_is_nearer(seed, rows, n, size):
    """At the minimum of a convex problem no weight can be moved to any column to come nearer."""
    g = np.random.default_rng(seed)
    columns, target = size * g.normal(0, 1, (rows, n)), size * g.normal(0, 2, rows)
    weights = mixture(columns, target)
    assert (weights >= 0).all()
    assert abs(weights.sum() - 1) < 1e-12
    slope = columns.T @ (columns @ weights - target) / size**2
    assert (slope - slope @ weights > -1e-7).all()


def test_of_two_columns_it_is_the_nearest_point_between_them():
    columns = np.array([[0.0, 1.0], [0.0, 1.0]])
    assert mixture(columns, np.array([0.0, 1.0])).round(12).tolist() == [0.5, 0.5]
    assert mixture(columns, np.array([3.0, 2.0])).round(12).tolist() == [0.0, 1.0]
    assert mixture(columns, np.array([1.0, 1.0])).round(12).tolist() == [0.0, 1.0]


def test_a_target_among_the_columns_is_met():
    columns = np.random.default_rng(0).normal(0, 1, (9, 6))
    np.testing.assert_allclose(mixture(columns, columns[:, 2]), np.eye(6)[2], atol=1e-12)


def test_all_columns_at_the_target_are_as_good_as_one_another():
    assert mixture(np.ones((3, 4)), np.ones(3)).sum() == 1.0
