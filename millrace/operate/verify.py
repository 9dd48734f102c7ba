"""Replay parity, proven on a system's own log: what training computes for a logged decision is what serving served."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from millrace.features.offline import backfill
from millrace.features.parity import Mismatch, compare
from millrace.loaded import Loaded
from millrace.operate.history import LogHistory
from millrace.policy.pipeline import Pipeline
from millrace.policy.stages import Score
from millrace.types import Columns, size, take

_AT_ONCE = 200_000


@dataclass(frozen=True)
class Proof:
    """What was compared, and where the two differ.

    Attributes:
        decisions: How many decisions were checked: those that a model scored.
        values: How many feature values.
        mismatches: Those that differ.
        rows: The row of each, as `features.parity.explain` takes it.
    """

    decisions: int
    values: int
    mismatches: tuple[Mismatch, ...]
    rows: tuple[Columns, ...]


def verify(
    loaded: Loaded, history: LogHistory, since: int, until: int, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> Proof:
    """Recompute every feature that decisions in [since, until) were made on, from the log alone, and compare.

    Args:
        loaded: The system; it must be the one that decided.
        history: Its log.
        since: Decisions asked from this instant on, microseconds.
        until: Decisions asked before this instant, microseconds.
        progress: Told how many rows of how many are done.
    """
    rows = history.decided(since, until)
    values, checked, decisions = 0, 0, set()
    mismatches: list[Mismatch] = []
    differing: list[Columns] = []
    for name, features in _read_by(loaded).items():
        mine = take(rows, rows["policy"] == name)
        for start in range(0, size(mine), _AT_ONCE):
            part = take(mine, slice(start, start + _AT_ONCE))
            found, n = _part(loaded, history, features, part)
            mismatches += found
            differing += [take(part, slice(one.row, one.row + 1)) for one in found]
            values += n
            checked += size(part)
            decisions.update(part["id"].tolist())
            progress(checked, size(rows))
    return Proof(len(decisions), values, tuple(mismatches), tuple(differing))


def _read_by(loaded: Loaded) -> dict[str, list[Any]]:
    """Return, by pipeline name, the features its models read: what its decisions recorded."""
    found = {}
    for pipeline in loaded.of(Pipeline):
        features = {one.column: one for stage in pipeline.stages if isinstance(stage, Score) for one in stage.model.features}
        if features:
            found[loaded.name_of(pipeline)] = list(features.values())
    return found


def _part(loaded: Loaded, history: LogHistory, features: list[Any], rows: Columns) -> tuple[list[Mismatch], int]:
    recorded = [one for one in features if f"served {one.column}" in rows]
    again = backfill(loaded.plan, recorded, rows, history.events)
    served = {one.column: rows[f"served {one.column}"] for one in recorded}
    return compare(rows["id"], served, {one.column: again[one.column] for one in recorded}), size(rows) * len(recorded)
