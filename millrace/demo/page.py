"""The page of a demonstration: one self-contained HTML file with plots to look at and the figures to read."""

from __future__ import annotations

from typing import Any, NamedTuple

from millrace.demo.figures import Figures
from millrace.demo.plots import ALARM, BEST, INK, OURS, THEIRS, rendered, smoothed, styled
from millrace.demo.story import Story
from millrace.demo.truth import Truth, Worth

_ALONE = "#ced4da"
_SMOOTH = 24
"""Over how many slices a line is averaged: half a day."""

_Line = list[tuple[int, float]]
"""(Instant, value), in order."""


def page(found: Figures, truth: Truth, alone: Worth, story: Story) -> str:
    """Return the page as HTML.

    Args:
        found: The figures.
        truth: What the world knows of what was served.
        alone: What popularity earned in the same world without a model.
        story: What happened when.
    """
    told = [(story.day(at), sentence) for at, sentence in _news(story)]
    plots = [_worth(truth, alone, story), _regret(truth, story), _lift(found)]
    return rendered("feed.html", plots, found=found, told=told)


def _news(story: Story) -> list[tuple[int, str]]:
    """Return what is worth telling, with the shock in its place."""
    told: list[tuple[int, str]] = []
    kept = Story(story.start, story.shock, story.end)
    for at, sentence in story.done:
        if kept.is_news(at, sentence):
            told.append((at, sentence))
        kept.done.append((at, sentence))
    return sorted([*told, (story.shock, "tastes change: a shock that nobody is told of")], key=lambda news: news[0])


def _worth(truth: Truth, alone: Worth, story: Story) -> Any:
    lines = {
        "the best there was": (BEST, [(one.at, one.best) for one in truth.samples]),
        "what the model ranks": (OURS, _asked(truth, "ranked")),
        "popularity beside the model": (THEIRS, _asked(truth, "popular")),
        "popularity in a world without the model": (_ALONE, alone.course()),
    }
    return _lines("What a place shown is worth", "expected completions a place", lines, story)


def _asked(truth: Truth, policy: str) -> _Line:
    """Return what a policy would have earned, from when it could answer."""
    return [(one.at, one.policies[policy]) for one in truth.samples if policy in one.policies]


def _regret(truth: Truth, story: Story) -> Any:
    lines = {"regret": (ALARM, [(one.at, one.best - one.served) for one in truth.samples])}
    return _lines("Regret: what each place served lost against the best there was", "completions a place", lines, story)


def _lines(title: str, unit: str, lines: dict[str, tuple[str, _Line]], story: Story) -> Any:
    from plotly import graph_objects as go

    figure = go.Figure()
    for name, (colour, line) in lines.items():
        days, values = [story.day(at) for at, _ in line], smoothed([value for _, value in line], _SMOOTH)
        figure.add_scatter(x=days, y=values, name=name, mode="lines", line={"color": colour, "width": 2.5})
    for mark in _marks(story):
        figure.add_vline(x=story.day(mark.at), line={"color": mark.colour, "width": 1.2, "dash": "dot"})
        figure.add_annotation(
            x=story.day(mark.at),
            y=mark.height,
            yref="paper",
            text=mark.text,
            xanchor=mark.side,
            yanchor="bottom",
            showarrow=False,
            font={"size": 11, "color": mark.colour},
        )
    figure.update_xaxes(title="day", range=[0, story.day(story.end)])
    figure.update_yaxes(title=unit, rangemode="tozero")
    return styled(figure, title)


class _Mark(NamedTuple):
    """An upright line and what is written at it: how high, 0 to 1 being the plot, and with which side against the line."""

    at: int
    text: str
    colour: str
    height: float
    side: str


def _marks(story: Story) -> list[_Mark]:
    """Return what explains the lines: the shock and the first alarm after it above the plot, every release that served at its foot."""
    marks = [_Mark(story.shock, "tastes change ", ALARM, 1.0, "right")]
    alarms = [at for at, sentence in story.done if sentence.startswith("alert") and at > story.shock]
    if alarms:
        marks.append(_Mark(min(alarms), " noticed", INK, 1.0, "left"))
    served = [(at, sentence.split("-")[0]) for at, sentence in story.done if " serves" in sentence]
    return [*marks, *(_Mark(at, f" {name}", OURS, 0.0, "left") for at, name in served)]


def _lift(found: Figures) -> Any:
    from plotly import graph_objects as go

    figure = go.Figure()
    spread = {
        "type": "data",
        "array": [found.measured_high - found.measured_lift],
        "arrayminus": [found.measured_lift - found.measured_low],
    }
    figure.add_scatter(
        x=[found.measured_lift], y=["measured by the experiment"], error_x=spread, mode="markers", marker={"size": 12, "color": OURS}
    )
    figure.add_scatter(
        x=[found.true_lift], y=["true, between the arms"], mode="markers", marker={"size": 13, "color": BEST, "symbol": "diamond"}
    )
    figure.add_scatter(
        x=[found.true_lift_alone],
        y=["true, over popularity without a model"],
        mode="markers",
        marker={"size": 13, "color": BEST, "symbol": "diamond-open"},
    )
    figure.add_vline(x=0, line={"color": THEIRS})
    figure.update_xaxes(title="lift in completions over popularity", tickformat="+.0%")
    figure.update_layout(showlegend=False)
    return styled(figure, "The lift over popularity since a model first served, measured with its 95 % interval", height=240)
