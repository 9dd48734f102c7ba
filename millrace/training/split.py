"""Splits in time: what a model learns from lies before what it is judged on, and its labels were known by then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millrace.errors import TrainingError
from millrace.types import Array, moment


@dataclass(frozen=True)
class Split:
    """Rows before `at` are learned from, as their labels were known at `at`; rows from `at` on are judged on.

    Attributes:
        at: The instant, microseconds.
        horizon: Until when the labels of the later rows are known, microseconds.
    """

    at: int
    horizon: int

    def earlier(self, instants: Array) -> Array:
        """Return which rows may be learned from. Boolean, shape (n,)."""
        return instants < self.at

    def later(self, instants: Array) -> Array:
        """Return which rows are judged on. Boolean, shape (n,)."""
        return (instants >= self.at) & (instants < self.horizon)


def temporal(instants: Array, horizon: int, share: float = 0.1) -> Split:
    """Return the split that leaves about a share of the labelled decisions for judging.

    Args:
        instants: When each labelled row was decided, microseconds. Shape (n,).
        horizon: Until when labels are known, microseconds.
        share: In (0, 1).

    Raises:
        TrainingError: All rows fall on one instant, so there is no earlier and later.
    """
    if len(instants) == 0:
        raise TrainingError("no decision has a label yet: wait until outcomes' windows have closed, or import history")
    first = int(instants.min())
    if first == instants.max():
        raise TrainingError(f"all labelled decisions fall on {moment(first).isoformat()}: a split in time needs earlier and later ones")
    at = int(np.quantile(instants, 1 - share, method="higher"))
    # Where most fall on the first instant, all that come after it are the later ones.
    return Split(at if at > first else int(instants[instants > first].min()), horizon)
