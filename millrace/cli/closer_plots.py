"""A closer look at a metric as plots: the effect by segment, as seen and as drawn to the mean, and by exposure age."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from millrace.cli.plots import INK, OURS, THEIRS, styled
from millrace.experiments.closer import Closer
from millrace.experiments.novelty import Ageing
from millrace.experiments.segments import Segments


def closer_plots(of: Closer) -> list[Any]:
    """Return a plot for each thing that tells segments apart, and one by exposure age, of those that could be read."""
    plots = [by_segment(of, name, found) for name, found in of.segments.items() if isinstance(found, Segments)]
    return [*plots, *([by_age(of, of.ageing)] if isinstance(of.ageing, Ageing) else [])]


def by_segment(of: Closer, name: str, found: Segments) -> Any:
    """Return a line per segment: what its own units say, in gray, and beneath it what is likely given all of them."""
    from plotly import graph_objects as go

    figure = go.Figure()
    at = list(range(len(found.segments)))
    alone = [(one.alone.difference, one.alone.low, one.alone.high) for one in found.segments]
    drawn = [(one.difference, one.low, one.high) for one in found.segments]
    for label, rows, up, colour, symbol in (
        ("its own units alone", alone, -0.16, THEIRS, "circle-open"),
        ("drawn towards the mean", drawn, 0.16, OURS, "circle"),
    ):
        figure.add_scatter(
            x=[middle for middle, _, _ in rows],
            y=[one + up for one in at],
            error_x=_reach(rows),
            mode="markers",
            name=label,
            marker={"size": 9, "color": colour, "symbol": symbol},
        )
    figure.add_vline(x=0, line={"color": THEIRS, "width": 1.2})
    figure.add_vline(x=found.mean, line={"color": OURS, "width": 1.2, "dash": "dot"})
    figure.update_xaxes(title=f"difference in {of.metric}")
    figure.update_yaxes(tickvals=at, ticktext=[one.name for one in found.segments], range=[len(at) - 0.5, -0.5])
    styled(figure, f"{of.arm}: the effect by {name}", 190 + 46 * len(at))
    return figure.update_layout(showlegend=True, legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 1.0, "xanchor": "right"})


def by_age(of: Closer, found: Ageing) -> Any:
    """Return the effect at each exposure age with its interval."""
    from plotly import graph_objects as go

    figure = go.Figure()
    rows = [(one.difference, one.low, one.high) for one in found.ages]
    figure.add_scatter(
        x=[one.age for one in found.ages],
        y=[middle for middle, _, _ in rows],
        error_y=_reach(rows),
        mode="lines+markers",
        line={"color": OURS, "width": 1.5, "dash": "dot"},
        marker={"size": 9, "color": OURS},
    )
    figure.add_hline(y=0, line={"color": THEIRS, "width": 1.2})
    figure.update_xaxes(title=f"steps of {of.age} since a unit was first exposed", color=INK)
    figure.update_yaxes(title="part of the control's value" if found.is_relative else f"difference in {of.metric}")
    if found.is_relative:
        figure.update_yaxes(tickformat="+.0%")
    word = {"novelty": "it fades", "primacy": "it grows", "steady": "neither fading nor growing was shown"}[found.verdict]
    return styled(figure, f"{of.arm}: the effect by exposure age ({word})", 360)


def _reach(rows: Sequence[tuple[float, float | None, float | None]]) -> dict[str, Any]:
    """Return how far intervals reach up and down; nowhere where there is none."""
    up = [(high if high is not None else middle) - middle for middle, _, high in rows]
    down = [middle - (low if low is not None else middle) for middle, low, _ in rows]
    return {"type": "data", "array": up, "arrayminus": down, "thickness": 2.2, "width": 6}
