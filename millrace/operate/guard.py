"""The guard of a canary: is the new release worse than the champion beside it? A function of what was observed, in its order."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from millrace.experiments.budget import bar
from millrace.guards.finding import Finding
from millrace.guards.guardrails import Guardrail
from millrace.types import Columns

_LEAST = 200
"""How many rows each side must have for a canary that looks as good to go on, whatever number of units is asked for."""
_SUSPECT = 20.0
"""Odds that keep a canary where it is though they prove nothing: one that is no worse ever comes so far by a test in 5 % at most."""
_UNEASY = 1.5
"""So do these, as long as a test of outcomes stands at them (times its part): one that is no worse does at one moment in twenty."""
_MOST = 700.0
"""The largest logarithm of odds that is written as a number."""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One test of one guardrail, at the moment of a verdict.

    Attributes:
        guard: What is tested.
        champion: The champion's figure, None while it has none.
        canary: The canary's.
        evidence: The most that betting against "the canary is no worse" has made of 1 so far; its natural logarithm.
        bar: What evidence takes the canary back, likewise.
        odds: The evidence as odds against "the canary is no worse", 1 at the beginning.
        odds_needed: The odds that take the canary back.
        odds_now: The odds at present, where `odds` are the highest so far; null of tests that count events.
        odds_proven: The odds against "the canary is worse by more than the margin that must be proven"; null where none must.
        said: What is wrong, if it reaches the bar.
    """

    guard: str
    champion: float | None
    canary: float | None
    evidence: float
    bar: float
    odds: float = 1.0
    odds_needed: float = 1.0
    odds_now: float | None = None
    odds_proven: float | None = None
    said: str

    @property
    def is_worse(self) -> bool:
        """Whether the canary is proven worse here."""
        return self.evidence >= self.bar


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the guard thinks of a canary, and on what.

    Attributes:
        until: What was known up to this instant was seen, microseconds since 1970 UTC.
        canary: How many decisions of the canary were seen.
        champion: How many of the champion beside it.
        alarm: The chance that a canary no worse than its champion is ever taken back, over all tests and looks.
        tests: Every test as it stands.
        healthy: Whether it may stay.
        founded: Whether enough was seen in this step for it to go on.
        suspect: Whether it looks worse somewhere, though that is not proven: it stays where it is while it does, or until its time is over.
        shown: Whether all that must be proven before it goes on is: that it is within margins, where a guardrail names one.
        reason: Why, in a sentence.
    """

    until: int
    canary: int
    champion: int
    alarm: float
    tests: list[Judged]
    healthy: bool
    founded: bool
    suspect: bool = False
    shown: bool = True
    reason: str


class Judge:
    """Folds observations of a rollout into verdicts; the same observations in the same order give the same verdict, however parted.

    Under the hypothesis that nothing gets worse, each unit's arm is a draw that has nothing to do with what becomes of it, and each test
    bets on those draws: so whoever looks at any time, and acts on what is seen, is wrong with the chance of `alarm` at most. It needs no
    law of what is observed: rates may change by the hour, and rows of one unit hang together, as a unit speaks once.

    Args:
        guards: What is watched.
        alarm: The chance of a false alarm, for the whole rollout.
        step: When its present step began, microseconds: what was decided since then founds a verdict.
        least: How many units each side must have for a verdict to be founded; with an outcome that is known, where one is watched.
    """

    def __init__(self, guards: Sequence[Guardrail], alarm: float, step: int, least: int = 10) -> None:
        self._alarm = alarm
        self._watches = [(guard, guard.watch()) for guard in guards]
        self._decisions = [0, 0]
        self._until = 0
        self._least = least
        self._step, self._enough, self._known = step, _Enough(least), _Enough(least)

    def begin(self, step: int) -> None:
        """Begin another step, if it is another: evidence stays, and what founds a verdict is counted anew."""
        if step != self._step:
            self._step, self._enough, self._known = step, _Enough(self._least), _Enough(self._least)

    def see(self, seen: Columns) -> None:
        """Take in decisions, in the order in which they were logged.

        Args:
            seen: A row per decision: `unit`, `treated` (the canary's), `share` (the canary's then), `at`, `known`, `rows` (how many it
                took), and what guardrails read: `missed`, `took_us`, `action`, `score`, the groups.
        """
        if not len(seen["treated"]):
            return
        self._until = int(seen["known"].max())
        canary = int(seen["treated"].sum())
        self._decisions = [self._decisions[0] + len(seen["treated"]) - canary, self._decisions[1] + canary]
        self._enough.count(seen, seen["at"] >= self._step)
        for guard, watch in self._watches:
            if not guard.on_outcome:
                watch.see(seen)

    def came(self, of: Sequence[Guardrail], seen: Columns) -> None:
        """Take in what came of decisions, in the order in which that was known for good.

        Args:
            of: The guardrails that read this outcome.
            seen: As for `see`, with `observed` (or `amount`), NaN where it could not be seen, and `predicted`.
        """
        came = seen["observed"] if "observed" in seen else seen["amount"]
        self._known.count(seen, (seen["at"] >= self._step) & ~np.isnan(came))
        for guard, watch in self._watches:
            if any(guard is one for one in of):
                watch.see(seen)

    def verdict(self) -> Verdict:
        """Return the verdict on all that was seen."""
        found = [one for _, watch in self._watches for one in watch.findings()]
        tests = [self._judged(one) for one in found]
        worse = [one for one in tests if one.is_worse]
        healthy, founded = not worse, bool(worse) or (self._enough.both and (self._known.both or not self._on_outcomes))
        shown = all(one.proof is None or one.proof >= -math.log(self._alarm) for one in found)
        reason = max(worse, key=_excess).said if worse else self._still(tests)
        champion, canary = self._decisions
        seen = {"until": self._until, "canary": canary, "champion": champion, "alarm": self._alarm}
        suspect = any(map(_is_suspect, found))
        return Verdict(tests=tests, healthy=healthy, founded=founded, suspect=suspect, shown=shown, reason=reason, **seen)

    def _judged(self, one: Finding) -> Judged:
        needed = bar(self._alarm, one.part / len(self._watches))
        return Judged(
            guard=one.guard,
            champion=one.champion,
            canary=one.canary,
            evidence=one.evidence,
            bar=needed,
            odds=_number(one.evidence),
            odds_needed=_number(needed),
            odds_now=_number(one.now) if one.now is not None else None,
            odds_proven=_number(one.proof) if one.proof is not None else None,
            said=one.said,
        )

    @property
    def _on_outcomes(self) -> bool:
        return any(guard.on_outcome for guard, _ in self._watches)

    def _still(self, tests: list[Judged]) -> str:
        """Return why a canary that is not proven worse may stay."""
        if not self._enough.both:
            return f"{self._enough.canary} rows decided by the canary: too few to judge"
        if self._on_outcomes and not self._known.both:
            return "it answers as the champion does; too few outcomes are known yet"
        reward = next((one for one in tests if one.guard == "reward"), None)
        if reward is None or reward.canary is None or reward.champion is None:
            return "it answers and acts as the champion does"
        most = max(tests, key=_excess)
        proof = f"no harm is proven, by evidence of {odds(most.evidence)} where {odds(most.bar)} is needed"
        if reward.odds_proven is not None:
            proof += f"; that it is within its margin, by {odds(math.log(reward.odds_proven))} where {odds(-math.log(self._alarm))} is"
        return f"the outcome's mean is {reward.canary:.4f}, the champion's {reward.champion:.4f}; {proof}"


def _is_suspect(one: Finding) -> bool:
    return one.evidence >= math.log(_SUSPECT) or (one.now is not None and one.now >= math.log(_UNEASY / one.part))


def _number(evidence: float) -> float:
    return math.exp(min(evidence, _MOST))


def _excess(test: Judged) -> float:
    return test.evidence - test.bar


class _Enough:
    """Whether both sides have decided enough rows, by so many units at least, to be told apart."""

    def __init__(self, least: int) -> None:
        self._least = least
        self._rows = [0, 0]
        self._units: tuple[set[str], set[str]] = (set(), set())

    def count(self, seen: Columns, mask: np.ndarray) -> None:
        for side in (0, 1):
            mine = np.flatnonzero(mask & (seen["treated"] == bool(side)))
            self._rows[side] += int(seen["rows"][mine].sum())
            if len(self._units[side]) < self._least:
                self._units[side].update(seen["unit"][mine].tolist())

    @property
    def canary(self) -> int:
        return self._rows[1]

    @property
    def both(self) -> bool:
        return min(self._rows) >= _LEAST and min(map(len, self._units)) >= self._least


def odds(evidence: float) -> str:
    """Return evidence as people read it: what betting has made of 1.

    >>> odds(0.0), odds(math.log(1600)), odds(80.0)
    ('1', '1,600', '10^34')
    """
    return f"{math.exp(evidence):,.0f}" if evidence < math.log(1e9) else f"10^{math.floor(evidence / math.log(10))}"
