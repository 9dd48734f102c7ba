"""The page of a demonstration: one self-contained HTML file with plots to look at and the figures to read."""

from __future__ import annotations

from typing import Any

import numpy as np

from millrace.demo.figures import Figures
from millrace.demo.story import Story
from millrace.demo.truth import Truth

_INK, _OURS, _THEIRS, _BEST, _ALARM = "#1f2933", "#0b7285", "#adb5bd", "#e8a33d", "#c92a2a"
_SMOOTH = 24
"""Over how many slices a line is averaged: half a day."""


def page(found: Figures, truth: Truth, story: Story) -> str:
    """Return the page as HTML."""
    from jinja2 import Environment, PackageLoader, select_autoescape
    from plotly.offline import get_plotlyjs

    environment = Environment(loader=PackageLoader("millrace.demo"), autoescape=select_autoescape())
    told = [(story.day(at), sentence) for at, sentence in _news(story)]
    plots = [_html(plot) for plot in (_worth(truth, story), _regret(truth, story), _lift(found))]
    return environment.get_template("page.html").render(found=found, told=told, plots=plots, plotly=get_plotlyjs())


def _news(story: Story) -> list[tuple[int, str]]:
    """Return what is worth telling, with the shock in its place."""
    told: list[tuple[int, str]] = []
    kept = Story(story.start, story.shock, story.end)
    for at, sentence in story.done:
        if kept.is_news(at, sentence):
            told.append((at, sentence))
        kept.done.append((at, sentence))
    return sorted([*told, (story.shock, "tastes change: a shock that nobody is told of")], key=lambda news: news[0])


def _worth(truth: Truth, story: Story) -> Any:
    lines = {
        "the best there was": (_BEST, [one.best for one in truth.samples]),
        "served": (_OURS, [one.served for one in truth.samples]),
        "popularity": (_THEIRS, [one.policies.get("popular", np.nan) for one in truth.samples]),
    }
    return _lines("What a place shown is worth", "expected completions a place", lines, truth, story)


def _regret(truth: Truth, story: Story) -> Any:
    lines = {"regret": (_ALARM, [one.best - one.served for one in truth.samples])}
    return _lines("Regret: what each place lost against the best there was", "completions a place", lines, truth, story)


def _lines(title: str, unit: str, lines: dict[str, tuple[str, list[float]]], truth: Truth, story: Story) -> Any:
    from plotly import graph_objects as go

    days = [story.day(one.at) for one in truth.samples]
    figure = go.Figure()
    for name, (colour, values) in lines.items():
        figure.add_scatter(x=days, y=_smoothed(values), name=name, mode="lines", line={"color": colour, "width": 2.5})
    for at, text, colour in _marks(story):
        figure.add_vline(x=story.day(at), line={"color": colour, "width": 1.2, "dash": "dot"})
        figure.add_annotation(
            x=story.day(at),
            y=1.0,
            yref="paper",
            text=text,
            textangle=-90,
            xanchor="right",
            yanchor="top",
            showarrow=False,
            font={"size": 11, "color": colour},
        )
    figure.update_xaxes(title="day", range=[0, story.day(story.end)])
    figure.update_yaxes(title=unit, rangemode="tozero")
    return _styled(figure, title)


def _marks(story: Story) -> list[tuple[int, str, str]]:
    """Return (instant, text, colour) of what explains the lines: the shock, the first alarm after it, and every release that served."""
    marks = [(story.shock, "tastes change", _ALARM)]
    alarms = [at for at, sentence in story.done if sentence.startswith("alert") and at > story.shock]
    if alarms:
        marks.append((min(alarms), "noticed", _INK))
    served = [(at, sentence.split()[0]) for at, sentence in story.done if " serves" in sentence]
    return [*marks, *((at, name.split("-")[0], _OURS) for at, name in served)]


def _lift(found: Figures) -> Any:
    from plotly import graph_objects as go

    figure = go.Figure()
    spread = {
        "type": "data",
        "array": [found.measured_high - found.measured_lift],
        "arrayminus": [found.measured_lift - found.measured_low],
    }
    figure.add_scatter(
        x=[found.measured_lift], y=["measured by the experiment"], error_x=spread, mode="markers", marker={"size": 12, "color": _OURS}
    )
    figure.add_scatter(
        x=[found.true_lift], y=["true, between the arms"], mode="markers", marker={"size": 13, "color": _BEST, "symbol": "diamond"}
    )
    figure.add_scatter(
        x=[found.true_lift_alone],
        y=["true, over popularity without a model"],
        mode="markers",
        marker={"size": 13, "color": _BEST, "symbol": "diamond-open"},
    )
    figure.add_vline(x=0, line={"color": _THEIRS})
    figure.update_xaxes(title="lift in completions over popularity", tickformat="+.0%")
    figure.update_layout(showlegend=False)
    return _styled(figure, "The lift over popularity, with its 95 % interval", height=240)


def _smoothed(values: list[float]) -> list[float]:
    """Return a centred running mean, missing values left out."""
    known = np.array(values, dtype=np.float64)
    half = _SMOOTH // 2
    windows = [known[max(i - half, 0) : i + half + 1] for i in range(len(known))]
    return [float(np.nanmean(part)) if np.isfinite(part).any() else float("nan") for part in windows]


def _styled(figure: Any, title: str, height: int = 380) -> Any:
    font = {"family": "system-ui, sans-serif", "color": _INK, "size": 13}
    figure.update_layout(
        title={"text": title, "font": {"size": 17}},
        template="plotly_white",
        height=height,
        font=font,
        margin={"l": 70, "r": 30, "t": 60, "b": 50},
        legend={"orientation": "h", "y": -0.2},
    )
    return figure


def _html(figure: Any) -> str:
    return figure.to_html(full_html=False, include_plotlyjs=False, config={"displaylogo": False, "responsive": True})
