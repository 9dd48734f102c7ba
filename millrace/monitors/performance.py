"""Performance: is the served model still as good, on decisions whose outcomes have come in, as it was at the gate?"""

from __future__ import annotations

from millrace.monitors.reading import Reading


def performance(metric: str, recent: float, error: float, at_gate: float, by: float, larger_is_better: bool = True) -> Reading:
    """Return a metric's recent value, with an alarm when it has fallen from the gate's by more than a fraction and than chance explains.

    Args:
        metric: Its name.
        recent: Its value on recent decisions.
        error: The standard error of that value.
        at_gate: Its value when the version passed its gate.
        by: The tolerated fall, as a fraction of the gate's value.
        larger_is_better: Whether a fall is a loss; for a loss or an error a rise is.
    """
    fall = (at_gate - recent if larger_is_better else recent - at_gate) / abs(at_gate) if at_gate else 0.0
    noise = 2 * error / abs(at_gate) if at_gate else 0.0
    message = f"{metric} is {recent:.4f}, at the gate it was {at_gate:.4f}: {'a fall' if fall > 0 else 'a gain'} of {abs(fall):.1%}"
    return Reading(f"drop of {metric}", recent, by, fall - noise > by, message, {"fall": fall, "noise": noise, "at_gate": at_gate})
