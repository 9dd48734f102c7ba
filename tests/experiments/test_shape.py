"""How skewed values are warned of: by points that a reader can believe."""

import numpy as np
import pytest

from millrace.experiments.comparison import Asked
from millrace.experiments.shape import Shape, skewed


@pytest.mark.parametrize("lean", [1e3, 1e12, 1e26])
def test_what_the_expansion_cannot_say_any_more_is_said_without_a_size(lean: float) -> None:
    (caution,) = skewed("paid", [Shape(0.5, 0.0, 0.0, 0.0), Shape(0.5, lean, 0.0, 0.0)], Asked(), 40)
    assert "may be wrong by more than 100 points: winsorise it" in caution.said


def test_what_it_can_say_is_said_in_points() -> None:
    (caution,) = skewed("paid", [Shape(0.5, 0.0, 0.0, 0.0), Shape(0.5, 0.2, 0.0, 0.0)], Asked(), 40)
    z, density = 1.959964, np.exp(-(1.959964**2) / 2) / np.sqrt(2 * np.pi)
    assert f"may be wrong by {100 * 0.2 * (2 * z**2 + 1) / 6 * density:.1f} points" in caution.said
