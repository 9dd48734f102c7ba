"""What was shown is too large, and by how much its correction mends that: many experiments of which only those that showed count."""

import numpy as np
import pytest

from millrace.experiments.looks import Look
from millrace.experiments.stopping import Anytime, Fixed, Rule
from millrace.experiments.worth import worth

LOOKS, UNITS = 4, 4_000


def shown(rule: Rule, drift: float, runs: int, seed: int) -> np.ndarray:
    """Return (plain, corrected, whether the interval holds the truth) of those that showed. Shape (shown, 3)."""
    rng = np.random.default_rng(seed)
    n = UNITS * np.arange(1, LOOKS + 1) // LOOKS
    found: list[tuple[float, float, bool]] = []
    for steps in rng.normal(drift / LOOKS, np.sqrt(1 / LOOKS), (runs, LOOKS)):
        at = np.cumsum(steps) * UNITS / n
        looks = [Look(int(units), float(one), float(np.sqrt(UNITS / units))) for units, one in zip(n, at, strict=True)]
        if (read := worth(looks[-1:] if isinstance(rule, Fixed) else looks, rule)) is not None:
            found.append((looks[-1].difference, read.difference, read.low <= drift <= read.high))
    return np.array(found, dtype=float)


@pytest.mark.slow
@pytest.mark.parametrize("rule", [Fixed(planned=UNITS), Anytime(planned=UNITS)], ids=["fixed", "anytime"])
@pytest.mark.parametrize("drift", [1.0, 2.0, 3.0])
def test_intervals_of_what_was_shown_hold_the_truth_and_the_curse_is_mostly_off(rule: Rule, drift: float) -> None:
    found = shown(rule, drift, 500, seed=17)
    plain, corrected = found[:, 0].mean() - drift, found[:, 1].mean() - drift
    assert found[:, 2].mean() > 0.92
    assert plain > 0.15
    if drift < 3:
        assert abs(corrected) < 0.65 * plain
    else:  # where most are shown it takes off as much too much
        assert -0.6 < corrected < 0
