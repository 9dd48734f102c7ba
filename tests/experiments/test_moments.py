"""Moments against NumPy's own on the whole, however the units were parted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.experiments.moments import Moments

VALUES = st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=2, max_size=40)


@given(VALUES, st.integers(0, 40))
def test_parts_merge_to_the_whole(rows, cut):
    x, y = np.array(rows).T
    parts = [Moments.of({"x": x[part], "y": y[part]}) for part in (slice(cut), slice(cut, None))]
    merged = Moments.total(parts, ("x", "y"))
    assert merged.n == len(x)
    assert merged.mean("y") == pytest.approx(y.mean(), rel=1e-9, abs=1e-6)
    expected = np.cov(x, y)
    assert [merged.variance("x"), merged.covariance("x", "y"), merged.variance("y")] == pytest.approx(
        [expected[0, 0], expected[0, 1], expected[1, 1]], rel=1e-9, abs=1e-3
    )


def test_large_values_that_are_nearly_alike_keep_their_variance():
    x = 1e12 + np.array([0.0, 1.0, 2.0, 3.0])
    assert Moments.of({"x": x[:1]}).merged(Moments.of({"x": x[1:]})).variance("x") == pytest.approx(5 / 3, rel=1e-9)


def test_one_unit_has_no_variance_and_none_has_no_mean():
    assert np.isnan(Moments.of({"x": np.array([3.0])}).variance("x"))
    assert Moments.none(["x"]).n == 0


def test_a_part_holds_what_the_whole_says_of_it():
    whole = Moments.of({"x": np.array([1.0, 2.0, 4.0]), "y": np.array([0.0, 1.0, 5.0]), "z": np.array([3.0, 1.0, 1.0])})
    part = whole.part(["z", "x"])
    assert (part.names, part.covariance("x", "z")) == (("z", "x"), whole.covariance("x", "z"))
