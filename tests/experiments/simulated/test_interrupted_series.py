"""Ten thousand series that change at a known time: how often intervals hold the change, and where it is told that they do not."""

import numpy as np
import pytest

from millrace.experiments.interrupted_series import interrupted_series
from millrace.experiments.reasons import Reason
from tests.experiments.panels import series

MANY = 10_000
CHANCE = 3 * np.sqrt(0.05 * 0.95 / MANY)
pytestmark = pytest.mark.slow


def told(n, persistence, errors="ar1", many=MANY):
    """Return (the share of intervals that hold the true step of 1, the share that came with a caution)."""
    held = warned = 0
    for k in range(many):
        found = interrupted_series(series(np.random.default_rng((7, k)), n, n // 2, 1.0, 0.0, persistence), n // 2, errors=errors).level
        held += found.low <= 1 <= found.high
        warned += Reason.FEW_UNITS in [caution.reason for caution in found.cautions]
    print(errors, n, persistence, "held", held / many, "warned", warned / many)
    return held / many, warned / many


@pytest.mark.parametrize(("n", "persistence"), [(60, 0.0), (120, 0.5), (200, 0.5)])
def test_series_long_enough_keep_their_level_without_a_warning(n, persistence):
    held, warned = told(n, persistence)
    assert abs(held - 0.95) < CHANCE
    assert warned < 0.1


def test_sixty_points_whose_residuals_go_on_by_half_hold_within_a_hundredth():
    held, _ = told(60, 0.5)
    assert abs(held - 0.95) < 0.01


@pytest.mark.parametrize(("n", "persistence"), [(24, 0.7), (60, 0.8)])
def test_series_too_short_for_what_goes_on_hold_less_often_and_say_so(n, persistence):
    held, warned = told(n, persistence, many=4_000)
    assert 0.90 < held < 0.945
    assert warned > 0.7


@pytest.mark.parametrize(("n", "persistence", "least", "most"), [(60, 0.5, 0.77, 0.84), (200, 0.0, 0.91, 0.94)])
def test_newey_and_west_s_errors_hold_less_often_and_say_so(n, persistence, least, most):
    held, warned = told(n, persistence, "newey-west")
    assert least < held < most
    assert warned == 1
