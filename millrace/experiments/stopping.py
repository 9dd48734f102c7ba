"""Stop rules: after a look, stop or go on, and what each rule keeps to its level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from scipy import special

from millrace.errors import BadInput
from millrace.experiments.comparison import AT_ANY_LOOK, AT_ONE_LOOK, Alternative, chance
from millrace.experiments.group_sequential import boundaries
from millrace.experiments.horizon import farthest, log_ever
from millrace.experiments.looks import AT_PLANNED_LOOKS, UP_TO_THE_END, Look, Standing, units_and_z
from millrace.experiments.normal_mixture import boundary, log_evidence, tuned_ratio
from millrace.experiments.reasons import Caution, Reason
from millrace.experiments.repeated import repeated_log_p
from millrace.experiments.spending import ObrienFleming, Spending
from millrace.types import Array

MOST_LOOKS = 400


class _Planned(msgspec.Struct, frozen=True, kw_only=True):
    """What all rules are told.

    Attributes:
        planned: After how many units, of both arms together, the test is to end.
        alpha: The chance of a false alarm, both sides together, in (0, 1).
        alternative: What is to be shown of treatment - control.
        beyond: The difference the hypothesis allows, in the metric's unit; 0 but for non-inferiority.
    """

    planned: int
    alpha: float = 0.05
    alternative: Alternative = "two-sided"
    beyond: float = 0.0

    def __post_init__(self) -> None:
        if self.planned < 1 or not 0 < self.alpha < 1:
            raise BadInput(f"planned={self.planned}, alpha={self.alpha}: at least one unit, and a level within (0, 1)")

    @property
    def _sides(self) -> int:
        return 2 if self.alternative == "two-sided" else 1

    def _open(self, reach: Array) -> tuple[Array, Array]:
        """Return (low, high) of a reach, infinite to the side that is not asked about."""
        none = np.full(len(reach), np.inf)
        return (-none if self.alternative == "greater" else -reach, none if self.alternative == "less" else reach)

    def _towards(self, z: Array) -> Array:
        """Return z in the direction of what is to be shown."""
        return {"two-sided": np.abs(z), "greater": z, "less": -z}[self.alternative]


class Fixed(_Planned, frozen=True, tag=True):
    """One test, at the first look with the planned units; no earlier look decides anything, and no later one.

    The most powerful of all, and the only one that says nothing before its end: fourteen looks at a test for one, acted on, are a false
    alarm in a fifth of the cases rather than in a twentieth.
    """

    def at(self, looks: Sequence[Look], *, final: bool = False) -> Standing:
        """Return where looks, in their order, stand; `final` as in `decide`."""
        n, z = units_and_z(looks, self.beyond)
        done = np.flatnonzero(n >= (min(self.planned, n[-1]) if final else self.planned))
        decides = np.arange(len(z)) == (done[0] if len(done) else -1)
        reach = np.where(decides, -special.ndtri(self.alpha / self._sides), np.inf)
        low, high = self._open(reach)
        log_p = chance(float(z[done[0]]), np.inf, self.alternative)[1] if len(done) else 0.0
        told: tuple[Caution, ...] = ()
        if not len(done):
            told = (Caution(Reason.PEEKED, _peeked(int(n[-1]), self.planned)),)
        return Standing(z, high, low, _unsaid(z), log_p, bool(len(done)), "one planned look", AT_ONE_LOOK, told)


class GroupSequential(_Planned, frozen=True, tag=True):
    """Looks at any times, their boundaries found so that all false alarms together keep to the level; see `group_sequential.boundaries`.

    Attributes:
        spending: How the level is spent over the units.
        beta: Above 0, in one-sided plans: say at which looks there is little hope, spending this chance to miss the planned effect.
    """

    spending: Spending = ObrienFleming()
    beta: float = 0.0

    def at(self, looks: Sequence[Look], *, final: bool = False) -> Standing:
        """Return where looks, in their order, stand; those after the first at the planned end decide nothing; `final` as in `decide`."""
        n, z = units_and_z(looks, self.beyond)
        times = n / self.planned
        used = int((times < 1).sum()) + bool((times >= 1).any())
        if used > MOST_LOOKS:
            raise BadInput(f"{used} looks are more than {MOST_LOOKS}, whose boundaries take long to find: Anytime does not count them")
        plan = boundaries(times[:used], self.alpha, self.spending, self._sides, final=final, beta=self.beta)
        reach, futile = np.full(len(z), np.inf), _unsaid(z)
        reach[:used] = plan.high
        futile[:used] = np.where(np.isfinite(plan.futile), -plan.futile if self.alternative == "less" else plan.futile, np.nan)
        low, high = self._open(reach)
        log_p = repeated_log_p(times[:used], self._towards(z[:used]), self.spending, self._sides, final=final)
        method = f"group sequential, {plan.said}"
        return Standing(z, high, low, futile, log_p, bool(final or times[-1] >= 1), method, AT_PLANNED_LOOKS)


class Anytime(_Planned, frozen=True, tag=True):
    """Looks without number, at any time, chosen in any way: O'Brien and Fleming's boundary up to the planned end, a mixture's for ever.

    The level is divided. Most of it goes to a boundary that no path passes before the planned end with more than that chance, however
    often one looks; with nearly the power of one test there. The rest is kept for a normal mixture, which holds beyond the end too.
    By the central limit theorem. Plan for what will come at most: a look past the planned end has only what was kept.

    Attributes:
        kept: The part of the level that is kept for the mixture, in [0, 1]. 1 is the asymptotic confidence sequence alone, which
            needs a third more of a difference at the planned end; with 0 nothing may be said after it.
    """

    kept: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.kept <= 1:
            raise BadInput(f"Anytime(kept={self.kept}): must be within [0, 1]")

    def at(self, looks: Sequence[Look], *, final: bool = False) -> Standing:
        """Return where looks, in their order, stand; `final` changes no boundary."""
        n, z = units_and_z(looks, self.beyond)
        times, sides = n / self.planned, self._sides
        reach, log_p = np.full(len(z), np.inf), np.zeros(len(z))
        if self.kept < 1:
            before = times <= 1
            reach[before] = farthest(self.alpha * (1 - self.kept), sides) / np.sqrt(times[before])
            gone = np.where(before, self._towards(z) * np.sqrt(np.minimum(times, 1)), 0.0)
            log_p = np.where(before, log_ever(gone, sides) - np.log1p(-self.kept), 0.0)
        if self.kept:
            level = self.alpha * self.kept
            ratio = tuned_ratio(level, two_sided=sides == 2) * times
            reach = np.minimum(reach, boundary(ratio, level, two_sided=sides == 2))
            log_p = np.minimum(log_p, -log_evidence(self._towards(z), ratio, two_sided=sides == 2) - np.log(self.kept))
        low, high = self._open(reach)
        method = {0.0: "boundary up to the planned end", 1.0: "normal-mixture confidence sequence"}.get(
            self.kept, f"boundary up to the planned end, {self.kept:.0%} of the level kept for a normal mixture"
        )
        controls = AT_ANY_LOOK if self.kept else UP_TO_THE_END
        return Standing(z, high, low, _unsaid(z), min(float(log_p.min()), 0.0), bool(final or times[-1] >= 1), method, controls)


Rule = Fixed | GroupSequential | Anytime


class Stop(msgspec.Struct, frozen=True):
    """What a rule says after a look.

    Attributes:
        decision: "benefit" or "harm": a difference is shown. "futility": the planned effect is unlikely to be found. "not shown": the
            planned end is reached without. "go on" otherwise.
        look: At which look it fell, from 0; None to go on.
        said: The same in a sentence.
        controls: What the rule keeps to its level, in words.
        cautions: What must be known.
    """

    decision: Literal["benefit", "harm", "futility", "not shown", "go on"]
    look: int | None
    said: str
    controls: str
    cautions: tuple[Caution, ...] = ()


def decide(rule: Rule, looks: Sequence[Look], better: Literal["more", "less"] = "more", *, final: bool = False) -> Stop:
    """Return what a rule says after looks, in their order; the first that crossed a boundary counts.

    Args:
        rule: `Fixed`, `GroupSequential` or `Anytime`.
        looks: All looks so far, with units that increase; at least one.
        better: Whether more or less of the metric is a benefit.
        final: Whether the last look is the last one, for another reason than what was seen: the time is up, the traffic fell short. What is
            left of the level is spent there.

    Raises:
        BadInput: There is no look, units do not increase, or a difference has no error.

    >>> decide(Anytime(planned=1000), [Look(400, 0.2, 0.08), Look(800, 0.21, 0.055)]).said
    'stop for benefit: at look 2, with 80 % of the planned units, z = 3.82 has reached 2.53'
    """
    standing = rule.at(looks, final=final)
    up, down = standing.z >= standing.high, standing.z <= standing.low
    hopeless = (standing.z >= standing.futile) if rule.alternative == "less" else (standing.z <= standing.futile)
    stops = np.flatnonzero(up | down | hopeless)
    if not len(stops):
        if standing.ended:
            said = "the end is reached and no difference is shown"
            return Stop("not shown", len(looks) - 1, said, standing.controls, standing.cautions)
        said = f"go on: {looks[-1].n:,} of {rule.planned:,} units"
        return Stop("go on", None, said, standing.controls, standing.cautions)
    at = int(stops[0])
    bound = standing.high[at] if up[at] else standing.low[at] if down[at] else standing.futile[at]
    decision = "futility" if not (up[at] or down[at]) else "benefit" if bool(up[at]) == (better == "more") else "harm"
    share = looks[at].n / rule.planned
    verb = "is within" if decision == "futility" else "has reached"
    said = f"stop for {decision}: at look {at + 1}, with {share:.0%} of the planned units, z = {standing.z[at]:.2f} {verb} {bound:.2f}"
    return Stop(decision, at, said.replace("%", " %"), standing.controls, standing.cautions)


def _peeked(n: int, planned: int) -> str:
    return f"looked at after {n:,} of {planned:,} planned units, of which a test for one look says nothing: wait, or plan looks (Anytime)"


def _unsaid(z: Array) -> Array:
    return np.full(len(z), np.nan)
