"""The page of an experiment: one self-contained HTML file with what was shown of every metric, and how that came about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from millrace.cli.printing import number, when
from millrace.experiments.comparison import AT_ONE_LOOK, Comparison
from millrace.experiments.readout import Finding
from millrace.operate.reading_out import Reader, Reading
from millrace.stores.experiments import Course
from millrace.types import moment

_INK, _OURS, _SOFT, _GOOD, _BAD = "#1f2933", "#0b7285", "#868e96", "#2b8a3e", "#c92a2a"
_COLOURS = {"better": _GOOD, "no worse": _GOOD, "worse": _BAD, "nothing": _SOFT, "unread": _SOFT}


def experiment_page(name: str, reader: Reader, seen: Reading, course: Course | None, told: Sequence[str]) -> str:
    """Return the page as HTML.

    Args:
        name: The experiment's name.
        reader: What reads it.
        seen: How it stands.
        course: What is on record of it.
        told: The same in words.
    """
    from jinja2 import Environment, PackageLoader, select_autoescape
    from plotly.offline import get_plotlyjs

    environment = Environment(loader=PackageLoader("millrace.cli"), autoescape=select_autoescape(default=True))
    plots = [_forest(seen), *_course(reader.card.primary.name, reader.course(seen.at))]
    shown = [plot.to_html(full_html=False, include_plotlyjs=False, config={"displayModeBar": False}) for plot in plots if plot is not None]
    return environment.get_template("experiment.template").render(
        name=name, course=course, told=told, at=when(seen.at), shares=seen.found.shares, balance=seen.balance, number=number,
        plots=shown, plotly=get_plotlyjs(),
    )  # fmt: skip


def _forest(seen: Reading) -> Any:
    """Return a line per metric and arm: its relative difference and interval; None where there is nothing to draw."""
    from plotly import graph_objects as go

    drawn = [one for one in seen.found.findings if one.comparison is not None and one.comparison.relative is not None]
    if not drawn:
        return None
    several = len(seen.found.arms) > 1
    figure = go.Figure()
    for one in drawn:
        found: Comparison = one.comparison  # type: ignore[assignment]
        middle = float(found.relative or 0.0)
        above, below = (
            abs(end - middle) if end is not None and np.isfinite(end) else 0.0 for end in (found.relative_high, found.relative_low)
        )
        figure.add_scatter(
            x=[middle],
            y=[_named(one, several)],
            error_x={"type": "data", "array": [above], "arrayminus": [below], "thickness": 2.2, "width": 6},
            mode="markers",
            marker={"size": 12 if one.role == "primary" else 9, "color": _COLOURS[one.shown]},
        )
    figure.add_vline(x=0, line={"color": _SOFT, "width": 1.2})
    figure.update_xaxes(title="relative difference from the control", tickformat="+.0%")
    figure.update_yaxes(autorange="reversed", type="category")
    return _styled(figure, "What was shown of each metric, with its interval", 150 + 42 * len(drawn))


def _named(one: Finding, several: bool) -> str:
    return f"{one.metric}, {one.role}" + (f", {one.arm}" if several else "")


def _course(primary: str, readings: Sequence[Reading]) -> list[Any]:
    """Return a plot per treatment: the primary metric's difference and its interval, as they would have been read all along."""
    arms = readings[-1].found.arms if readings else ()
    return [plot for arm in arms if (plot := _cumulative(primary, arm, readings)) is not None]


def _cumulative(primary: str, arm: str, readings: Sequence[Reading]) -> Any:
    from plotly import graph_objects as go

    points = [(one.at, found.comparison) for one in readings for found in one.found.of("primary", arm) if found.comparison is not None]
    points = [(at, found) for at, found in points if found.low is not None and np.isfinite(found.low)]
    if len(points) < 2:
        return None
    days = [moment(at) for at, _ in points]
    figure = go.Figure()
    high, low = [found.high for _, found in points], [found.low for _, found in points]
    figure.add_scatter(x=[*days, *days[::-1]], y=[*high, *low[::-1]], fill="toself", fillcolor="rgba(11,114,133,0.15)", line={"width": 0})
    figure.add_scatter(x=days, y=[found.difference for _, found in points], mode="lines+markers", line={"color": _OURS, "width": 2.5})
    figure.add_hline(y=0, line={"color": _SOFT, "width": 1.2})
    figure.update_yaxes(title=f"difference in {primary}")
    allows = "right at one look only" if points[-1][1].controls == AT_ONE_LOOK else "that allows for looks"
    return _styled(figure, f"{arm}: the difference so far, with an interval {allows}", 400)


def _styled(figure: Any, title: str, height: int) -> Any:
    figure.update_layout(
        title={"text": title, "font": {"size": 16, "color": _INK}},
        height=height,
        template="plotly_white",
        showlegend=False,
        margin={"l": 60, "r": 24, "t": 54, "b": 46},
        font={"color": _INK},
    )
    figure.update_yaxes(automargin=True)
    return figure
