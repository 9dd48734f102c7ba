"""Replay parity, proven on a system's own log: what training computes for a logged decision is what serving served."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from millrace.features.parity import Mismatch, compare
from millrace.features.plan import plan as plan_for
from millrace.loaded import Loaded
from millrace.log.decisions import DECISION
from millrace.operate.history import LogHistory
from millrace.policy.pipeline import Pipeline
from millrace.schema import shows
from millrace.types import EVER, Columns, size, take

_AT_ONCE = 2_000_000
"""Rows recomputed together: a large log is read once for each so many."""


@dataclass(frozen=True)
class Proof:
    """What was compared, and where the two differ.

    Attributes:
        decisions: How many decisions were checked: those that a model or a rule scored.
        values: How many feature values.
        mismatches: Those that differ.
        rows: The row of each, as `features.parity.explain` takes it.
        forgotten: How many values besides differ since somebody was forgotten whose records they may have counted: no longer provable.
    """

    decisions: int
    values: int
    mismatches: tuple[Mismatch, ...]
    rows: tuple[Columns, ...]
    forgotten: int = 0


def verify(
    loaded: Loaded,
    history: LogHistory,
    since: int,
    until: int,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    gaps: Mapping[str, int] | None = None,
) -> Proof:
    """Recompute every feature that decisions in [since, until) were made on, from the log alone, and compare.

    Args:
        loaded: The system; it must be the one that decided.
        history: Its log.
        since: Decisions asked from this instant on, microseconds.
        until: Decisions asked before this instant, microseconds.
        progress: Told how many rows of how many are done.
        gaps: By stream, when the first record became known that was removed because somebody was forgotten. What a decision saw after
            that, of that stream, may differ without anybody being wrong.
    """
    rows = history.decided(since, until)
    rows = take(rows, ~rows["blind"])  # what was made on defaults alone, and says so, is nothing to prove
    values, checked, decisions = 0, 0, set()
    mismatches: list[Mismatch] = []
    differing: list[Columns] = []
    forgotten = 0
    for name, features in _read_by(loaded).items():
        unprovable = _unprovable(loaded, features, gaps or {})
        mine = take(rows, rows["policy"] == name)
        for start in range(0, size(mine), _AT_ONCE):
            part = take(mine, slice(start, start + _AT_ONCE))
            differ, n = _part(loaded, history, features, part)
            found = [one for one in differ if part["watermark"][one.row] <= unprovable.get(one.column, -EVER)]
            forgotten += len(differ) - len(found)
            mismatches += found
            differing += [take(part, slice(one.row, one.row + 1)) for one in found]
            values += n
            checked += size(part)
            decisions.update(part["id"].tolist())
            progress(checked, size(rows))
    return Proof(len(decisions), values, tuple(mismatches), tuple(differing), forgotten)


def _unprovable(loaded: Loaded, features: list[Any], gaps: Mapping[str, int]) -> dict[str, int]:
    """Return by feature the first instant at which it may have counted what is removed since, for those that may have."""
    out = {}
    for one in features if gaps else ():
        streams = plan_for(loaded.system.request, loaded.system.candidate, [one]).streams
        names = {name for stream in streams for name in ((DECISION, shows(stream)[0].__name__) if shows(stream) else (stream.__name__,))}  # type: ignore[index]
        if names & gaps.keys():
            out[one.column] = min(gaps[name] for name in names & gaps.keys())
    return out


def _read_by(loaded: Loaded) -> dict[str, list[Any]]:
    """Return, by pipeline name, the features its scores are made of: what its decisions recorded."""
    read = {loaded.name_of(pipeline): list(pipeline.scored_on) for pipeline in loaded.of(Pipeline)}
    return {name: features for name, features in read.items() if features}


def _part(loaded: Loaded, history: LogHistory, features: list[Any], rows: Columns) -> tuple[list[Mismatch], int]:
    recorded = [one for one in features if f"served {one.column}" in rows]
    again = history.features(loaded.plan, recorded, rows)
    served = {one.column: rows[f"served {one.column}"] for one in recorded}
    return compare(rows["id"], served, {one.column: again[one.column] for one in recorded}), size(rows) * len(recorded)
