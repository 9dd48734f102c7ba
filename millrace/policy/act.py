"""The chooser of systems that act on one request: thresholds, learned for a stated precision or cost, and an audited share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from millrace.decision import Decisions, Facts
from millrace.errors import DeclarationError, brief
from millrace.types import size


@dataclass(frozen=True)
class Precision:
    """Act from the lowest score at which at least this share of those acted upon are positive. Learned when a release is gated."""

    at_least: float

    def __post_init__(self) -> None:
        if not 0 < self.at_least <= 1:
            raise DeclarationError(f"Precision({self.at_least!r}): a precision lies above 0 and at most at 1")


@dataclass(frozen=True)
class Cost:
    """Act from the score that costs least, given what a false alarm and a miss cost in one unit. For probabilities the costs say it.

    Scores from 0 to 1 are taken for probabilities: from false_positive / (false_positive + false_negative) on acting pays. A learner that
    bends them is wrapped in `Calibrated`. For other scores the threshold is learned when a release is gated. A positive is what the first
    outcome sees: where it sees only half of the cases within its time, each stands for two, and missing it costs as much.
    """

    false_positive: float
    false_negative: float

    def __post_init__(self) -> None:
        if self.false_positive <= 0 or self.false_negative <= 0:
            raise DeclarationError(f"Cost({self.false_positive!r}, {self.false_negative!r}): both costs must be above 0")


@dataclass(frozen=True, eq=False, init=False)
class Act:
    """Takes the first action whose threshold the score reaches, else `otherwise`.

    With probability `audit` a request whose action would be another gets `to` instead, so that outcomes are seen that the policy
    would hide. The row's propensity is the exact chance of the action that was taken.

    Args:
        steps: From action to its threshold: a number, `Precision(...)` or `Cost(...)`; the first that fits wins.
        otherwise: The action when none fits.
        audit: In [0, 1).
        to: The action of audited requests.
    """

    steps: tuple[tuple[str, Any], ...]
    otherwise: str
    audit: float
    to: str
    draws = True

    def __init__(self, steps: Mapping[str, Any], *, otherwise: str, audit: float = 0.0, to: str = "") -> None:
        for action, rule in steps.items():
            if isinstance(rule, bool) or not isinstance(rule, int | float | Precision | Cost):
                said = f"Act({{{action!r}: {brief(rule)}}})"
                raise DeclarationError(f"{said}: not a threshold; use a number, Precision(0.95) or Cost(5, 120)")
        if not 0 <= audit < 1:
            raise DeclarationError(f"Act(audit={audit!r}): a share lies between 0 and 1")
        if audit and to not in (*steps, otherwise):
            raise DeclarationError(f"Act(audit={audit}, to={to!r}): not one of its actions; use one of {', '.join([*steps, otherwise])}")
        settings = {"steps": tuple(steps.items()), "otherwise": otherwise, "audit": float(audit), "to": to}
        for name, value in settings.items():
            object.__setattr__(self, name, value)

    @property
    def actions(self) -> tuple[str, ...]:
        """Every action it can take."""
        return (*(action for action, _ in self.steps), self.otherwise)

    @property
    def learned(self) -> tuple[tuple[str, Any], ...]:
        """The (action, rule) pairs whose threshold is learned at the gate."""
        return tuple((action, rule) for action, rule in self.steps if isinstance(rule, Precision | Cost))

    def features(self) -> tuple[Any, ...]:
        """Return nothing: it reads the score."""
        return ()

    def apply(self, d: Decisions, facts: Facts) -> Decisions:
        """Set the requests' `action` and the rows' `rank` and `propensity`.

        Raises:
            ValueError: A request has more than one row, or none: acting is for one candidate each.
        """
        n = size(d.requests)
        if not np.array_equal(d.rows["request"], np.arange(n)):
            raise ValueError("Act needs exactly one candidate per request; use it after Itself()")
        natural = self._natural(d.rows["score"], facts)
        audited = (facts.chance(facts.name(self), d.requests["id"]) < self.audit) & (natural != self.to)
        action = np.where(audited, self.to, natural)
        propensity = np.where(natural == self.to, 1.0, np.where(audited, self.audit, 1 - self.audit))
        return d.with_requests(action=action).with_rows(rank=np.zeros(n, dtype=np.int64), propensity=propensity)

    def _natural(self, score: Any, facts: Facts) -> Any:
        action = np.full(len(score), self.otherwise, dtype=object)
        for name, rule in reversed(self.steps):
            threshold = facts.threshold(self, name) if isinstance(rule, Precision | Cost) else float(rule)
            action[score >= threshold] = name
        return action
