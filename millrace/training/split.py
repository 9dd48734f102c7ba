"""Splits in time: a model learns from what was known at an instant, and is judged on what became known since."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millrace.errors import TrainingError
from millrace.types import Array, moment


@dataclass(frozen=True)
class Split:
    """What was known before `at` is learned from; what became known from then on is judged on.

    It is the instant at which a label became known that counts, not that of the decision: where outcomes take weeks, a split between
    decisions would leave the weeks before it to neither side. A decision judged on may so have been made before `at`, but whatever was
    known of its outcome was not yet.

    Attributes:
        at: The instant, microseconds.
        horizon: Until when the labels of the later rows are known, microseconds.
    """

    at: int
    horizon: int

    def earlier(self, closed: Array) -> Array:
        """Return which rows may be learned from, given when their labels were known. Boolean, shape (n,)."""
        return closed < self.at

    def later(self, closed: Array) -> Array:
        """Return which rows are judged on, given when their labels were known. Boolean, shape (n,)."""
        return (closed >= self.at) & (closed < self.horizon)


def temporal(closed: Array, horizon: int, share: float = 0.1) -> Split:
    """Return the split that leaves about a share of the labels for judging.

    Args:
        closed: When the label of each labelled row was known, microseconds. Shape (n,).
        horizon: Until when labels are known, microseconds.
        share: In (0, 1).

    Raises:
        TrainingError: There is no label, or all were known at one instant, so that there is no earlier and later.
    """
    if len(closed) == 0:
        raise TrainingError("no decision has a label yet: wait until outcomes' windows have closed, or import history")
    first = int(closed.min())
    if first == closed.max():
        raise TrainingError(f"all labels were known at {moment(first).isoformat()}: a split in time needs earlier and later ones")
    at = int(np.quantile(closed, 1 - share, method="higher"))
    # Where most fall on the first instant, all that come after it are the later ones.
    return Split(at if at > first else int(closed[closed > first].min()), horizon)
