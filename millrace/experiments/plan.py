"""A plan in whole weeks: units, effect and power together, and how long the traffic takes to bring them."""

from __future__ import annotations

import math

import msgspec

from millrace.errors import BadInput
from millrace.experiments.design import Design
from millrace.experiments.power import detectable, power_of, units_for
from millrace.experiments.spread import Spread


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What an experiment will need, and what it will show.

    Attributes:
        units: Of all arms together.
        arms: Units per arm, the control's first.
        effect: The effect that is shown with chance `power`, in the metric's unit.
        relative: The same as a part of the control's value; None where that is 0.
        power: The chance to show it.
        alpha: The chance of a false alarm over all comparisons.
        weeks: How many whole weeks the traffic takes; None where it was not given.
    """

    units: int
    arms: tuple[int, ...]
    effect: float
    relative: float | None
    power: float
    alpha: float
    weeks: int | None = None


def plan(
    spread: Spread,
    design: Design | None = None,
    *,
    units: int | None = None,
    effect: float | None = None,
    relative: float | None = None,
    power: float | None = None,
    daily: float | None = None,
) -> Plan:
    """Return a plan from any two of {units, effect, power}; where power is the third and nothing is said of it, it is 0.8.

    With `daily` the units are rounded up to whole weeks, as days of a week differ, and what those weeks give is said: more power than was
    asked for, or a smaller effect. The test planned is that of the absolute difference, also where the effect is given as a part.

    Args:
        spread: The control's value and what variance a unit brings.
        design: Level, side, margin, shares; two arms of one size at 5 % by default.
        units: Of all arms together.
        effect: In the metric's unit.
        relative: The effect as a part of the control's value, in place of `effect`.
        power: In (alpha, 1).
        daily: How many *new* units the experiment gets per day; who comes back was counted.

    Raises:
        BadInput: All three are given, or only power; or no plan exists.

    >>> made = plan(Spread(value=0.1, variance=0.09, is_share=True, per_df=0), relative=0.05, daily=10_000)
    >>> made.weeks, made.units, round(made.power, 3)
    (2, 140000, 0.87)
    """
    design = Design() if design is None else design
    effect = _absolute(spread, effect, relative)
    if effect is None and units is None:
        raise BadInput("say how many units there are, or which effect is to be shown")
    if None not in (units, effect, power):
        raise BadInput("units, effect and power follow from one another: leave out the one that is asked for")
    asked = 0.8 if power is None else power
    if units is None:
        assert effect is not None
        units = units_for(spread, effect, asked, design)
        weeks = whole_weeks(units, daily) if daily is not None else None
        units = units if weeks is None or daily is None else math.floor(weeks * 7 * daily)
    else:
        weeks = whole_weeks(units, daily) if daily is not None else None
        effect = detectable(spread, units, asked, design) if effect is None else effect
    return Plan(
        units=units,
        arms=tuple(math.floor(units * each + 1e-9) for each in design.shares),
        effect=effect,
        relative=effect / abs(spread.value) if spread.value else None,
        power=power_of(spread, units, effect, design),
        alpha=design.alpha,
        weeks=weeks,
    )


def whole_weeks(units: float, daily: float) -> int:
    """Return in how many whole weeks so many units come in, at `daily` new ones a day.

    >>> whole_weeks(100_000, daily=10_000)
    2
    """
    if not daily > 0:
        raise BadInput(f"daily={daily}: no units come in, so no plan ends", field="daily")
    return max(math.ceil(units / (7 * daily) - 1e-9), 1)


def _absolute(spread: Spread, effect: float | None, relative: float | None) -> float | None:
    if relative is None:
        return effect
    if effect is not None:
        raise BadInput("the effect is given twice, in the metric's unit and as a part: keep one", field="relative")
    if not spread.value:
        raise BadInput("the control's value is 0, so an effect is no part of it: give it in the metric's unit", field="relative")
    return relative * abs(spread.value)
