"""Performance: is the served model still as good, on decisions whose outcomes have come in, as when its release began to serve?"""

from __future__ import annotations

import math

from millrace.monitors.reading import Reading


def performance(metric: str, first: tuple[float, float], latest: tuple[float, float], by: float, larger_is_better: bool = True) -> Reading:
    """Return a metric's latest value, with an alarm when it has fallen from the first by more than a fraction and than chance explains.

    Args:
        metric: Its name.
        first: Its value on the first decisions of what serves, and the standard error of that.
        latest: The same on the latest ones.
        by: The tolerated fall, as a fraction of the first value.
        larger_is_better: Whether a fall is a loss; for a loss or an error a rise is.
    """
    (was, error), (now, error_now) = first, latest
    fall = (was - now if larger_is_better else now - was) / abs(was) if was else 0.0
    noise = 2 * math.hypot(error, error_now) / abs(was) if was else 0.0
    message = f"{metric} is {now:.4f}, at first it was {was:.4f}: {'a fall' if fall > 0 else 'a gain'} of {abs(fall):.1%}"
    return Reading(f"drop of {metric}", now, by, fall - noise > by, message, {"fall": fall, "noise": noise, "at_first": was})
