"""The page of the bandit's demonstration: what it lost, what it showed, what its log tells, and what it believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from millrace.demo.plots import ALARM, BEST, INK, OURS, THEIRS, rendered, styled
from millrace.demo.story import Story
from millrace.demo.thumbnails_cards import Cards
from millrace.demo.thumbnails_figures import BanditFigures, Believed, Judged
from millrace.demo.thumbnails_mind import Mind
from millrace.demo.thumbnails_words import told
from millrace.types import DAY, HOUR, Array

_WORKS = ((OURS, "rgba(11,114,133,0.15)"), (ALARM, "rgba(201,42,42,0.12)"), (BEST, "rgba(232,163,61,0.15)"))
"""The colours of artworks and of what is within two deviations."""


def bandit_page(found: BanditFigures, cards: Cards, mind: Mind, story: Story) -> str:
    """Return the page as HTML.

    Args:
        found: The figures.
        cards: Every card that was decided.
        mind: What was believed of one of them.
        story: When tastes turned, and when it ended.
    """
    hours = np.arange(story.start + HOUR, story.end + 1, HOUR)
    plots = [_lost(cards, hours, story), _shown(cards, hours, story), _judged(found.judged), _beliefs(found, mind, story)]
    return rendered("thumbnails.html", plots, found=found, told=told(found, mind.card))


def _lost(cards: Cards, hours: Array, story: Story) -> Any:
    """Return the clicks lost so far, each arm's as if it had chosen for all cards."""
    bandit, all_ = cards.is_bandit, np.ones(len(cards.at), dtype=bool)
    lines = {
        "uniform: any artwork alike": (THEIRS, "solid", _so_far(cards, cards.lost, ~bandit, hours)),
        "all tastes known up to the change, nothing learned since": (INK, "dash", _so_far(cards, cards.best - cards.outdated, all_, hours)),
        "the bandit": (OURS, "solid", _so_far(cards, cards.lost, bandit, hours)),
        "the best that is reachable": (BEST, "solid", np.zeros(len(hours))),
    }
    figure = _lines(lines, hours, story)
    figure.update_yaxes(title="clicks lost so far", rangemode="tozero")
    return styled(figure, "Regret: clicks lost against the best artwork of each card, as if each had chosen for all cards")


def _so_far(cards: Cards, lost: Array, kept: Array, hours: Array) -> Array:
    """Return what the cards kept had lost by each hour, scaled from their number to that of all cards."""
    total = np.concatenate([[0.0], np.cumsum(lost[kept])])
    return total[np.searchsorted(cards.at[kept], hours)] * (len(kept) / max(int(kept.sum()), 1))


def _shown(cards: Cards, hours: Array, story: Story) -> Any:
    bandit = cards.is_bandit
    lines = {
        "the bandit showed the best": (OURS, "solid", _of_a_day(cards, cards.is_best, bandit, hours, story)),
        "chance showed the best": (THEIRS, "solid", _of_a_day(cards, cards.is_best, ~bandit, hours, story)),
        "the propensity of the bandit's favourite: how sure it is": (OURS, "dot", _of_a_day(cards, cards.favourite, bandit, hours, story)),
    }
    figure = _lines(lines, hours, story)
    figure.update_yaxes(title="of the cards of 24 hours", rangemode="tozero", tickformat=".0%")
    return styled(figure, "How often the best artwork was shown, and how sure the bandit was of its choice")


