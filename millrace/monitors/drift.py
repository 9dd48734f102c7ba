"""Drift: do the scores, and what they are made of, still look as they did when the release began to serve?"""

from __future__ import annotations

from typing import Any

import numpy as np

from millrace.monitors.reading import Reading
from millrace.types import Array, Columns, size

_BINS = 10
_CATEGORIES = 20
_LEAST = 200
_FLOOR = 1e-4


def profile(rows: Columns) -> dict[str, Any]:
    """Return what columns look like: shares by quantile bin, or by most common category.

    Args:
        rows: Numeric or text columns. Shape (n,) each.

    Returns:
        By column: `edges` or `categories`, the `shares` (missing values last) and `n`.
    """
    return {name: _numbers(column) if column.dtype.kind in "fiub" else _texts(column) for name, column in rows.items()}


def _numbers(column: Array) -> dict[str, Any]:
    values = column.astype(np.float64)
    present = values[np.isfinite(values)]
    edges = np.unique(np.quantile(present, np.linspace(0, 1, _BINS + 1)[1:-1])) if len(present) else np.zeros(0)
    found: dict[str, Any] = {"edges": edges.tolist()}
    return {**found, "shares": _shares(column, found).tolist(), "n": len(column)}


def _texts(column: Array) -> dict[str, Any]:
    names, counts = np.unique(np.array([one for one in column.tolist() if one is not None], dtype=str), return_counts=True)
    kept = names[np.argsort(-counts, kind="stable")][:_CATEGORIES]
    found: dict[str, Any] = {"categories": kept.tolist()}
    return {**found, "shares": _shares(column, found).tolist(), "n": len(column)}


def _shares(column: Array, found: dict[str, Any]) -> Array:
    if "edges" in found:
        values = column.astype(np.float64)
        missing = ~np.isfinite(values)
        place = np.searchsorted(np.array(found["edges"]), np.where(missing, 0.0, values), side="left")
        bins = len(found["edges"]) + 1
    else:
        known = {name: position for position, name in enumerate(found["categories"])}
        bins = len(known) + 1  # one for every other category
        place = np.array([known.get(one, bins - 1) for one in column.tolist()], dtype=np.int64)
        missing = np.array([one is None for one in column.tolist()], dtype=bool)
    counts = np.bincount(np.where(missing, bins, place), minlength=bins + 1)
    return counts / max(len(column), 1)


def stability(reference: dict[str, Any], column: Array) -> float:
    """Return the population stability index of a column against its profile, less what chance alone would give.

    The index is the sum over bins of (share - reference) · ln(share / reference); under no change it is about
    (bins - 1) · (1/n + 1/m), which is subtracted. 0.1 is a small change, 0.2 the usual alarm.

    Source: Yurdakul & Naranjo (2020), Statistical properties of the population stability index.
    """
    before = np.maximum(np.array(reference["shares"]), _FLOOR)
    now = np.maximum(_shares(column, reference), _FLOOR)
    used = np.count_nonzero((before > _FLOOR) | (now > _FLOOR))
    chance = (used - 1) * (1 / max(reference["n"], 1) + 1 / max(len(column), 1))
    return max(float(np.sum((now - before) * np.log(now / before)) - chance), 0.0)


def drift(name: str, reference: dict[str, Any], rows: Columns, heads: tuple[str, ...], limit: float) -> Reading:
    """Return how far a model's recent scores have drifted from its profile, and which feature has moved most.

    The alarm is on the scores: features move with the season and the hour, and matter as far as they move what is decided.

    Args:
        name: The model's name.
        reference: From `profile`, of the rows it served first.
        rows: The same columns on recent rows.
        heads: Which of them are scores.
        limit: The index of a score beyond which it alarms.
    """
    if size(rows) < _LEAST:
        return Reading(f"drift of {name}", float("nan"), limit, False, f"only {size(rows)} rows to compare; {_LEAST} are needed")
    values = {column: stability(reference[column], rows[column]) for column in reference if column in rows}
    value = max(values[head] for head in heads)
    features = [column for column in values if column not in heads]
    most = max(features, key=lambda column: values[column], default="")
    cause = f"; of the features {most} has moved most, by {values[most]:.2f}" if most else ""
    message = f"the scores of {name} have moved by {value:.2f} (limit {limit:g}) since it began to serve{cause}"
    return Reading(f"drift of {name}", value, limit, value > limit, message, {"stability": values})
