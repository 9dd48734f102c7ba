"""Monitors as declared: what is watched, and how far it may go before somebody is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from millrace.errors import DeclarationError
from millrace.models.declare import Model, Outcome
from millrace.types import micros


@dataclass(frozen=True, eq=False)
class Drift:
    """The scores of a model no longer look as they did when its release began to serve; the alert names the feature that moved most.

    Attributes:
        of: The model.
        limit: The population stability index of a score above which it has drifted; 0.2 is the usual alarm.
        over: How much traffic is compared, the first and the latest.
    """

    of: Any
    limit: float = 0.2
    over: str = "1d"

    def __post_init__(self) -> None:
        if not isinstance(self.of, Model):
            raise DeclarationError(f"Drift({self.of!r}): not a Model")
        _positive("Drift(limit=)", self.limit)
        micros(self.over)


@dataclass(frozen=True, eq=False)
class Calibration:
    """What is predicted for an outcome no longer happens as often as predicted.

    Attributes:
        of: The outcome.
        limit: How far observed over predicted may stray from 1, as a fraction, beyond what chance explains.
        over: How much recent traffic is compared.
    """

    of: Any
    limit: float = 0.2
    over: str = "1d"

    def __post_init__(self) -> None:
        if not isinstance(self.of, Outcome):
            raise DeclarationError(f"Calibration({self.of!r}): not an outcome")
        _positive("Calibration(limit=)", self.limit)
        micros(self.over)


@dataclass(frozen=True, eq=False)
class Drop:
    """A metric of the served model, on decisions whose outcomes have come in, has fallen from what it was when its release began to serve.

    Attributes:
        metric: Its name, such as "auc" or "ndcg@10".
        by: The fall that raises an alert, as a fraction of its first value, beyond what chance explains.
        over: How much traffic is measured, the first and the latest.
    """

    metric: str
    by: float
    over: str = "1d"

    def __post_init__(self) -> None:
        _positive("drop(by=)", self.by)
        micros(self.over)


def drop(metric: str, by: float, *, over: str = "1d") -> Drop:
    """Declare an alert on a metric that falls by a fraction: `drop("auc", 0.05)`."""
    return Drop(metric, by, over)


@dataclass(frozen=True)
class Freshness:
    """Nothing has arrived for too long.

    Attributes:
        age: The longest silence, such as "1h".
    """

    age: str

    def __post_init__(self) -> None:
        micros(self.age)


def _positive(said: str, value: float) -> None:
    if not value > 0:
        raise DeclarationError(f"{said}{value!r}: must be above 0")
