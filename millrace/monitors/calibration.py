"""Calibration: does what is predicted happen as often as predicted?"""

from __future__ import annotations

import numpy as np

from millrace.monitors.reading import Reading
from millrace.types import Array

_LEAST_EXPECTED = 20.0
_SIGMAS = 3.0


def calibration(name: str, predicted: Array, observed: Array, limit: float) -> Reading:
    """Return observed over predicted, with an alarm when it strays from 1 further than the limit and than chance explains.

    Args:
        name: The outcome's name.
        predicted: Probabilities, in [0, 1]. Shape (n,).
        observed: 0 or 1; NaN rows are left out. Shape (n,).
        limit: The tolerated distance from 1, as a fraction.
    """
    kept = ~np.isnan(observed) & ~np.isnan(predicted)
    expected, seen = float(predicted[kept].sum()), float(observed[kept].sum())
    monitor = f"calibration of {name}"
    if expected < _LEAST_EXPECTED:
        return Reading(monitor, float("nan"), limit, False, f"only {expected:.1f} expected so far; {_LEAST_EXPECTED:g} are needed")
    ratio = seen / expected
    # The count of independent events with these probabilities has this variance at most.
    noise = _SIGMAS * float(np.sqrt((predicted[kept] * (1 - predicted[kept])).sum())) / expected
    alarm = abs(ratio - 1) > limit + noise
    message = f"{name} happened {ratio:.2f} times as often as predicted, on {int(kept.sum())} rows"
    return Reading(monitor, ratio, limit, alarm, message, {"expected": expected, "observed": seen, "noise": noise})
