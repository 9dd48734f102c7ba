"""How the pages of the command line look: one set of colours, one style of plot, one way to a page that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

INK, OURS, THEIRS, GOOD, ALARM, CHAMPION = "#1f2933", "#0b7285", "#868e96", "#2b8a3e", "#c92a2a", "#e8a33d"


def rendered(template: str, plots: Sequence[Any], **values: Any) -> str:
    """Return a page as HTML that needs no network.

    Args:
        template: The name of its template.
        plots: Its Plotly figures, in order; the template has them as HTML, and the library as `plotly`.
        values: What else the template shows; text in it is escaped.
    """
    from jinja2 import Environment, PackageLoader, select_autoescape
    from plotly.offline import get_plotlyjs

    environment = Environment(loader=PackageLoader("millrace.cli"), autoescape=select_autoescape(default=True))
    return environment.get_template(template).render(plots=[html(plot) for plot in plots], plotly=get_plotlyjs(), **values)


def styled(figure: Any, title: str, height: int) -> Any:
    """Return a Plotly figure in the style of the house, with its title ("" for none) and without a legend."""
    figure.update_layout(
        title={"text": title, "font": {"size": 16, "color": INK}},
        height=height,
        template="plotly_white",
        showlegend=False,
        margin={"l": 60, "r": 24, "t": 54 if title else 30, "b": 46},
        font={"family": "system-ui, sans-serif", "color": INK, "size": 13},
    )
    figure.update_yaxes(automargin=True)
    return figure


def html(figure: Any) -> str:
    """Return a figure as a part of a page that has Plotly."""
    return figure.to_html(full_html=False, include_plotlyjs=False, config={"displayModeBar": False, "responsive": True})
