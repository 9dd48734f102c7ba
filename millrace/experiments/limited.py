"""Metrics whose few largest values count as less: those that a single unit could decide otherwise."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass
from typing import Any

from millrace.errors import DeclarationError
from millrace.experiments.adjusted import Adjusted
from millrace.experiments.metric import column_of
from millrace.experiments.needs import Term


@dataclass(frozen=True, kw_only=True)
class Limited(Adjusted, ABC):
    """What metrics are declared with whose values may be limited. The figure is then of the limited values, and no other.

    Attributes:
        winsorise: Values above this quantile, over the units of all arms together, count as that; in (0, 1), as 0.99.
        cap: Values above this count as this. Only one of both.
    """

    winsorise: float | None = None
    cap: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.winsorise is not None and self.cap is not None:
            raise DeclarationError(f"{self.name}: winsorise and cap both limit its values: keep one of them")
        if self.winsorise is not None and not 0 < self.winsorise < 1:
            raise DeclarationError(f"{self.name}: winsorise={self.winsorise!r} is no quantile: write a number in (0, 1), such as 0.99")

    def _term(self, value: Any) -> Term:
        return Term(column_of(value), cap=self.cap, winsorise=self.winsorise)
