"""What a change did that nobody drew by lot: the method that fits the rows, and what it finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from millrace.cli.panel_file import PanelFile
from millrace.errors import BadInput
from millrace.experiments.comparison import Asked
from millrace.experiments.estimate import Estimate
from millrace.experiments.reasons import Caution
from millrace.types import Array

METHODS = ("series", "differences", "synthetic")
_NAMED = 3
"""So many of the units that a synthetic control is made of are named, the heaviest."""


class Natural(NamedTuple):
    """What was found.

    Attributes:
        method: Which of `METHODS`.
        effects: The figures with their intervals, by what they are.
        p_value: Where the method has no interval, the chance of as much; None elsewhere.
        value: Likewise the figure.
        rests_on: What cannot be tested by the data.
        told: What else must be known, in sentences.
        seen: The treated, or the series, per period. Shape (periods,).
        expected: What it would have been without the change. Shape (periods,).
    """

    method: str
    effects: dict[str, Estimate]
    value: float | None
    p_value: float | None
    rests_on: str
    told: list[str]
    seen: Array
    expected: Array


def changed(given: PanelFile, treated: Sequence[str], method: str) -> Natural:
    """Return what came of a change.

    Args:
        given: The rows; those without a unit are one series.
        treated: The units that the change came to.
        method: One of `METHODS`; "" takes the one that fits what is given.

    Raises:
        BadInput: There is no such method or unit, or they do not go together; or a row is missing.
        Refused: The method cannot answer by these rows; it says why.
    """
    chosen = _chosen(given, treated, method)
    return {"series": _series, "differences": _differences, "synthetic": _synthetic}[chosen](given, list(treated))


def _chosen(given: PanelFile, treated: Sequence[str], method: str) -> str:
    unit = any(given.unit.tolist())
    if method not in ("", *METHODS):
        raise BadInput(f"{method!r} is no method: use {', '.join(METHODS)}, or none to take the one that fits", field="method")
    if unit != bool(treated):
        raise BadInput(
            "name the column of the units with --unit and those that the change came to with --treated, both or neither", "treated"
        )
    strange = sorted(set(treated) - set(given.unit.tolist())) if unit else []
    if strange:
        known = ", ".join(sorted(set(given.unit.tolist()))[:10])
        raise BadInput(f"no row is of {strange[0]!r}: the units are {known}", field="treated")
    fits = "series" if not unit else "synthetic" if len(set(treated)) == 1 else "differences"
    if method and (method == "series") != (fits == "series"):
        needs = "takes one series, without --unit" if method == "series" else "compares units: name --unit and --treated"
        raise BadInput(f"--method {method} {needs}", field="method")
    if method == "synthetic" and fits == "differences":
        raise BadInput("a synthetic control is of one unit: name one --treated, or take --method differences", field="method")
    return method or fits


def _series(given: PanelFile, _: list[str]) -> Natural:
    from millrace.experiments.interrupted_series import interrupted_series

    seen = _grid(given, np.array([""]))[0]
    found = interrupted_series(seen, given.since, asked=Asked())
    effects = {"step at the change": found.level, "slope, per period, afterwards": found.slope}
    told = [f"of what chance does in one period {found.persistence:.2f} is left in the next", *_said(found.level.cautions)]
    return Natural("series", effects, None, None, "nothing else happened at that time", told, seen, found.expected)


def _differences(given: PanelFile, treated: list[str]) -> Natural:
    from millrace.experiments.difference_in_differences import two_way

    mine = np.isin(given.unit, treated)
    found = two_way(given.outcome, given.unit, given.period, mine & (given.period >= given.since), given.cluster)
    own, others = (_means(given, rows) for rows in (mine, ~mine))
    before = slice(0, given.since)
    expected = others + np.nanmean(own[before]) - np.nanmean(others[before])
    rests_on = "without the change, the treated would have gone on as the others did; --page shows whether they did before"
    return Natural("differences", {"effect": found}, None, None, rests_on, _said(found.cautions), own, expected)


def _synthetic(given: PanelFile, treated: list[str]) -> Natural:
    from millrace.experiments.placebo import in_space
    from millrace.experiments.synthetic_control import Panel, synthetic_control

    units = np.unique(given.unit.astype(str))
    panel = Panel(_grid(given, units), int(np.flatnonzero(units == treated[0])[0]), given.since)
    fit = synthetic_control(panel)
    placebos = in_space(panel, fit)
    heaviest = np.argsort(-fit.weights, kind="stable")[:_NAMED]
    mixed = ", ".join(f"{fit.weights[k]:.0%} {units[panel.donors[k]]}" for k in heaviest.tolist() if fit.weights[k] >= 0.005)
    fits = f"before the change it misses by {fit.before:.3g}, after it by {fit.after:.3g}"
    told = [f"a mixture of the others stands beside it, most of all {mixed}; {fits}", *_said((*fit.cautions, *placebos.cautions))]
    seen = panel.outcome[panel.treated]
    rests_on = "the mixture would have gone on as it did; the p-value is its rank among the others, had the change come to each of them"
    return Natural("synthetic", {}, fit.effect, placebos.p_value, rests_on, told, seen, seen - fit.gaps)


def _grid(given: PanelFile, units: Array) -> Array:
    """Return the outcome per unit and period. Shape (units, periods)."""
    found = np.full((len(units), len(given.periods)), np.nan)
    row = np.searchsorted(units, given.unit.astype(str))
    if len(np.unique(row * len(given.periods) + given.period)) < len(row):
        raise BadInput("a unit has two rows in a period: add them up, or name what tells them apart with --unit", field="period")
    found[row, given.period] = given.outcome
    lacking = np.argwhere(np.isnan(found))
    if len(lacking):
        who, when = lacking[0].tolist()
        said = f"{units[who] or 'the series'} has no number for {given.periods[when]}"
        raise BadInput(f"{said}: this method needs every period of every unit; fill it in or leave the unit out", field="period")
    return found


def _means(given: PanelFile, rows: Array) -> Array:
    counts = np.bincount(given.period[rows], minlength=len(given.periods))
    totals = np.bincount(given.period[rows], weights=given.outcome[rows], minlength=len(given.periods))
    return np.divide(totals, counts, out=np.full(len(counts), np.nan), where=counts > 0)


def _said(cautions: Sequence[Caution]) -> list[str]:
    return [one.said for one in cautions]
