import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from millrace.evaluation.proportion import effective, lower_bound, surely_at_least, wilson


@given(st.integers(0, 60), st.integers(1, 60), st.sampled_from([0.8, 0.95]))
def test_bounds_are_those_of_the_exact_and_of_wilsons_interval(hits, rows, confidence):
    hits = min(hits, rows)
    share, of = np.array([hits / rows]), np.array([rows])
    exact = binomtest(hits, rows, alternative="greater").proportion_ci(confidence, method="exact").low
    np.testing.assert_allclose(lower_bound(share, of, confidence), exact, atol=1e-9)
    both = binomtest(hits, rows).proportion_ci(confidence, method="wilson")
    np.testing.assert_allclose(np.ravel(wilson(share, of, confidence)), [both.low, both.high], atol=1e-9)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=20), st.sampled_from([0.3, 0.5, 0.9, 1.0]))
def test_a_share_is_surely_high_enough_when_its_lower_bound_is(hits, least):
    share, rows = np.array(hits) / 30, np.full(len(hits), 30.0)
    assert surely_at_least(least, share, rows, 0.95).tolist() == (lower_bound(share, rows, 0.95) >= least).tolist()


def test_nothing_seen_says_nothing():
    assert np.ravel(wilson(np.zeros(1), np.zeros(1))).tolist() == [0.0, 1.0]


def test_one_heavy_row_makes_many_light_ones_worth_little():
    weight = np.array([100.0] + [1.0] * 100)
    assert effective(np.array([weight.sum()]), np.array([np.square(weight).sum()]))[0] < 4
