"""The figures of the bandit's demonstration: what it lost while it learned, what its own log says of others, and what it believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from millrace.demo.story import Story
from millrace.demo.thumbnails_cards import Cards
from millrace.demo.thumbnails_mind import Belief
from millrace.evaluation.off_policy import snips
from millrace.evaluation.reasons import Refused
from millrace.types import DAY, HOUR, Array

_BACK = 1.1
"""Within how much of what was lost before the change it counts as recovered."""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy earns in clicks in time per card, judged on the bandit's log; None where `refused` says why nothing can be said."""

    policy: str
    truth: float
    value: float | None = None
    low: float | None = None
    high: float | None = None
    refused: str = ""

    @property
    def holds(self) -> bool:
        """Whether the interval holds the truth."""
        return self.low is not None and self.high is not None and self.low <= self.truth <= self.high


class Believed(msgspec.Struct, frozen=True, kw_only=True):
    """What was believed of an artwork before the change and at the end: the chance of a click in time, its deviation, and the truth."""

    artwork: str
    mood: str
    before: float
    before_spread: float
    before_truth: float
    after: float
    after_spread: float
    after_truth: float


class BanditFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What the demonstration of a bandit came to.

    Attributes:
        days: Simulated days.
        cards: Cards that showed an artwork; `bandit_cards` of them were the bandit's.
        change_day: When tastes turned, in days from the start.
        lost: The mean regret of a card, in clicks, by arm: the day before the change, the day after it, the last day.
        outdated_lost: The same in the last day, of who knew all tastes up to the change and learned no more.
        hours_to_recover: From the change to the end of the first day in which the bandit lost at most a tenth more than in the day
            before it; None: never.
        best_shown: Share of the bandit's cards that showed the best artwork: the day before the change, the day after it, the last day.
        saved: Clicks that the bandit's arm did not lose and chance would have, over all of its cards.
        judged: What policies earn, judged on the bandit's own log, beside the truth.
        beliefs: What was believed of artworks of one card.
        seconds: How long it took.
    """

    days: float
    cards: int
    bandit_cards: int
    change_day: float
    lost: dict[str, list[float]]
    outdated_lost: float
    hours_to_recover: float | None
    best_shown: list[float]
    saved: float
    judged: list[Judged]
    beliefs: list[Believed]
    seconds: float

    def rows(self) -> list[tuple[str, str]]:
        """Return them as lines for people."""
        back = "never" if self.hours_to_recover is None else f"after {self.hours_to_recover:.0f} hours"
        return [
            ("cards", f"{self.cards:,} in {self.days:g} simulated days, {self.bandit_cards:,} of them the bandit's"),
            ("tastes turned", f"day {self.change_day:g}"),
            *((f"lost per 100 cards, {arm}: before, after, at the end", _arrow(lost, 100, "{:.2f}")) for arm, lost in self.lost.items()),
            ("lost per 100 cards by who learned no more: at the end", f"{self.outdated_lost * 100:.2f}"),
            ("the bandit's best artwork shown: before, after, at the end", _arrow(self.best_shown, 1, "{:.0%}")),
            ("lost no more than before", back),
            ("clicks that chance would have lost", f"{self.saved:,.0f}"),
            *((f"{one.policy} by the bandit's log, clicks per 100 cards", _said(one)) for one in self.judged),
            ("the run took", f"{self.seconds:.0f} s"),
        ]


def _arrow(values: Sequence[float], scale: float, form: str) -> str:
    return ", ".join(form.format(value * scale) for value in values)


def _said(one: Judged) -> str:
    truth = f"the truth is {one.truth * 100:.2f}"
    if one.value is None or one.low is None or one.high is None:
        return f"{one.refused}; {truth}"
    return f"{one.value * 100:.2f}  (95 % interval {one.low * 100:.2f} to {one.high * 100:.2f}; {truth})"


def bandit_figures(
    cards: Cards, beliefs: Mapping[str, Sequence[Belief]], moods: Mapping[str, str], story: Story, in_time: float, seconds: float
) -> BanditFigures:
    """Return the figures of a run that has ended.

    Args:
        cards: Every card.
        beliefs: What was believed of the artworks of one card, by artwork.
        moods: The mood of each.
        story: When tastes turned, and when it ended.
        in_time: The share of the clicks that come in time to be learned from.
        seconds: How long the run took.
    """
    times = [(story.shock - DAY, story.shock), (story.shock, story.shock + DAY), (story.end - DAY, story.end)]
    arms = {"bandit": cards.is_bandit, "uniform": ~cards.is_bandit}
    bandit = cards.is_bandit
    return BanditFigures(
        days=story.day(story.end),
        cards=len(cards.at),
        bandit_cards=int(bandit.sum()),
        change_day=story.day(story.shock),
        lost={name: [_mean(cards.lost, arm & cards.between(*time)) for time in times] for name, arm in arms.items()},
        outdated_lost=_mean(cards.best - cards.outdated, cards.between(*times[-1])),
        hours_to_recover=_recovered(cards, story),
        best_shown=[_mean(cards.is_best, bandit & cards.between(*time)) for time in times],
        saved=float((cards.shown - cards.uniform)[bandit].sum()),
        judged=_judged(cards, in_time),
        beliefs=_believed(beliefs, moods, story.shock),
        seconds=seconds,
    )


def _mean(values: Array, kept: Array) -> float:
    return float(values[kept].mean()) if kept.any() else float("nan")


def _recovered(cards: Cards, story: Story) -> float | None:
    """Return after how many hours there was a day in which a card lost hardly more than before the change."""
    before = _mean(cards.lost, cards.is_bandit & cards.between(story.shock - DAY, story.shock))
    for until in range(story.shock + DAY, story.end + 1, HOUR):
        if _mean(cards.lost, cards.is_bandit & cards.between(until - DAY, until)) <= _BACK * before:
            return (until - story.shock) / HOUR
    return None


def _judged(cards: Cards, in_time: float) -> list[Judged]:
    """Return what chance and greed earn on the bandit's cards, judged on its own log."""
    kept = cards.is_bandit & ~np.isnan(cards.clicked)
    targets = {"uniform": (1 / cards.many, cards.uniform), "greedy": (cards.would_greedy, cards.greedy)}
    out = []
    for policy, (target, worth) in targets.items():
        truth = in_time * float(worth[kept].mean())
        try:
            found = snips(cards.clicked[kept], cards.propensity[kept], target[kept], unit=cards.viewer[kept])
        except Refused as error:
            out.append(Judged(policy=policy, truth=truth, refused=str(error)))
        else:
            out.append(Judged(policy=policy, truth=truth, value=found.value, low=found.low, high=found.high))
    return out


def _believed(beliefs: Mapping[str, Sequence[Belief]], moods: Mapping[str, str], change: int) -> list[Believed]:
    """Return what was believed of the artworks that were there before the change, the best of that time first."""
    out = []
    for name, course in beliefs.items():
        earlier = [one for one in course if one.at < change]
        if earlier:
            a, b = earlier[-1], course[-1]
            figures = {"before": a.mean, "before_spread": a.spread, "after": b.mean, "after_spread": b.spread}
            out.append(Believed(artwork=name, mood=moods[name], **figures, before_truth=a.truth, after_truth=b.truth))
    return sorted(out, key=lambda one: -one.before_truth)
