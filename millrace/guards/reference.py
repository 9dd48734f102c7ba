"""What is usual, as the first units showed it: cuts that are fixed before anything is judged by them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from millrace.types import Array


class Reference:
    """Cuts at quantiles of the first values seen, of treatment and control alike; what a cut was made of is not judged by it.

    Args:
        quantiles: Where to cut, ascending, in (0, 1).
        first: How many values make the cuts.
    """

    def __init__(self, quantiles: Sequence[float], first: int = 200) -> None:
        self._quantiles = quantiles
        self._left = first
        self._values: list[Array] = []
        self.cuts: Array | None = None

    def take(self, values: Array) -> int:
        """Return how many of these values, from their beginning, went into making the cuts. Shape (n,)."""
        used = min(self._left, len(values))
        if used:
            self._left -= used
            self._values.append(values[:used])
            if not self._left:
                seen = np.concatenate(self._values)
                present = seen[np.isfinite(seen)]
                self.cuts = np.quantile(present, self._quantiles) if len(present) else np.zeros(len(self._quantiles))
                self._values = []
        return used
