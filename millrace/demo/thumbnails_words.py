"""What happened to the bandit, in plain words with their figures."""

from __future__ import annotations

from millrace.demo.thumbnails_figures import BanditFigures, Judged
from millrace.types import Columns


def told(found: BanditFigures, card: Columns) -> list[str]:
    """Return the story of a run, a paragraph each.

    Args:
        found: The figures.
        card: The card whose artworks were asked about: a viewer, a video, a row. Shape (1,) each.
    """
    return [_learned(found), _turned(found), _outdated(found), *(_judged(one) for one in found.judged), *_believed(found, card)]


def _learned(found: BanditFigures) -> str:
    bandit, uniform = found.lost["bandit"][0], found.lost["uniform"][0]
    drawn = found.cards - found.bandit_cards
    return (
        f"The bandit chose the artwork of {found.bandit_cards:,} cards; for the other {drawn:,}, an arm of the same experiment, it was "
        f"drawn. In the 24 hours before tastes turned 100 of the bandit's lost {bandit * 100:.2f} clicks against the best artworks there "
        f"were, and 100 drawn ones {uniform * 100:.2f}. Of its cards {found.best_shown[0]:.0%} showed the very best."
    )


def _turned(found: BanditFigures) -> str:
    _, turned, end = found.lost["bandit"]
    if found.hours_to_recover is None:
        back = "It did not come back to within a tenth of what it lost before"
    else:
        back = f"{found.hours_to_recover:.0f} hours after the change it had a day in which it lost at most a tenth more than before"
    return (
        f"On day {found.change_day:g} tastes turned, and nobody was told. In the 24 hours that followed 100 cards lost {turned * 100:.2f}. "
        f"{back}; on the last day it was {end * 100:.2f}."
    )


def _outdated(found: BanditFigures) -> str:
    end, uniform = found.lost["bandit"][2], found.lost["uniform"][2]
    which = "more" if found.outdated_lost > end else "less"
    return (
        f"Somebody who knew all tastes as they were before, and learned nothing since, would have lost {found.outdated_lost * 100:.2f} on "
        f"that day, {which} than the bandit, which was never told any; drawing lost {uniform * 100:.2f}. Over the whole run the bandit was "
        f"clicked about {found.saved:,.0f} times more than its cards would have been with artworks drawn."
    )


def _judged(one: Judged) -> str:
    policy = {"uniform": "drawing an artwork", "greedy": "always showing what looks best, with no exploration,"}[one.policy]
    if one.value is None or one.low is None or one.high is None:
        return f"Of what {policy} would earn the bandit's log says nothing: {one.refused}"
    holds = "inside" if one.holds else "outside"
    return (
        f"The bandit's log alone says that {policy} would earn {one.value * 100:.2f} clicks in time per 100 cards (95 % interval "
        f"{one.low * 100:.2f} to {one.high * 100:.2f}). The world knows: {one.truth * 100:.2f}, {holds} the interval."
    )


def _believed(found: BanditFigures, card: Columns) -> list[str]:
    """Return what was believed of the artwork that was best before tastes turned, and of the one that is best at the end."""
    if not found.beliefs:
        return []
    first, last = found.beliefs[0], max(found.beliefs, key=lambda one: one.after_truth)
    said = (
        f"On the first row, for the viewer {card['viewer'][0]}, {first.artwork} ({first.mood}) was the best artwork of {card['video'][0]} "
        f"before tastes turned: the chance of a click in time was {first.before_truth:.1%}, and {first.before:.1%} ± "
        f"{2 * first.before_spread:.1%} (two deviations) was believed."
    )
    if last is first:
        now = f"It still is: {first.after_truth:.1%}, and {first.after:.1%} ± {2 * first.after_spread:.1%} is believed."
    else:
        now = (
            f"Of those it was compared with, {last.artwork} ({last.mood}) is the best at the end: {last.before_truth:.1%} became "
            f"{last.after_truth:.1%}, and what was believed of it went from {last.before:.1%} ± {2 * last.before_spread:.1%} to "
            f"{last.after:.1%} ± {2 * last.after_spread:.1%}."
        )
    near = sum(abs(one.after - one.after_truth) <= 2 * one.after_spread for one in found.beliefs)
    held = f"At the end {near} of {len(found.beliefs)} hold the truth within two deviations: a belief is about what the features can tell."
    return [f"{said} {now} {held}"]
