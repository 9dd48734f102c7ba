"""Which observations may be bet on: those whose unit's arm is still a fair draw."""

from __future__ import annotations

import numpy as np

from millrace.types import Array


class Once:
    """Lets each unit speak once, and again when a larger share has drawn it anew.

    A unit keeps its arm, so what happens to it twice is one draw and not two: rows of one unit are not independent. A unit of the control
    is drawn again when the treatment's share grows from s to t: it goes over with probability (t - s) / (1 - s). Then its next observation
    is news. A unit of the treatment stays there and has nothing new to say.
    """

    def __init__(self) -> None:
        self._spoke: dict[str, float] = {}

    def admit(self, unit: Array | None, treated: Array, share: Array) -> tuple[Array, Array]:
        """Return which observations may be bet on, and the chance with which each of these had been drawn into the treatment.

        Args:
            unit: Who was assigned; None where every observation is a unit of its own. Shape (n,).
            treated: Whether it is in the treatment. Boolean, shape (n,).
            share: The treatment's share of all units at that time, in (0, 1). Shape (n,).

        Returns:
            Positions, ascending, and the fair chance of each.
        """
        if unit is None:
            return np.arange(len(treated)), share
        kept, fair = [], []
        for position, (one, is_treated, now) in enumerate(zip(unit.tolist(), treated.tolist(), share.tolist(), strict=True)):
            before = self._spoke.get(one, 0.0)
            if now <= before:
                continue
            self._spoke[one] = 1.0 if is_treated else now
            kept.append(position)
            fair.append((now - before) / (1 - before))
        return np.array(kept, dtype=np.int64), np.array(fair)
