"""The page of a shadow's comparison: one self-contained HTML file with plots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from millrace.cli.plots import ALARM, OURS, rendered, styled
from millrace.cli.printing import when
from millrace.operate.shadowed import Comparison
from millrace.types import DAY, moment

_BINS = 20


def shadow_page(system: str, found: Comparison, told: Sequence[str]) -> str:
    """Return the page as HTML.

    Args:
        system: The system, as it was named.
        found: The comparison.
        told: What it says in words.
    """
    plots = [_figures(found), _spread(found) if found.spread else _flips(found), *([_days(found)] if len(found.days) > 1 else [])]
    return rendered("shadow.template", plots, system=system, found=found, told=told, since=when(found.since), until=when(found.until))


def _figures(found: Comparison) -> Any:
    from plotly import graph_objects as go

    named = {**found.figures, "missed": found.missed, "fell short": found.short}
    known = {name: one for name, one in named.items() if one.value is not None}
    names, values = list(known), [one.value or 0.0 for one in known.values()]
    spread = {
        "type": "data",
        "array": [(one.high if one.high is not None else value) - value for one, value in zip(known.values(), values, strict=True)],
        "arrayminus": [value - (one.low if one.low is not None else value) for one, value in zip(known.values(), values, strict=True)],
    }
    figure = go.Figure()
    colours = [ALARM if name in ("missed", "fell short") else OURS for name in names]
    figure.add_scatter(x=values, y=names, error_x=spread, mode="markers", marker={"size": 11, "color": colours})
    figure.update_xaxes(range=[-0.02, 1.02], tickformat=".0%")
    figure.update_yaxes(autorange="reversed")
    return styled(figure, "How much it agrees with what answered, with 95 % intervals by unit", 120 + 34 * len(names))


def _spread(found: Comparison) -> Any:
    from plotly import graph_objects as go

    figure = go.Figure()
    figure.add_histogram(x=found.spread, xbins={"start": 0, "end": 1.0001, "size": 1 / _BINS}, marker={"color": OURS})
    figure.update_xaxes(title="rank-biased overlap: 1 is the same ranking", range=[0, 1.05])
    figure.update_yaxes(title="decisions")
    return styled(figure, "Decision by decision", 320)


def _flips(found: Comparison) -> Any:
    from plotly import graph_objects as go

    figure = go.Figure()
    names = [f"{done} → {other or 'nothing'}" for done, other, _ in found.flips]
    figure.add_bar(y=names, x=[times for _, _, times in found.flips], orientation="h", marker={"color": OURS})
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(title="decisions")
    return styled(figure, "What it would have done instead", 140 + 30 * max(len(names), 1))


def _days(found: Comparison) -> Any:
    from plotly import graph_objects as go

    figure = go.Figure()
    days = [f"{moment(day * DAY):%Y-%m-%d}" for day, _, _ in found.days]
    figure.add_scatter(x=days, y=[share for _, share, _ in found.days], mode="lines+markers", line={"color": OURS, "width": 2.5})
    figure.update_xaxes(type="category")
    figure.update_yaxes(range=[0, 1.05], title="agreement")
    return styled(figure, "Day by day", 300)
