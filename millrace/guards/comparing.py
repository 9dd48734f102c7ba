"""More of what guardrails are made of: those that compare what came of decisions."""

from __future__ import annotations

import numpy as np

from millrace.experiments.budget import in_turn
from millrace.guards.calibration_gap import CalibrationGap
from millrace.guards.finding import Finding, Means, percent
from millrace.guards.gap_difference import GapDifference
from millrace.guards.mean_difference import MeanDifference
from millrace.guards.once import Once
from millrace.guards.reference import Reference
from millrace.guards.watching import MOST_CATEGORIES
from millrace.types import Columns, take


class Worse:
    """Watches the mean of what came of decisions: of each unit the first that is known.

    Amounts are cut off where the first hundredth and the last of what came first lie, and counted from there: one great sale is no proof.

    Args:
        margin: How much lower it may be; of amounts as a part of their range.
        sign: 1 where more is better, -1 where less is.
        within: How much lower it must be proven not to be, likewise; None asks for no proof.
    """

    def __init__(self, margin: float, sign: int, within: float | None = None) -> None:
        self._once, self._means, self._range = Once(), Means(), Reference((0.01, 0.99))
        self._test = MeanDifference(margin, more=sign < 0)
        self._proof = MeanDifference(-within, more=sign > 0) if within is not None else None

    def see(self, seen: Columns) -> None:
        """See `Watch`."""
        came = seen["observed"] if "observed" in seen else seen["amount"]
        seen = take(seen, np.flatnonzero(~np.isnan(came)))
        came = came[~np.isnan(came)]
        self._means.see(seen["treated"], came)
        if "observed" not in seen:
            used = self._range.take(came)
            seen, came = take(seen, slice(used, None)), came[used:]
            if not len(came) or self._range.cuts is None:
                return
            low, high = self._range.cuts.tolist()
            came = np.clip((came - low) / (high - low), 0.0, 1.0) if high > low else np.full(len(came), 0.5)
        kept, fair = self._once.admit(seen.get("unit"), seen["treated"], seen["share"])
        for test in (self._test, self._proof):
            if test is not None:
                test.see(seen["treated"][kept], fair, came[kept])

    def findings(self) -> list[Finding]:
        """See `Watch`."""
        champion, canary = self._means.champion, self._means.canary
        figures = ["none yet" if one is None else f"{one:.4f}" for one in (canary, champion)]
        said = f"the outcome's mean is {figures[0]}, the champion's {figures[1]}"
        held = {"evidence": self._test.wealth.peak, "now": self._test.wealth.now}
        proof = self._proof.wealth.peak if self._proof is not None else None
        return [Finding(guard="reward", champion=champion, canary=canary, **held, proof=proof, part=1.0, said=said)]


class Strays:
    """Watches whether what happens strays from what is predicted, of each unit the first decision whose outcome is known."""

    def __init__(self, limit: float) -> None:
        self._once, self._predicted, self._observed = Once(), Means(), Means()
        self._tests = {"more": CalibrationGap(limit, more=True), "less": CalibrationGap(limit, more=False)}

    def see(self, seen: Columns) -> None:
        """See `Watch`."""
        if "observed" not in seen:
            return
        seen = take(seen, np.flatnonzero(~np.isnan(seen["observed"]) & ~np.isnan(seen["predicted"])))
        predicted = np.clip(seen["predicted"], 0.0, 1.0)
        self._predicted.see(seen["treated"], predicted)
        self._observed.see(seen["treated"], seen["observed"])
        kept, fair = self._once.admit(seen.get("unit"), seen["treated"], seen["share"])
        for test in self._tests.values():
            test.see(seen["treated"][kept], fair, predicted[kept], seen["observed"][kept])

    def findings(self) -> list[Finding]:
        """See `Watch`. The figures are what happened over what was predicted."""
        champion = _ratio(self._observed.champion, self._predicted.champion)
        canary = _ratio(self._observed.canary, self._predicted.canary)
        figures = ["none" if one is None else f"{one:.2f}" for one in (canary, champion)]
        said = f"it predicts badly: the outcome came {figures[0]} times as often as predicted, the champion's {figures[1]} times"
        return [
            Finding(guard=f"{way} than predicted", champion=champion, canary=canary, evidence=test.peak, now=test.now, part=0.5, said=said)
            for way, test in self._tests.items()
        ]


def _ratio(top: float | None, bottom: float | None) -> float | None:
    return top / bottom if top is not None and bottom else None


class Gaps:
    """Watches whether a group loses more than everyone else, for each group that turns up.

    Args:
        by: The observations' column of groups.
        margin: By how much more it may lose.
        action: What is bad for them; "" where outcomes are, as they come, good.
    """

    def __init__(self, by: str, margin: float, action: str) -> None:
        self._by, self._margin, self._action = by, margin, action
        self._once = Once()
        self._groups: dict[str, tuple[GapDifference, Means]] = {}

    def see(self, seen: Columns) -> None:
        """See `Watch`. A group is compared from its second unit on."""
        if not self._action and "observed" not in seen:
            return
        good = (seen["action"] != self._action).astype(np.float64) if self._action else seen["observed"]
        known = np.flatnonzero(~np.isnan(good))
        seen, good = take(seen, known), good[known]
        kept, fair = self._once.admit(seen.get("unit"), seen["treated"], seen["share"])
        treated, group, good = seen["treated"][kept], seen[self._by][kept].astype(str), good[kept]
        names, first = np.unique(group, return_index=True)
        began = dict.fromkeys(self._groups, 0)
        for position in np.argsort(first).tolist():
            if str(names[position]) not in self._groups and len(self._groups) < MOST_CATEGORIES:
                self._groups[str(names[position])] = (GapDifference(self._margin), Means())
                began[str(names[position])] = int(first[position]) + 1
        for name, (test, means) in self._groups.items():
            later = slice(began[name], None)
            means.see(treated[group == name], good[group == name])
            test.see(treated[later], fair[later], group[later] == name, good[later])

    def findings(self) -> list[Finding]:
        """See `Watch`. The figures are the group's own."""
        found = []
        for position, (name, (test, means)) in enumerate(self._groups.items()) if len(self._groups) > 1 else ():
            what = f"{self._action!r} passes by" if self._action else "the outcome's mean of"
            said = f"it is worse for {name!r} than for others: {what} {percent(means.canary)}, under the champion {percent(means.champion)}"
            found.append(
                Finding(
                    guard=f"gap of {name!r}",
                    champion=means.champion,
                    canary=means.canary,
                    evidence=test.wealth.peak,
                    now=test.wealth.now,
                    part=in_turn(position),
                    said=said,
                )
            )
        return found
