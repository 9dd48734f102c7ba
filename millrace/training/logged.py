"""What a model learns from is what was served: logged values where there are any, back-filled ones where there are none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from millrace.features.plan import Plan
from millrace.training.history import History
from millrace.types import Array, Columns, size, take


@dataclass(frozen=True)
class Known:
    """Features of rows, and where each value comes from.

    Attributes:
        values: By column, a value per row.
        logged: By column, whether the value is the one that the decision was made on; else it was back-filled. Boolean, shape (n,) each.
    """

    values: dict[str, Array]
    logged: Mapping[str, Array]


def as_served(plan: Plan, features: Sequence[Any], rows: Columns, history: History) -> Known:
    """Return features of decided rows: as they were served where the decisions recorded them, else back-filled from the log.

    A decision that was made blind, on defaults because the features did not answer, recorded nothing worth learning: its values are
    back-filled.

    Args:
        plan: A plan that holds the features.
        features: Those wanted.
        rows: From `History.decided`: with `served <column>` and `logged <column>` for what decisions recorded.
        history: The log.
    """
    distinct = {one.column: one for one in features}
    logged = {column: _logged(column, rows) for column in distinct}
    values: dict[str, Array] = {}
    bare = {name: column for name, column in rows.items() if not name.startswith(("served ", "logged "))}
    for mask, columns in _alike(logged):
        wanted = [distinct[column] for column in columns]
        again = history.features(plan, wanted, take(bare, ~mask)) if not (mask.any() and mask.all()) else {}
        for column in columns:
            values[column] = _joined(rows[f"served {column}"], again.get(column), mask) if mask.any() else again[column]
    return Known({column: values[column] for column in distinct}, logged)


def back_filled(plan: Plan, features: Sequence[Any], rows: Columns, history: History) -> Known:
    """Return features of rows that no decision was made on (pairs, judgements): all of them back-filled."""
    values = history.features(plan, features, rows)
    return Known(values, dict.fromkeys(values, np.zeros(size(rows), dtype=bool)))


def _logged(column: str, rows: Columns) -> Array:
    there = rows.get(f"logged {column}")
    if there is None:
        return np.zeros(size(rows), dtype=bool)
    return there & ~rows["blind"] if "blind" in rows else there


def _alike(logged: Mapping[str, Array]) -> Iterable[tuple[Array, list[str]]]:
    """Return the features that were logged on the same rows, together: they are back-filled in one go."""
    found: dict[bytes, tuple[Array, list[str]]] = {}
    for column, mask in logged.items():
        found.setdefault(mask.tobytes(), (mask, []))[1].append(column)
    return found.values()


def _joined(served: Array, again: Array | None, mask: Array) -> Array:
    """Return served values where `mask` is true and back-filled ones elsewhere, in the type of the latter."""
    if again is None:
        return served
    dtype = again.dtype
    if dtype.kind == "O" and served.dtype.kind != "O":
        served = np.full(len(served), None, dtype=object)  # text that was missing wherever it was recorded
    if dtype.kind in "ib" and served.dtype.kind == "f" and np.isnan(served[mask]).any():
        dtype = np.dtype(np.float64)  # recorded as missing: only a number can be
    out = np.empty(len(mask), dtype=dtype)
    out[mask] = served[mask]
    out[~mask] = again
    return out


def counts(known: Mapping[str, Array]) -> dict[str, tuple[int, int]]:
    """Return by feature how many values were logged and how many were back-filled."""
    return {column: (int(mask.sum()), int((~mask).sum())) for column, mask in known.items()}
