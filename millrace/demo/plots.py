"""How the pages of demonstrations look: one template, one set of colours, one style of plot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

INK, OURS, THEIRS, BEST, ALARM = "#1f2933", "#0b7285", "#868e96", "#e8a33d", "#c92a2a"


def rendered(template: str, plots: Sequence[Any], **values: Any) -> str:
    """Return a page as HTML that needs nothing else.

    Args:
        template: The name of its template.
        plots: Its Plotly figures, in order; the template has them as HTML.
        values: What else the template shows.
    """
    from jinja2 import Environment, PackageLoader, select_autoescape
    from plotly.offline import get_plotlyjs

    environment = Environment(loader=PackageLoader("millrace.demo"), autoescape=select_autoescape())
    return environment.get_template(template).render(plots=[_html(plot) for plot in plots], plotly=get_plotlyjs(), **values)


def smoothed(values: Sequence[float], over: int) -> list[float]:
    """Return the mean of each value and the `over` - 1 before it: a line never moves before what moved it, and begins at half a mean."""
    means = [float(np.mean(values[max(i - over + 1, 0) : i + 1])) for i in range(len(values))]
    return [mean if i >= over // 2 else float("nan") for i, mean in enumerate(means)]


def styled(figure: Any, title: str, height: int = 380) -> Any:
    """Return a Plotly figure in the style of the house, with its title."""
    font = {"family": "system-ui, sans-serif", "color": INK, "size": 13}
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
    return figure.to_html(full_html=False, include_plotlyjs=False, config={"displayModeBar": False, "responsive": True})
