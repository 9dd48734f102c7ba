"""Calibration: found where the treatment alone is off, and not where both are or the control is."""

import numpy as np
import pytest

from millrace.guards.calibration_gap import CalibrationGap

N = 6000


def peak(canary: float, champion: float, *, more: bool, seed: int = 0) -> float:
    """Return the evidence when things happen so many times as often as predicted."""
    g = np.random.default_rng(seed)
    treated, share = g.random(N) < 0.4, np.full(N, 0.4)
    predicted = 0.1 + 0.3 * g.random(N)
    happened = g.random(N) < predicted * np.where(treated, canary, champion)
    test = CalibrationGap(0.2, more=more)
    test.see(treated, share, predicted, happened.astype(float))
    return test.peak


@pytest.mark.parametrize(("canary", "more"), [(1.7, True), (0.4, False)])
def test_treatment_that_is_off_beside_a_good_control_is_found(canary, more):
    assert peak(canary, 1.0, more=more) > np.log(1000)


@pytest.mark.parametrize(("canary", "champion"), [(1.0, 1.0), (1.0, 1.7), (1.0, 0.4), (1.2, 1.0), (0.8, 1.0), (1.7, 1.7), (0.4, 0.4)])
@pytest.mark.parametrize("more", [True, False])
def test_treatment_that_is_right_or_off_as_the_control_is_stays(canary, champion, more):
    assert max(peak(canary, champion, more=more, seed=seed) for seed in range(10)) < np.log(100)
