import numpy as np
import pytest

from millrace.experiments.interrupted_series import averaged, interrupted_series
from millrace.experiments.reasons import Reason, Refused
from tests.experiments.panels import series


@pytest.mark.parametrize("errors", ["ar1", "newey-west"])
def test_level_and_slope_are_found(errors):
    found = interrupted_series(series(np.random.default_rng(0), 120, 60, 5.0, 0.3, 0.4), 60, errors=errors)
    assert found.level.low < 5 < found.level.high
    assert found.slope.low < 0.3 < found.slope.high
    assert 0.1 < found.persistence < 0.7
    assert [caution.reason for caution in found.level.cautions] == ([Reason.FEW_UNITS] if errors == "newey-west" else [])


def test_what_was_to_be_expected_goes_on_as_before():
    world = series(np.random.default_rng(0), 120, 60, 5.0, 0.3) - series(np.random.default_rng(0), 120, 60)
    found = interrupted_series(series(np.random.default_rng(0), 120, 60, 5.0, 0.3), 60)
    plain = interrupted_series(series(np.random.default_rng(0), 120, 60), 60)
    np.testing.assert_allclose(found.expected, plain.expected, atol=1e-6)
    assert found.level.value - plain.level.value == pytest.approx(world[60], abs=1e-6)


@pytest.mark.parametrize("persistence", [-0.5, 0.0, 0.5, 0.8])
def test_the_factor_is_estimated_without_much_bias(persistence):
    g = np.random.default_rng(1)
    x = np.column_stack([np.ones(60), np.arange(60)])
    found = [averaged(x, series(g, persistence=persistence))[2] for _ in range(150)]
    assert np.mean(found) == pytest.approx(persistence, abs=0.06)


@pytest.mark.parametrize("since", [7, 53, 0, 60, -1])
def test_too_few_points_are_refused(since):
    with pytest.raises(Refused, match="at least 8 on each side") as refused:
        interrupted_series(series(np.random.default_rng(0)), since)
    assert refused.value.reason is Reason.FEW_UNITS


def test_few_points_and_wandering_series_are_said():
    assert interrupted_series(series(np.random.default_rng(0), 16, 8, persistence=0.7), 8).level.cautions[0].reason is Reason.FEW_UNITS
    wandering = interrupted_series(np.cumsum(np.random.default_rng(3).normal(0, 1, 300)), 150)
    assert Reason.MOVED in [caution.reason for caution in wandering.level.cautions]


def test_no_number_and_no_variance_are_refused():
    with pytest.raises(Refused, match="the outcome is no number in place 2"):
        interrupted_series(np.where(np.arange(60) == 2, np.inf, series(np.random.default_rng(0))), 30)
    with pytest.raises(Refused) as refused:
        interrupted_series(np.zeros(60), 30, errors="newey-west")
    assert refused.value.reason is Reason.NO_VARIANCE
