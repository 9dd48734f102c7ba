"""The page of `millrace models size`: accuracy over time as a plot per outcome, and the figures."""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import Any

import numpy as np

from millrace.cli.model_sizes import MANY, Sized, interval
from millrace.cli.plots import CHAMPION, rendered, styled
from millrace.cli.printing import number

_COLOURS = ("#0b7285", "#c92a2a", "#5f3dc4", "#2b8a3e", "#a61e4d", "#495057")


def models_page(system: str, found: list[Sized]) -> str:
    """Return the page as HTML that needs no network.

    Args:
        system: The system's name.
        found: The versions, those of one outcome together.
    """
    plots = [_plot(outcome, list(alike)) for outcome, alike in groupby(found, key=lambda one: one.outcome)]
    rows = [(one, interval(one.accuracy)) for one in found]
    return rendered("models.html", plots, system=system, rows=rows, many=MANY, number=number)


def _plot(outcome: str, found: list[Sized]) -> Any:
    """Return one outcome's plot: a point per version, as large as its files, ringed if it serves, hollow if it saw some rows."""
    from plotly import graph_objects as go

    figure = go.Figure()
    for place, (model, alike) in enumerate(groupby(found, key=lambda one: one.model)):
        versions = [one for one in alike if one.accuracy.value is not None]
        learner = versions[0].learner if versions else ""
        figure.add_scatter(
            x=[one.many_ms for one in versions],
            y=[one.accuracy.value for one in versions],
            error_y=_spread(versions),
            name=escape(f"{model}: {learner}"),
            mode="markers",
            hovertext=[_said(one) for one in versions],
            hoverinfo="text",
            marker={
                "size": [6 + 4 * np.log10(1 + one.bytes / 1000) for one in versions],
                "symbol": ["circle-open" if one.seen else "circle" for one in versions],
                "color": _COLOURS[place % len(_COLOURS)],
                "line": {"width": [3 if one.stage == "champion" else 0 for one in versions], "color": CHAMPION},
            },
        )
    figure.update_xaxes(title=f"milliseconds for {MANY} rows, one thread", type="log")
    figure.update_yaxes(title=escape(f"{found[0].accuracy.metric} of {outcome}, with its 95 % interval"))
    styled(figure, "", 440)
    return figure.update_layout(showlegend=True, legend={"orientation": "h", "y": -0.2})


def _spread(versions: list[Sized]) -> dict[str, Any]:
    """Return how far each point's interval reaches up and down; no bar where there is none."""
    up = [(one.accuracy.high or 0) - (one.accuracy.value or 0) if one.accuracy.high is not None else 0 for one in versions]
    down = [(one.accuracy.value or 0) - (one.accuracy.low or 0) if one.accuracy.low is not None else 0 for one in versions]
    return {"type": "data", "array": up, "arrayminus": down, "thickness": 1.2, "width": 4}


def _said(one: Sized) -> str:
    stage = f" ({one.stage})"
    worth = f"{one.accuracy.metric} {number(one.accuracy.value)}, {interval(one.accuracy)}"
    return escape(f"{one.version}{stage}: {worth}; {number(one.bytes)} bytes; {number(one.many_ms)} ms for {MANY} rows")
