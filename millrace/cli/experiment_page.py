"""The page of an experiment: one self-contained HTML file with what was shown of every metric, and how that came about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from millrace.cli.closer_plots import closer_plots
from millrace.cli.experiment_told import between, metric_rows, told
from millrace.cli.plots import ALARM, GOOD, OURS, THEIRS, html, rendered, styled
from millrace.cli.printing import number, when
from millrace.experiments.closer_told import lines
from millrace.experiments.comparison import AT_ONE_LOOK, Comparison
from millrace.experiments.other_side_told import rows
from millrace.experiments.other_side_told import told as side_told
from millrace.experiments.readout import Finding
from millrace.operate.reading_interleaved import InterleavedReader
from millrace.operate.reading_out import Reader, Reading
from millrace.stores.experiments import Course
from millrace.types import moment

_COLOURS = {"better": GOOD, "no worse": GOOD, "worse": ALARM, "nothing": THEIRS, "unread": THEIRS}


def experiment_page(name: str, reader: Reader | InterleavedReader, seen: Reading, course: Course | None) -> str:
    """Return the page as HTML.

    Args:
        name: The experiment's name.
        reader: What reads it.
        seen: How it stands.
        course: What is on record of it.
    """
    merged = isinstance(reader, InterleavedReader)
    plots = [_forest(seen, relative=not merged), *_course(reader.primary, reader.course(seen.at))]
    near = [
        {"arm": one.arm, "metric": one.metric, "lines": lines(one), "plots": [html(plot) for plot in closer_plots(one)]}
        for one in seen.closer.values()
    ]
    sides = [
        {"name": called, "arm": arm, "control": seen.found.control, "of": side, "rows": rows(side), "told": side_told(side)}
        for arm, each in seen.other_side.items()
        for called, side in each.items()
    ]
    return rendered(
        "experiment.template", [plot for plot in plots if plot is not None], name=name, course=course, told=told(seen, course),
        at=when(seen.at), between=between(seen), metrics=metric_rows(seen), control=seen.found.control,
        shares=seen.found.shares, balance=seen.balance, number=number, closer=near, sides=sides,
    )  # fmt: skip


def _forest(seen: Reading, *, relative: bool) -> Any:
    """Return a line per metric and arm: its difference and interval; None where there is nothing to draw.

    Metrics in several units are drawn as parts of the control's value; the credits of merged arms, which are all in one, as they are.
    """
    from plotly import graph_objects as go

    drawn = [(one, ends) for one in seen.found.findings if (ends := _ends(one.comparison, relative=relative)) is not None]
    if not drawn:
        return None
    several = len(seen.found.arms) > 1
    figure = go.Figure()
    for one, (middle, low, high) in drawn:
        above, below = (abs(end - middle) if end is not None and np.isfinite(end) else 0.0 for end in (high, low))
        figure.add_scatter(
            x=[middle],
            y=[_named(one, several)],
            error_x={"type": "data", "array": [above], "arrayminus": [below], "thickness": 2.2, "width": 6},
            mode="markers",
            marker={"size": 12 if one.role == "primary" else 9, "color": _COLOURS[one.shown]},
        )
    figure.add_vline(x=0, line={"color": THEIRS, "width": 1.2}, annotation_text="" if relative else "no preference")
    if relative:
        figure.update_xaxes(title="relative difference from the control", tickformat="+.0%")
    else:
        figure.update_xaxes(title=f"credit per request, more than {seen.found.control} earned", tickformat="+")
    figure.update_yaxes(autorange="reversed", type="category")
    return styled(figure, "What was shown of each metric, with its interval", 150 + 42 * len(drawn))


def _ends(found: Comparison | None, *, relative: bool) -> tuple[float, float | None, float | None] | None:
    """Return (difference, lower end, upper end); None where there is no such figure."""
    if found is None or (relative and found.relative is None):
        return None
    if relative:
        return float(found.relative or 0.0), found.relative_low, found.relative_high
    return found.difference, found.low, found.high


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
    figure.add_scatter(x=days, y=[found.difference for _, found in points], mode="lines+markers", line={"color": OURS, "width": 2.5})
    figure.add_hline(y=0, line={"color": THEIRS, "width": 1.2})
    figure.update_yaxes(title=f"difference in {primary}")
    allows = "right at one look only" if points[-1][1].controls == AT_ONE_LOOK else "that allows for looks"
    return styled(figure, f"{arm}: the difference so far, with an interval {allows}", 400)
