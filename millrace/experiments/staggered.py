"""Units treated at different times: each group against units not treated yet, period by period, and averages of these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from millrace.errors import BadInput
from millrace.experiments.comparison import Asked
from millrace.experiments.estimate import Estimate, estimated, finite
from millrace.experiments.metric import PLAIN
from millrace.experiments.reasons import Caution, Reason, Refused
from millrace.types import Array


@dataclass(frozen=True)
class GroupTime:
    """The effect on each group of units treated at the same time, in each period.

    Attributes:
        group: The first treated period of each effect's units. Shape (k,).
        period: Of each effect. Shape (k,).
        value: The effects, in the outcome's unit. Shape (k,).
        influence: What each unit contributes: an average's variance is that of its units' influences / units. Shape (units, k).
        members: How many units each effect's group has. Shape (k,).
        started: The first treated period of each unit; infinite for those never treated. Shape (units,).
        cautions: What must be known of them.
    """

    group: Array
    period: Array
    value: Array
    influence: Array
    members: Array
    started: Array
    cautions: tuple[Caution, ...]

    def overall(self, asked: Asked = PLAIN) -> Estimate:
        """Return the mean effect over treated units and their treated periods."""
        return self._mean(self.period >= self.group, "group-time effects, all treated periods", asked)

    def since(self, periods: int, asked: Asked = PLAIN) -> Estimate:
        """Return the mean effect so many periods after the treatment; below -1 it should be none.

        Raises:
            BadInput: No group was seen so long after, or before.
        """
        chosen = self.period - self.group == periods
        if not chosen.any():
            seen = sorted(set((self.period - self.group).tolist()))
            raise BadInput(f"no group was seen {periods} periods after its treatment: ask for one of {seen}", field="periods")
        return self._mean(chosen, f"group-time effects {periods:+d} periods from treatment", asked)

    def _mean(self, chosen: Array, method: str, asked: Asked) -> Estimate:
        """Return the mean weighed by the groups' sizes, which are themselves estimated and add to the error."""
        weight = self.members[chosen] / self.members[chosen].sum()
        value = float(weight @ self.value[chosen])
        mine = self.started[:, None] == self.group[chosen]
        share = self.members[chosen].sum() / len(self.started)
        # A unit more of a group moves the mean by that group's effect less the mean.
        doubt = ((mine - self.members[chosen] / len(self.started)) @ (self.value[chosen] - value)) / share
        influence = self.influence[:, chosen] @ weight + doubt
        error = float(np.sqrt((influence**2).mean() / len(influence)))
        spare = len(self.started) - len(np.unique(self.started))  # a mean of changes was taken of every group, and of those never treated
        return estimated(value, error, float(max(spare, 1)), method, asked, self.cautions)


def group_time(outcome: Array, since: Array, against: Literal["never", "not yet"] = "never") -> GroupTime:
    """Return the effect on every group in every period, each by its own difference in differences.

    A group is compared with units that are never treated, or not treated yet, from the period just before its treatment on; periods
    before that are compared with the one before them. Nobody treated already serves as a control, so effects may differ between groups
    and grow with time. Right if, without the treatment, groups had changed alike, and nobody acts on it beforehand.

    Args:
        outcome: Every unit in every period. Shape (units, periods).
        since: The first treated period of each unit, numbered from 0; infinite for units never treated. Those treated in period 0 from
            the start tell nothing and are refused. Shape (units,).
        against: The controls: units that are never treated, or all not treated by then.

    Raises:
        Refused: There are no controls, nobody is treated, a group is treated from the start, or an outcome is no number.

    Source: Callaway & Sant'Anna (2021), Difference-in-Differences with Multiple Time Periods, without covariates.
    """
    finite("the outcome", outcome)
    periods = outcome.shape[1]
    groups = np.unique(since[since < periods])
    if not len(groups):
        raise Refused(Reason.EMPTY_ARM, "no unit is treated in these periods: there is no effect to find", "since")
    if groups[0] < 1:
        raise Refused(
            Reason.NO_SUPPORT, "units are treated from the first period on: nothing is known of them before; leave them out", "since"
        )
    if against == "never" and not (since >= periods).any():
        said = "no unit is never treated: compare with those not treated yet"
        raise Refused(Reason.EMPTY_ARM, said, "since")
    if (since < periods).sum() < 2:
        raise Refused(Reason.FEW_UNITS, "one unit is treated: chance cannot be told from the effect; use a synthetic control", "since")
    found: list[tuple[float, int, float, Array, int]] = []
    least = len(since)
    for group in groups:
        for period in range(1, periods):
            base = int(group) - 1 if period >= group else period - 1
            control = since >= periods if against == "never" else since > max(period, base)
            control &= since != group
            if control.any():
                least = min(least, int(control.sum()))
                value, influence = _difference(outcome[:, period] - outcome[:, base], since == group, control)
                found.append((group, period, value, influence, int((since == group).sum())))
    if not any(period >= group for group, period, *_ in found):
        raise Refused(Reason.EMPTY_ARM, "every unit is treated at once: nobody is left to compare with", "since")
    group, period, value, influence, members = (np.array(part) for part in zip(*found, strict=True))
    return GroupTime(group, period, value, influence.T, members, since, _small(members, group, least))


def _difference(change: Array, treated: Array, control: Array) -> tuple[float, Array]:
    """Return (the treated units' mean change less the controls', what each unit contributes to it)."""
    means = [float(change[side].mean()) for side in (treated, control)]
    influence = np.zeros(len(change))
    for side, mean, sign in ((treated, means[0], 1.0), (control, means[1], -1.0)):
        influence[side] = sign * (change[side] - mean) * len(change) / side.sum()
    return means[0] - means[1], influence


def _small(members: Array, group: Array, controls: int) -> tuple[Caution, ...]:
    """Return what must be known where an effect rests on fewer than five units, treated or not."""
    least = int(members.min())
    if min(least, controls) >= 5:
        return ()
    whose = (
        f"the group treated from period {group[members.argmin()]:g} on has {least} units" if least < 5 else f"{controls} units are controls"
    )
    return (Caution(Reason.FEW_UNITS, f"{whose} in some effect: its error is too small; join groups, or find more units"),)