def _of_a_day(cards: Cards, values: Array, kept: Array, hours: Array, story: Story) -> Array:
    """Return the mean over the cards of the 24 hours before each hour; it begins when there are 12 of them."""
    at, total = cards.at[kept], np.concatenate([[0.0], np.cumsum(values[kept])])
    first, last = np.searchsorted(at, hours - DAY), np.searchsorted(at, hours)
    there = (last > first) & (hours >= story.start + DAY // 2)
    return np.where(there, (total[last] - total[first]) / np.maximum(last - first, 1), np.nan)


def _lines(lines: Mapping[str, tuple[str, str, Array]], hours: Array, story: Story) -> Any:
    from plotly import graph_objects as go

    figure = go.Figure()
    days = [story.day(at) for at in hours.tolist()]
    for name, (colour, dash, values) in lines.items():
        figure.add_scatter(x=days, y=np.round(values, 5).tolist(), name=name, mode="lines", line=_line(colour, dash))
    return _turned(figure, story)


def _line(colour: str, dash: str) -> dict[str, Any]:
    return {"color": colour, "width": 2.5 if dash == "solid" else 1.8, "dash": dash}


def _turned(figure: Any, story: Story) -> Any:
    """Mark when tastes turned."""
    day = story.day(story.shock)
    figure.add_vline(x=day, line={"color": ALARM, "width": 1.2, "dash": "dot"})
    font = {"size": 11, "color": ALARM}
    figure.add_annotation(x=day, y=1.0, yref="paper", text="tastes turn ", xanchor="right", yanchor="bottom", showarrow=False, font=font)
    figure.update_xaxes(title="day", range=[0, story.day(story.end)])
    return figure


def _judged(judged: list[Judged]) -> Any:
    """Return what the log says of each policy, with its interval, beside the truth."""
    from plotly import graph_objects as go

    figure = go.Figure()
    known = [(one.policy, one.value, one.low, one.high) for one in judged if one.value is not None and one.low is not None and one.high]
    if known:
        names, value, low, high = (list(column) for column in zip(*known, strict=True))
        spread = {
            "type": "data",
            "array": np.subtract(high, value).tolist(),
            "arrayminus": np.subtract(value, low).tolist(),
            "thickness": 2.2,
            "width": 7,
        }
        marker = {"size": 11, "color": OURS}
        figure.add_scatter(
            x=value, y=names, error_x=spread, mode="markers", marker=marker, name="judged by the bandit's log, 95 % interval"
        )
    marker = {"size": 13, "color": BEST, "symbol": "diamond"}
    figure.add_scatter(x=[one.truth for one in judged], y=[one.policy for one in judged], mode="markers", marker=marker, name="the truth")
    figure.update_xaxes(title="share of cards that are clicked in time", tickformat=".1%")
    figure.update_yaxes(type="category", automargin=True)
    figure = styled(figure, "What other policies would earn, by the bandit's own log alone", height=290)
    return figure.update_layout(legend={"y": -0.45})


def _beliefs(found: BanditFigures, mind: Mind, story: Story) -> Any:
    """Return what was believed of three artworks: the best before the change, the best after it, and the one that was next."""
    from plotly import graph_objects as go

    figure, top = go.Figure(), 0.0
    for one, (colour, pale) in zip(_few(found.beliefs), _WORKS, strict=False):
        course = mind.beliefs[one.artwork]
        days = [story.day(belief.at) for belief in course]
        high = [min(belief.mean + 2 * belief.spread, 1.0) for belief in course]
        low = [max(belief.mean - 2 * belief.spread, 0.0) for belief in course]
        quiet = {"showlegend": False, "hoverinfo": "skip", "legendgroup": one.artwork}
        figure.add_scatter(x=[*days, *days[::-1]], y=[*high, *low[::-1]], fill="toself", fillcolor=pale, line={"width": 0}, **quiet)
        figure.add_scatter(x=days, y=[belief.truth for belief in course], mode="lines", line=_line(colour, "dot"), **quiet)
        later = [edge for belief, edge in zip(course, high, strict=True) if belief.at >= story.start + DAY]  # at first it may be anything
        top = max(top, *later, *(belief.truth for belief in course))
        name = f"{one.artwork}, {one.mood}"
        figure.add_scatter(
            x=days, y=[belief.mean for belief in course], name=name, legendgroup=one.artwork, mode="lines", line=_line(colour, "solid")
        )
    _turned(figure, story).update_yaxes(title="chance of a click in time", range=[0, 1.08 * top or 1], tickformat=".0%")
    viewer, video = mind.card["viewer"][0], mind.card["video"][0]
    return styled(
        figure, f"What is believed of artworks of {video} for {viewer}: the mean, two deviations, and the truth (dotted)", height=420
    )


def _few(beliefs: list[Believed]) -> list[Believed]:
    """Return the artwork that was best before the change, the one that was best at the end, and the next best of the beginning."""
    best = {one.artwork: one for one in (*beliefs[:1], *sorted(beliefs, key=lambda one: -one.after_truth)[:1], *beliefs[1:3])}
    return list(best.values())[: len(_WORKS)]
