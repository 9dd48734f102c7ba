"""The other side of an experiment's market, read from the log: how each arm's units spread what they did over those they met."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from millrace.experiments.meetings import meetings
from millrace.experiments.meetings_compared import SideFound, compare_meetings
from millrace.experiments.other_side import OtherSide
from millrace.experiments.readout import ReadOut
from millrace.experiments.reads import read_of
from millrace.experiments.reasons import Caution, Refused
from millrace.experiments.scorecard import Scorecard
from millrace.operate.history import LogHistory
from millrace.operate.unit_columns import Units
from millrace.types import Array, Columns

Sides = Mapping[str, SideFound | Caution]
"""By what the sellers are called, how they were met, or why that is not said."""


def other_sides(found: ReadOut, card: Scorecard, units: Units, columns: Columns, history: LogHistory, until: int) -> dict[str, Sides]:
    """Return by treatment what its units did with the other side, beside the control's; nothing where arms cannot be believed.

    Args:
        found: What the scorecard says.
        card: The scorecard.
        units: What reads columns of the units.
        columns: Their columns, with `arm`.
        history: The log.
        until: What was known before this instant counts, microseconds.
    """
    if found.faults or not card.other_side:
        return {}
    arm = columns["arm"].astype(str)
    told: dict[str, dict[str, SideFound | Caution]] = {treatment: {} for treatment in found.arms}
    for side in card.other_side:
        rows = units.met(read_of(side), side.of)
        known = _known(side, rows[1], history, until)
        for treatment in found.arms:
            mine = np.isin(arm, [found.control, treatment])
            try:
                met = meetings(np.flatnonzero(mine), arm[mine] == treatment, *rows, known=known)
                told[treatment][side.name] = compare_meetings(
                    side.name,
                    met,
                    arms=(found.control, treatment),
                    top=side.top,
                    confidence=found.confidence,
                    among=len(found.arms) * len(card.other_side),
                )
            except Refused as refused:
                told[treatment][side.name] = Caution(refused.reason, str(refused))
    return dict(told)


def _known(side: OtherSide, met: Array, history: LogHistory, until: int) -> int:
    """Return how many there are: those with a record, and those who were met without one."""
    recorded = history.events(side.of.refers_to, until)["id"].tolist()  # type: ignore[arg-type]
    return len({*recorded, *(one for one in met.tolist() if one is not None)})
