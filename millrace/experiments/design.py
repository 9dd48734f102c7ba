"""How an experiment is planned: the level, the side, the margin, the arms' shares, and what looking early costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from millrace.errors import BadInput
from millrace.experiments.comparison import Alternative
from millrace.experiments.multiplicity import confidence_each

Inflation = float | Callable[[float, float], float]
"""By what factor a test that may stop early needs more units at most than one with one look; or what says so of (alpha, beta)."""


@dataclass(frozen=True, kw_only=True)
class Design:
    """What a plan takes for given.

    Attributes:
        alpha: The chance of a false alarm, over all comparisons with the control together (Dunnett), in (0, 1).
        alternative: What is to be shown of treatment - control.
        beyond: The difference the hypothesis allows, in the metric's unit. For non-inferiority with a margin m of a metric that should be
            more: "greater" and -m; of one that should be less: "less" and m.
        shares: Of the units, by arm, the control's first; they make 1.
        inflation: 1 for one look; `group_sequential.inflation` knows those of group-sequential plans.
        pooled: Whether both arms are compared as if they varied alike (Student) rather than by Welch's test.
    """

    alpha: float = 0.05
    alternative: Alternative = "two-sided"
    beyond: float = 0.0
    shares: tuple[float, ...] = (0.5, 0.5)
    inflation: Inflation = 1.0
    pooled: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise BadInput(f"alpha={self.alpha}: a chance between 0 and 1, such as 0.05", field="alpha")
        if len(self.shares) < 2 or min(self.shares) <= 0 or abs(sum(self.shares) - 1) > 1e-9:
            raise BadInput(f"shares={self.shares}: two or more, above 0, that make 1", field="shares")
        if self.alternative not in ("two-sided", "greater", "less"):
            raise BadInput(f'alternative={self.alternative!r}: write "two-sided", "greater" or "less"', field="alternative")
        if self.alternative == "two-sided" and self.beyond:
            raise BadInput('a margin has a side: write alternative="greater" or "less"', field="beyond")

    @property
    def level(self) -> float:
        """The level of each comparison, if all together are to keep alpha."""
        others = np.array(self.shares[1:])
        return 1 - confidence_each(1 - self.alpha, others / (others + self.shares[0]), two_sided=self.alternative == "two-sided")

    def more_units(self, power: float) -> float:
        """Return by what factor looking early makes the plan larger."""
        factor = self.inflation(self.level, 1 - power) if callable(self.inflation) else self.inflation
        if not factor >= 1:
            raise BadInput(f"inflation={factor}: looking early never costs less than nothing; write 1 or more", field="inflation")
        return factor
