"""Was the gap of a synthetic control more than chance? The same is done where nothing happened: to other units, at other times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from millrace.errors import BadInput
from millrace.experiments.reasons import Caution, Reason, Refused
from millrace.experiments.synthetic_control import Panel, SyntheticControl, synthetic_control
from millrace.types import Array


@dataclass(frozen=True)
class InSpace:
    """The treated unit among its donors, each of which was pretended to be treated.

    Attributes:
        p_value: The share of units, the treated one among them, whose ratio is at least the treated one's; never below 1 / units.
        ratios: The gap after in terms of the gap before, the treated unit's first. Shape (units,).
        units: Which unit each ratio is of. Shape (units,).
        cautions: What must be known of it.
    """

    p_value: float
    ratios: Array
    units: Array
    cautions: tuple[Caution, ...]


def in_space(panel: Panel, fit: SyntheticControl, *, starts: int = 8, seed: int = 0, at_most: float = float("inf")) -> InSpace:
    """Return how the treated unit's gap ranks among those of donors that were not treated.

    The p-value is exact if the treated unit had been drawn from them at random; in truth it seldom was, so it says how unusual the gap
    is, not how sure. Donors fitted badly have small ratios and do no harm; `at_most` leaves them out all the same, as is often done.

    Args:
        panel: Outcomes and predictors.
        fit: The treated unit's own.
        starts: How often each placebo's search begins.
        seed: Of the drawn starts.
        at_most: Donors whose gap before is more than this many times the treated unit's are left out.

    Source: Abadie, Diamond & Hainmueller (2010), section 3.4.
    """
    others = panel.without(panel.treated)
    ratios, units = [fit.ratio], [panel.treated]
    for place, unit in enumerate(panel.donors.tolist()):
        each = synthetic_control(replace(others, treated=place), starts=starts, seed=seed, worst=float("inf"))
        if each.before <= at_most * fit.before:
            ratios.append(each.ratio)
            units.append(unit)
    cautions: tuple[Caution, ...] = ()
    if len(ratios) < 20:
        said = f"with {len(ratios) - 1} placebos the p-value cannot be below {1 / len(ratios):.2g}"
        cautions = (Caution(Reason.FEW_UNITS, f"{said}: have at least 19 donors to show anything at 5 %"),)
    found = np.array(ratios)
    return InSpace(float((found >= found[0]).mean()), found, np.array(units), cautions)


def in_time(panel: Panel, since: int, *, starts: int = 30, seed: int = 0) -> SyntheticControl:
    """Return the synthetic control for a treatment pretended at an earlier period: its gap should be none.

    Args:
        panel: Outcomes and predictors; predictors must be of before the pretended treatment.
        since: The pretended first period, before the true one.
        starts: How often the search begins.
        seed: Of the drawn starts.

    Raises:
        BadInput: The pretended treatment is not before the true one.
        Refused: See `synthetic_control`.
    """
    if since >= panel.since:
        raise BadInput(f"since={since} is not before the treatment at {panel.since}: pretend an earlier one", field="since")
    return synthetic_control(Panel(panel.outcome[:, : panel.since], panel.treated, since, panel.predictors), starts=starts, seed=seed)


class LeftOut(NamedTuple):
    """What the answer would be without a donor.

    Attributes:
        donor: Which unit was left out.
        effect: The effect without it; NaN where no fit is good enough without it.
        before: The root mean squared gap before the treatment; NaN likewise.
    """

    donor: int
    effect: float
    before: float


def leave_one_out(panel: Panel, fit: SyntheticControl, *, starts: int = 8, seed: int = 0) -> list[LeftOut]:
    """Return the effect without each donor of any weight: an effect that hangs on one of them is that donor's story as much.

    Args:
        panel: Outcomes and predictors.
        fit: With all donors.
        starts: How often each search begins.
        seed: Of the drawn starts.
    """
    found: list[LeftOut] = []
    for donor in panel.donors[fit.weights > 0.01].tolist():
        try:
            each = synthetic_control(panel.without(donor), starts=starts, seed=seed)
        except Refused:
            found.append(LeftOut(donor, float("nan"), float("nan")))
        else:
            found.append(LeftOut(donor, each.effect, each.before))
    return found
