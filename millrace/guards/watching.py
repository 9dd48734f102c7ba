"""What guardrails are made of: each folds observations, in their order, into evidence. What order they come in parts does not matter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from millrace.experiments.budget import in_turn
from millrace.experiments.rate_ratio import RateRatio
from millrace.guards.finding import Finding, Means, percent
from millrace.guards.once import Once
from millrace.types import Array, Columns, take

MOST_CATEGORIES = 20
"""How many categories are told apart: those that turn up first."""


class Watch(Protocol):
    """Evidence that grows with what is observed."""

    def see(self, seen: Columns) -> None:
        """Take in observations, in the order in which they were made: `unit`, `treated`, `share` and what the guardrail is about."""
        ...

    def findings(self) -> list[Finding]:
        """Return what was found so far, a finding per test; their parts make 1 at most."""
        ...


class Happening:
    """Watches how often something happens: every unit's first time counts, by whose it is.

    Args:
        guard: What happens, for the reader.
        times: How many times as often it may happen to the canary.
        mark: Which observations it happened to; NaN where that cannot be said.
        verb: "it <verb> 3.0% of decisions".
        part: See `Finding`.
    """

    def __init__(self, guard: str, times: float, mark: Callable[[Columns], Array], verb: str, part: float = 1.0) -> None:
        self._guard, self._mark, self._verb, self._part = guard, mark, verb, part
        self._once, self._means, self._test = Once(), Means(), RateRatio(times)

    def see(self, seen: Columns) -> None:
        """See `Watch`."""
        marked = self._mark(seen)
        self._means.see(seen["treated"], marked)
        events = take(seen, np.flatnonzero(marked == 1.0))
        kept, fair = self._once.admit(events.get("unit"), events["treated"], events["share"])
        self._test.see(events["treated"][kept], fair)

    def findings(self) -> list[Finding]:
        """See `Watch`."""
        champion, canary = self._means.champion, self._means.canary
        said = f"it {self._verb} {percent(canary)} of decisions, the champion in {percent(champion)}"
        return [Finding(guard=self._guard, champion=champion, canary=canary, evidence=self._test.wealth.peak, part=self._part, said=said)]


class Shares:
    """Watches the shares of categories, both ways: one that is much larger, or all but gone.

    A share is refused where it is proven to be more than `times` as large (or small), at a moment when it is seen to be further off than
    a margin. The proof is of each unit's first time in the category; the margin only ever spares a canary.

    Args:
        column: The observations' column of categories; None where an observation is in none.
        times: How many times larger or smaller a share may be.
        margins: How much larger, and how much smaller, whatever the ratio.
        verb: "it <verb> 'decline' in 3.0% of decisions".
    """

    def __init__(self, column: str, times: float, margins: tuple[float, float], verb: str) -> None:
        self._column, self._times, self._margins, self._verb = column, times, margins, verb
        self._seen = np.zeros(2)
        self._of: dict[str, _Share] = {}

    def see(self, seen: Columns) -> None:
        """See `Watch`."""
        seen = take(seen, np.flatnonzero(seen[self._column] != None))  # noqa: E711
        category = seen[self._column].astype(str)
        names, first = np.unique(category, return_index=True)
        for position in np.argsort(first).tolist():
            if names[position] not in self._of and len(self._of) < MOST_CATEGORIES:
                self._of[str(names[position])] = _Share(self._times, self._margins)
        sides = np.stack([~seen["treated"], seen["treated"]], axis=1)
        decisions = self._seen + np.cumsum(sides, axis=0)
        for name, one in self._of.items():
            one.see(seen, category == name, sides, decisions)
        self._seen = self._seen + sides.sum(axis=0)

    def findings(self) -> list[Finding]:
        """See `Watch`. A category that is alone is no news."""
        found = []
        for position, (name, one) in enumerate(self._of.items()) if len(self._of) > 1 else ():
            champion, canary = (float(share) if total else None for share, total in zip(one.share(self._seen), self._seen, strict=True))
            said = f"it {self._verb} {name!r} in {percent(canary)} of decisions, the champion in {percent(champion)}"
            for way, evidence in (("more", one.more), ("less", one.less)):
                guard, part = f"{self._verb} {name!r} {way}", in_turn(position) / 2
                found.append(Finding(guard=guard, champion=champion, canary=canary, evidence=evidence, part=part, said=said))
        return found


class _Share:
    """One category: how often, in either arm, and the bets on it both ways."""

    def __init__(self, times: float, margins: tuple[float, float]) -> None:
        self._margins = margins
        self._in = np.zeros(2)
        self._once = Once()
        self._ratios = RateRatio(times), RateRatio(times, more=False)
        self.more = self.less = 0.0

    def share(self, decisions: Array) -> Array:
        """Return the champion's share and the canary's, of so many decisions."""
        return self._in / np.maximum(decisions, 1)

    def see(self, seen: Columns, is_in: Array, sides: Array, decisions: Array) -> None:
        at = np.flatnonzero(is_in)
        times = self._in + np.cumsum(sides[at], axis=0)
        self._in = self._in + sides[at].sum(axis=0)
        events = take(seen, at)
        kept, fair = self._once.admit(events.get("unit"), events["treated"], events["share"])
        shares = times[kept] / np.maximum(decisions[at][kept], 1)
        beyond = shares[:, 1] - shares[:, 0]
        more, less = (ratio.see(events["treated"][kept], fair) for ratio in self._ratios)
        self.more = max(self.more, float(more[beyond > self._margins[0]].max(initial=0.0)))
        self.less = max(self.less, float(less[-beyond > self._margins[1]].max(initial=0.0)))
