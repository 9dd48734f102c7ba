"""Arms of a switchback, compared from what came of each of its slots."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from scipy import special

from millrace.errors import DeclarationError
from millrace.experiments.compared import Compared
from millrace.experiments.comparison import Arm, Asked, Comparison
from millrace.experiments.reasons import Reason, Refused
from millrace.experiments.scorecard import Scorecard
from millrace.experiments.slots import observed
from millrace.experiments.switchback import of_slots
from millrace.experiments.ways import Rows, Way
from millrace.types import Array, micros

REGION, SLOT = "region of the slot", "number of the slot"
"""The columns that say where a slot was, and the how manieth of its length since 1970 UTC it is."""


@final
@dataclass(frozen=True)
class BySlots(Way):
    """Slot by slot, within blocks of slots that follow one another, with errors by block. It is how a `TimeSlot` experiment is read.

    Attributes:
        every: How long a slot is, as "30m".
        block: Slots in a block; those in which one arm has none give no difference, so blocks of four lose one in eight.
    """

    every: str
    block: int = 4

    @property
    def labels(self) -> tuple[Any, ...]:
        """Where and when each slot was."""
        return (REGION, SLOT)

    def compare(self, metric: str, rows: Rows, asked: Asked) -> Comparison:
        """Return how the treatment compares with the control; each slot counts once, by its total or its ratio. See `switchback`."""
        return of_slots(metric, *self._slots(rows), asked)

    def figure(self, name: str, rows: Rows) -> Arm | None:
        """Return the figure of all slots, with the variance that they have in a comparison of two arms of one size.

        What blocks differ by is not in it; that slots are drawn one by one is: a block gives no more than its fewer arm's slots tell.
        """
        plan, came = self._slots(rows)
        block, came = np.unique(plan["block"][np.isfinite(came)], return_inverse=True)[1], came[np.isfinite(came)]
        n, blocks = len(came), int(block.max(initial=-1)) + 1
        if n <= blocks or blocks < 2:
            raise Refused(Reason.FEW_CLUSTERS, f"{name} has {n} slots in {blocks} blocks: read a longer time", name)
        means = np.bincount(block, weights=came) / np.bincount(block)
        within = float(((came - means[block]) ** 2).sum()) / (n - blocks)
        return Arm(name=name, value=float(came.mean()), variance=within * self._cost() / n, units=len(rows.arms.top), df=blocks - 1.0)

    def _slots(self, rows: Rows) -> tuple[dict[str, Array], Array]:
        """Return (the plan as it was run, what came of each of its slots; NaN where nothing was to divide by)."""
        region, number = rows.labels[REGION], rows.labels[SLOT].astype(np.int64)
        plan = observed(region, number * micros(self.every), rows.arms.treated, self.every, self.block)
        with np.errstate(divide="ignore", invalid="ignore"):
            came = np.where(rows.arms.bottom > 0, rows.arms.top / rows.arms.bottom, np.nan)
        order = np.lexsort((number, np.unique(region, return_inverse=True)[1]))  # the plan's: by region, then by time
        return plan, came[order]

    def _cost(self) -> float:
        """Return by what factor a difference varies more than were each block shared out evenly."""
        k = np.arange(1, self.block)  # slots of the treatment, where both arms have some
        chance = special.comb(self.block, k) / 2.0**self.block
        each = (1 / k + 1 / (self.block - k)) @ chance / chance.sum()
        return float(each * self.block / 4 / chance.sum())

    def redrawn(self, rng: np.random.Generator, n: int, labels: Mapping[str, Array]) -> tuple[Array, dict[str, Array]]:
        """Return (which of the slots to take, their labels) for n slots drawn anew that follow one another. Shape (n,) each."""
        at = rng.integers(0, len(labels[SLOT]), n)
        return at, {REGION: np.full(n, ""), SLOT: np.arange(n).astype(str)}


def over_slots(card: Scorecard, every: str, washout: str | None) -> Scorecard:
    """Return a scorecard whose metrics are compared slot by slot.

    Args:
        card: The scorecard.
        every: How long a slot is.
        washout: What of it is not read after a switch.

    Raises:
        DeclarationError: A metric cannot be read so.
    """
    longest = micros(every) - (micros(washout) if washout is not None else 0)
    for metric in card.metrics():
        if isinstance(metric, Compared):
            raise DeclarationError(f"{metric.name}: a TimeSlot is compared slot by slot, with errors by block: leave by= out")
        if getattr(metric, "covariates", ()):
            raise DeclarationError(f"{metric.name}: what was known before one slot belongs to another: leave covariates out")
        after = getattr(metric, "after", None)
        if after is not None and micros(after) >= longest:
            raise DeclarationError(f"{metric.name}: after={after!r} is when the slot is over: make it shorter, or slots longer")
    return dataclasses.replace(card, by=BySlots(every))
