"""What is believed of an effect before an experiment: a normal law, with where it comes from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from millrace.errors import BadInput


@final
@dataclass(frozen=True)
class EffectPrior:
    """A normal prior belief in treatment - control, before anything is seen.

    Attributes:
        mean: What is expected, in the metric's unit.
        spread: Its standard deviation, above 0.
        past: How many experiments it was learned from; 0 where it was set.
        why: Where it comes from if it was set, in words.
    """

    mean: float
    spread: float
    past: int = 0
    why: str = "as set"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean) and math.isfinite(self.spread) and self.spread > 0):
            raise BadInput(f"EffectPrior({self.mean}, {self.spread}): a number, and a spread above 0")

    @property
    def said(self) -> str:
        """The prior in words."""
        origin = f"learned from {self.past} experiments" if self.past else self.why
        return f"normal, mean {self.mean:.4g}, standard deviation {self.spread:.4g}, {origin}"
