"""What an experiment would show after so many weeks, by what the log says of its units: how many come, and how much they vary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from millrace.errors import BadInput, NotFound
from millrace.experiments.by_slots import over_slots
from millrace.experiments.comparison import Arm
from millrace.experiments.design import Design, Inflation
from millrace.experiments.group_sequential import inflation
from millrace.experiments.horizon import inflation_at_any_time
from millrace.experiments.plan import plan
from millrace.experiments.power import detectable
from millrace.experiments.reads import on_log
from millrace.experiments.scorecard import Scorecard
from millrace.experiments.spending import Pocock
from millrace.experiments.spread import Spread
from millrace.loaded import Loaded
from millrace.operate.exposures import exposures
from millrace.operate.history import LogHistory
from millrace.operate.scanning import scan
from millrace.operate.slot_units import settled
from millrace.operate.unit_columns import Units, old_enough
from millrace.policy.assignment import TimeSlot
from millrace.policy.wrappers import Experiment
from millrace.types import DAY, Array, micros, size

WEEK = 7 * DAY
MOST_WEEKS = 26
"""Plans end within half a year, or not at all."""


class Ahead(NamedTuple):
    """What the log says of the time to come.

    Attributes:
        metric: The primary metric's name.
        figure: Its figure over all units, whatever arm they were in.
        units: How many units would have been exposed after each week. Shape (weeks,).
        detectable: The smallest effect, in the metric's unit, found with the asked power after each week; NaN before any. Shape (weeks,).
        power: The chance to find it.
        design: Level and shares.
        spread: The variance a unit brings.
    """

    metric: str
    figure: Arm
    units: Array
    detectable: Array
    power: float
    design: Design
    spread: Spread

    def weeks_for(self, effect: float, rule: str = "fixed") -> tuple[int, int] | None:
        """Return (whole weeks, units) after which an effect, in the metric's unit, is found; None where half a year is not enough.

        Args:
            effect: treatment - control.
            rule: How it will be looked at: "fixed", "group" or "pocock" (at fourteen looks), "anytime"; looking early takes
                some units more.

        Raises:
            BadInput: No number of units shows it.
        """
        needed = plan(self.spread, replace(self.design, inflation=_MORE[rule]), effect=effect, power=self.power).units
        found = np.flatnonzero(self.units >= needed)
        return (int(found[0]) + 1, int(self.units[found[0]])) if len(found) else None


_MORE: Mapping[str, Inflation] = {
    "fixed": 1.0,
    "group": lambda alpha, beta: inflation(np.arange(1, 15) / 14, alpha, beta),
    "pocock": lambda alpha, beta: inflation(np.arange(1, 15) / 14, alpha, beta, Pocock()),
    "anytime": inflation_at_any_time,
}
"""By what factor a rule needs more units than one look."""


def ahead(loaded: Loaded, history: LogHistory, experiment: Experiment, until: int, over: str = "14d", power: float = 0.8) -> Ahead:
    """Return what an experiment would show, week by week, if units came and varied as they did lately.

    All units count, whatever decided about them. Units of the first weeks are counted in the log as far as it goes; afterwards as many
    new ones are taken to come per week as came in its last. Its weakness: another season, or an effect on the variance, is not seen.

    Args:
        loaded: The system.
        history: Its log, as training reads it.
        experiment: The experiment, with a scorecard.
        until: The end of what is read, microseconds.
        over: How far back it reads for units, as "14d", besides the time that the metrics need.
        power: The chance to find an effect.

    Raises:
        NotFound: There is no scorecard, or no unit in that time.
    """
    if not isinstance(experiment.scorecard, Scorecard):
        raise NotFound(f"{loaded.name_of(experiment)} declares no scorecard=: say what it is read by, scorecard=Scorecard(Mean(...))")
    card, reads = on_log(experiment.scorecard)
    closes = max((read.closes for read in reads), default=0)
    since = until - micros(over) - closes
    seen = exposures(loaded, history, experiment, since, until, alike=True).units
    slot = experiment.unit if isinstance(experiment.unit, TimeSlot) else None
    card = over_slots(card, slot.every, slot.washout) if slot is not None else card
    ripe = old_enough(seen, reads, until) if slot is None else settled(seen, slot, reads, since, until)
    if size(ripe) < 2:
        raise NotFound(f"{size(ripe)} units were decided about in the last {over} and long enough ago: read further back with --over")
    needs = card.primary.needs()
    columns = {**ripe, **Units(loaded, history, experiment, ripe, until).columns(reads)}
    figure = card.primary.figure(
        scan({"arm": ripe["arm"], **{name: columns[name] for name in (*needs.columns(), *needs.labels)}}, needs)[""]["all"]
    )
    shares = experiment.assignment.shares
    if min(shares) <= 0:
        raise BadInput("an arm of share 0 never has units: plan without it", field="shares")
    spread, design = Spread.of(figure), Design(alpha=1 - card.confidence, shares=shares)
    taking_part = float(experiment.assignment.taking_part(until))
    units = taking_part * _weekly(np.sort(seen["first"]), max(since, int(seen["first"].min())), until)
    units = np.minimum(units, len(experiment.assignment.placed) or np.inf)
    found = np.array([_detectable(spread, each, power, design) for each in units])
    return Ahead(card.primary.name, figure, units.astype(np.int64), found, power, design, spread)


def _weekly(first: Array, since: int, until: int) -> Array:
    """Return how many units were met by the end of each week: counted while the log lasts, then as its last week brought new ones."""
    days = max((until - since) / DAY, 1e-9)
    there = int(days // 7)
    counted = [int(np.searchsorted(first, since + (week + 1) * WEEK)) for week in range(min(there, MOST_WEEKS))]
    last = len(first) - int(np.searchsorted(first, until - min(WEEK, until - since)))
    new = last * 7 / min(days, 7.0)
    more = [(counted[-1] if counted else 0) + new * (week + 1) for week in range(MOST_WEEKS - len(counted))]
    return np.array([*counted, *more], dtype=np.float64)


def _detectable(spread: Spread, units: float, power: float, design: Design) -> float:
    try:
        return detectable(spread, units, power, design)
    except BadInput:  # too few yet for any effect
        return float("nan")
