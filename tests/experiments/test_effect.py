import numpy as np
import pytest

from millrace.errors import BadInput
from millrace.experiments.effect import effect
from millrace.types import objects


def test_effect_is_the_difference_of_means_by_hand() -> None:
    unit = objects(["a", "a", "b", "c", "d", "d"])
    treated = np.array([False, False, False, True, True, True])
    found = effect(unit, treated, np.array([1.0, 0.0, 1.0, 1.0, 1.0, 1.0]))
    assert found.control == pytest.approx(2 / 3)
    assert found.treatment == 1.0
    assert found.lift == pytest.approx(0.5)
    assert (found.units, found.rows) == ((2, 2), (3, 3))


@pytest.mark.parametrize("between", [0.0, 1.0])
def test_intervals_cover_a_null_effect_when_units_differ(between: float) -> None:
    """An error that took rows for units would miss far more often than one time in twenty."""
    g = np.random.default_rng(7)
    covered = 0
    for _ in range(400):
        units = np.repeat(np.arange(120), g.integers(1, 20, 120))
        taste = g.normal(0, between, 120)[units]
        value = taste + g.normal(10, 1, len(units))
        found = effect(units.astype(object), units % 2 == 0, value)
        covered += abs(found.z) < 1.96
    assert covered / 400 == pytest.approx(0.95, abs=0.035)


def test_one_unit_tells_nothing() -> None:
    with pytest.raises(BadInput, match="the treatment has 1 units"):
        effect(objects(["a", "b", "c"]), np.array([False, False, True]), np.zeros(3))
