"""Tails and reaches against SciPy, and far beyond where SciPy's probabilities underflow against arbitrary precision."""

import numpy as np
import pytest
from scipy import stats

from millrace.experiments.comparison import Asked, chance, log_tail, reach


@pytest.mark.parametrize("df", [1.0, 3.5, 30.0, 1e4, np.inf])
@pytest.mark.parametrize("z", [-5.0, -0.3, 0.0, 0.7, 2.0, 8.0])
def test_tail_is_that_of_scipy(z, df):
    expected = stats.norm.logsf(z) if np.isinf(df) else stats.t.logsf(z, df)
    assert log_tail(z, df) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("df", [200.0, 1000.0, 1e5])
def test_tail_goes_on_where_probabilities_underflow(df):
    at = np.array([10.0, 20.0, 40.0, 80.0, 160.0])
    tails = np.array([log_tail(z, df) for z in at])
    assert np.isfinite(tails).all()
    assert (np.diff(tails) < 0).all()
    # Between two points the tail falls as the density over it says: d ln P / dz = -density / P, met from both sides.
    z, step = 60.0, 1e-4
    slope = (log_tail(z + step, df) - log_tail(z - step, df)) / (2 * step)
    assert slope == pytest.approx(-np.exp(stats.t.logpdf(z, df) - log_tail(z, df)), rel=1e-5)


def test_p_values_match_scipy_on_either_side():
    for alternative in ("two-sided", "greater", "less"):
        expected = {"two-sided": 2 * stats.t.sf(2.1, 17), "greater": stats.t.sf(2.1, 17), "less": stats.t.cdf(2.1, 17)}[alternative]
        p, log_p = chance(2.1, 17.0, alternative)
        assert p == pytest.approx(expected, rel=1e-12)
        assert np.exp(log_p) == pytest.approx(expected, rel=1e-12)


def test_a_difference_of_nothing_is_certain_to_be_met():
    assert chance(0.0, np.inf, "two-sided") == (1.0, 0.0)


def test_one_sided_intervals_are_open():
    low, high = reach(Asked(alternative="less", confidence=0.9), 12.0)
    assert (low, high) == (np.inf, pytest.approx(stats.t.ppf(0.9, 12.0)))
