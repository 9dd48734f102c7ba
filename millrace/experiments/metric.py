"""What every metric can be asked, and what all of them are declared with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from millrace.errors import DeclarationError, brief
from millrace.experiments.comparison import Arm, Asked, Comparison
from millrace.experiments.needs import Needs, Term
from millrace.experiments.summary import Summary
from millrace.types import Columns

PLAIN = Asked()
"""95 %, two-sided."""

Better = Literal["more", "less"]
"""Which way a metric should go."""


class Metric(Protocol):
    """A figure per arm. One object analyses an experiment, plans its power and simulates it."""

    @property
    def name(self) -> str:
        """What read-outs call it."""
        ...

    @property
    def better(self) -> Better:
        """Which way it should go."""
        ...

    def needs(self) -> Needs:
        """Return what it must be told of every arm."""
        ...

    def figures(self, control: Summary, treatment: Summary) -> tuple[Arm, Arm]:
        """Return both arms' figures, made ready for one another: their covariates' coefficients are those of this pair."""
        ...

    def compare(self, control: Summary, treatment: Summary, asked: Asked = PLAIN) -> Comparison:
        """Return how the treatment compares with the control.

        Raises:
            Refused: There is no figure that would not mislead.
        """
        ...

    def figure(self, arm: Summary) -> Arm:
        """Return an arm's figure by itself, its variance as small as its covariates make it: what power rests on, by `Spread.of`."""
        ...

    def draw(self, rng: np.random.Generator, n: int, like: Summary, effect: float = 0.0) -> Columns:
        """Return n made-up units that vary as `like` does, whose figure is its plus `effect`, in the metric's unit. Shape (n,) each."""
        ...


@dataclass(frozen=True, kw_only=True)
class Declared(ABC):
    """What every metric is declared with.

    Attributes:
        name: What read-outs call it; made of its kind and columns if not given.
        better: Which way it should go.
        covariates: What is known of a unit before it is exposed and goes with the value: columns, or predictions of a model; used by CUPED.
        within: For how long after a unit's first exposure its log is read, as "7d".
        before: For how long before the first exposure the log is read for a covariate, as "28d".
        after: From when on after the first exposure the log is read, as "24h".
    """

    name: str = ""
    better: Better = "more"
    covariates: tuple[Any, ...] = ()
    within: str | None = None
    before: str | None = None
    after: str | None = None

    def __post_init__(self) -> None:
        if self.better not in ("more", "less"):
            raise DeclarationError(f'{type(self).__name__}: better={self.better!r}: write "more" or "less"')
        if isinstance(self.covariates, str) or not isinstance(self.covariates, tuple):
            object.__setattr__(self, "covariates", (self.covariates,) if not isinstance(self.covariates, list) else tuple(self.covariates))
        if not self.name:
            object.__setattr__(self, "name", f"{type(self).__name__.lower()} of {self._about()}")

    @abstractmethod
    def _about(self) -> str:
        """Return what it is of, for its name."""

    @abstractmethod
    def figure(self, arm: Summary) -> Arm:
        """Return an arm's figure by itself, its variance as small as its covariates make it."""

    def _extra(self) -> tuple[Term, ...]:
        return tuple(Term(column_of(covariate)) for covariate in self.covariates)


def column_of(value: Any) -> str:
    """Return the column of units that a part of a declaration stands for: a name, or the `column` of something on the log.

    Raises:
        DeclarationError: It is neither.
    """
    column = value if isinstance(value, str) else getattr(value, "column", None)
    if not isinstance(column, str):
        raise DeclarationError(f"{brief(value)} is no column of units: name a column, or something of the log that has one")
    return column


def said(*parts: Any) -> str:
    """Return parts of a declaration as a name shows them."""
    return " / ".join(part if isinstance(part, str) else brief(part) for part in parts)
