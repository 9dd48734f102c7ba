import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from millrace.models.odds import log_odds, probability


@given(st.floats(-25, 25))
def test_log_odds_and_probability_undo_each_other(x):
    np.testing.assert_allclose(log_odds(probability(np.array([x]))), [x], atol=1e-4)


def test_tiny_probabilities_keep_their_digits():
    np.testing.assert_allclose(probability(np.array([-40.0])), np.exp(-40.0), rtol=1e-12)


def test_certainty_has_finite_log_odds():
    assert np.isfinite(log_odds(np.array([0.0, 1.0, -1.0, 2.0]))).all()
