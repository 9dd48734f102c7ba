"""The page of `millrace experiment natural`: one self-contained HTML file with what came, beside what would have come."""

from __future__ import annotations

from typing import Any

from millrace.cli.natural_found import Natural
from millrace.cli.panel_file import PanelFile
from millrace.cli.plots import ALARM, OURS, THEIRS, rendered, styled
from millrace.cli.printing import number


def natural_page(outcome: str, about: str, given: PanelFile, found: Natural) -> str:
    """Return the page as HTML.

    Args:
        outcome: The column of what was measured.
        about: Which periods it is of, in words.
        given: The rows.
        found: What was found of them.
    """
    plots = [_course(outcome, given, found), _gap(given, found)]
    return rendered("natural.template", plots, outcome=outcome, about=about, found=found, figures=_figures(found))


def _course(outcome: str, given: PanelFile, found: Natural) -> Any:
    from plotly import graph_objects as go

    figure = go.Figure()
    periods = given.periods.tolist()
    figure.add_scatter(
        x=periods, y=found.expected.tolist(), mode="lines", name="without the change", line={"color": THEIRS, "dash": "dash"}
    )
    figure.add_scatter(x=periods, y=found.seen.tolist(), mode="lines+markers", name="as it came", line={"color": OURS, "width": 2.5})
    figure.update_yaxes(title=outcome)
    styled(_marked(figure, given), "As it came, and as it would have come", 380)
    return figure.update_layout(showlegend=True, legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 1.0, "xanchor": "right"})


def _gap(given: PanelFile, found: Natural) -> Any:
    from plotly import graph_objects as go

    figure = go.Figure()
    figure.add_bar(x=given.periods.tolist(), y=(found.seen - found.expected).tolist(), marker={"color": OURS})
    figure.add_hline(y=0, line={"color": THEIRS, "width": 1.2})
    return styled(_marked(figure, given), "The gap between the two: before the change it should be none", 300)


def _marked(figure: Any, given: PanelFile) -> Any:
    figure.update_xaxes(type="category", nticks=20)
    return figure.add_vline(x=given.since - 0.5, line={"color": ALARM, "width": 1.5, "dash": "dot"})


def _figures(found: Natural) -> dict[str, str]:
    """Return what the page says in numbers: by what they are, the figure and its interval in words."""
    told = {what: f"{number(one.value)} ({number(one.low)} to {number(one.high)})" for what, one in found.effects.items()}
    return told if found.value is None else {"mean effect per period": f"{number(found.value)} (p = {found.p_value:.3g})"}
