"""What was chosen with which chance, what came of it, and what another policy would have chosen: the columns off-policy judging reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from millrace.evaluation.inputs import finite, numbers, shares
from millrace.evaluation.reasons import Reason, Refused
from millrace.types import Array


@dataclass(frozen=True)
class Choices:
    """Logged choices, checked.

    Attributes:
        reward: Outcome of each logged choice, in the metric's unit. Shape (n,).
        weight: How much more often the target makes that choice than the logging policy did. Shape (n,).
        unit: The number of whose choice each is, from 0. Shape (n,).
        untried: What share of the target's chance at each choice lies on what could not have been logged; None when nobody knows.
    """

    reward: Array
    weight: Array
    unit: Array
    untried: Array | None = None

    @staticmethod
    def of(reward: Any, propensity: Any, target: Any, unit: Any = None, untried: Any = None) -> Choices:
        """Return checked choices; see `off_policy.ips` for the columns.

        Raises:
            BadInput: A reward is missing, a probability is out of range, or the columns differ in length.
            Refused: A propensity is missing or 0.
        """
        reward = finite("reward", reward)
        chance = known_chances(propensity, len(reward))
        weight = shares("target", target, len(reward)) / chance
        return Choices(reward, weight, units(unit, len(reward)), _untried(untried, len(reward)))

    @staticmethod
    def weighted(reward: Any, weight: Any, unit: Any = None, untried: Any = None) -> Choices:
        """Return checked choices whose weights are known already: those of slates. Weights may be negative."""
        reward = finite("reward", reward)
        return Choices(reward, finite("weight", weight, len(reward)), units(unit, len(reward)), _untried(untried, len(reward)))

    @property
    def units(self) -> int:
        """How many units there are."""
        return int(self.unit.max()) + 1

    def per_unit(self, column: Array) -> Array:
        """Return a column's sum over the choices of each unit. Shape (units,)."""
        return column if self.units == len(column) else np.bincount(self.unit, weights=column, minlength=self.units)


def known_chances(propensity: Any, rows: int) -> Array:
    """Return propensities, each in (0, 1].

    Raises:
        BadInput: One is above 1, or there are too few or too many.
        Refused: One is missing or not above 0.
    """
    column = np.asarray(propensity, dtype=np.float64)
    unknown = int((~(column > 0)).sum())
    if unknown:
        raise Refused(
            Reason.NO_SUPPORT,
            f"propensity is missing or not above 0 in {unknown} of {column.size} rows: nobody can say what was left out there; "
            f"use decisions whose chooser drew by chance and logged it",
            field="propensity",
        )
    return numbers("propensity", column, rows, high=1.0)


def units(unit: Any, rows: int) -> Array:
    """Return the number of each row's unit, from 0; each row is its own where none are given.

    Raises:
        Refused: There is no row, or not one unit per row.
    """
    if unit is None:
        return np.arange(rows)
    column = np.asarray(unit)
    if column.shape != (rows,):
        raise Refused(Reason.NOT_A_NUMBER, f"unit has the shape {column.shape} and {rows} rows are judged: pass one per row", field="unit")
    return np.unique(column.astype(str) if column.dtype == object else column, return_inverse=True)[1]


def _untried(untried: Any, rows: int) -> Array | None:
    return None if untried is None else shares("untried", untried, rows)
