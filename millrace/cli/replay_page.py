"""The page of a replay: one self-contained HTML file with what every estimator says, and what its weights are worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from millrace.cli.plots import ALARM, INK, OURS, THEIRS, html, rendered, styled
from millrace.cli.printing import number, when
from millrace.evaluation.judging import Overlap
from millrace.operate.replaying import Replayed
from millrace.operate.replaying_estimators import Closer
from millrace.operate.replaying_value import Judgement

_LEANS = ("dr", "mrdr", "switch", "direct")


def replay_page(system: str, policy: str, found: Replayed, told: Sequence[str]) -> str:
    """Return the page as HTML.

    Args:
        system: The system that decided, as it was named.
        policy: The policy judged, as it was named.
        found: What came of the replay, seen closely.
        told: The same in words.
    """
    shown = [
        {"outcome": one.outcome, "refused": one.refused.said if one.refused else "", "rows": _rows(one), "plots": _plots(one)}
        for one in found.judgements
    ]
    return rendered(
        "replay.template", [], system=system, policy=policy, told=told, found=found, outcomes=shown, number=number,
        since=when(found.since), until=when(found.until),
    )  # fmt: skip


def _plots(one: Judgement) -> list[str]:
    return [html(_estimates(one, one.closer)), html(_weights(one.closer))] if one.closer is not None else []


def _rows(one: Judgement) -> list[tuple[str, str]]:
    """Return what the log is worth to the policy, a line each."""
    overlap = one.value.overlap if one.value is not None else None
    if overlap is None and one.gain is not None:
        overlap = one.gain.overlap
    return _worth(one, overlap) if overlap is not None else []


def _worth(one: Judgement, overlap: Overlap) -> list[tuple[str, str]]:
    n = one.logged.n if one.logged is not None else 0
    untried = "nobody knows" if overlap.untried is None else f"{overlap.untried:.1%}"
    return [
        ("choices judged", f"{n:,}"),
        ("effective sample size: choices of its own they are worth", f"{overlap.effective_sample_size:,.0f}"),
        ("the same in units", f"{overlap.effective_units:,.0f}"),
        ("mean weight, which is 1 if all it does was tried", f"{overlap.mean_weight:.3f} ± {overlap.mean_weight_error:.3f}"),
        ("heaviest weight", number(overlap.heaviest)),
        ("choices it would never make", f"{overlap.unmatched:.1%}"),
        ("of what it would do, never tried", untried),
    ]


def _estimates(one: Judgement, seen: Closer) -> Any:
    """Return a line per estimator, the value of what was done at the top."""
    from plotly import graph_objects as go

    figure = go.Figure()
    known = {"what was done": one.logged, **seen.values}
    for name, value in known.items():
        if value is not None:
            spread = {
                "type": "data",
                "array": [value.high - value.value],
                "arrayminus": [value.value - value.low],
                "thickness": 2.2,
                "width": 6,
            }
            colour = INK if value is one.logged else THEIRS if name in _LEANS else OURS
            figure.add_scatter(x=[value.value], y=[name], error_x=spread, mode="markers", marker={"size": 11, "color": colour})
    if one.logged is not None:
        figure.add_vline(x=one.logged.value, line={"color": INK, "width": 1, "dash": "dot"})
    figure.update_xaxes(title=f"{one.outcome} per choice")
    figure.update_yaxes(autorange="reversed", type="category")
    confidence = next(iter(seen.values.values())).confidence if seen.values else 0.95
    return styled(figure, f"What each estimator says, with {confidence:.0%} intervals; grey ones lean on a model", 150 + 38 * len(known))


def _weights(seen: Closer) -> Any:
    """Return how many choices have which weight, and which part of all weight they hold."""
    from plotly import graph_objects as go

    names = ["0", *(f"to {number(one.upto)}" for one in seen.weights[1:])]
    total = sum(one.choices for one in seen.weights) or 1
    figure = go.Figure()
    figure.add_bar(x=names, y=[one.choices / total for one in seen.weights], name="of the choices", marker={"color": OURS})
    figure.add_bar(x=names, y=[one.share for one in seen.weights], name="of all weight", marker={"color": ALARM})
    figure.update_xaxes(title="weight: how much more often the policy makes the choice than it was made", type="category")
    figure.update_yaxes(title="part", tickformat=".0%")
    styled(figure, "How the weights lie: where few choices hold most of it, little is known", 380)
    legend = {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0}
    return figure.update_layout(showlegend=True, barmode="group", legend=legend, margin_t=88)
