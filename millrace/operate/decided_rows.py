"""Decisions as columns: a row per decision, and a row per candidate taken."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from millrace.decision import Decision
from millrace.serve.facts import ONLINE_VIEW
from millrace.types import Array, objects


def made_rows(decisions: Sequence[tuple[int, Decision]]) -> dict[str, Array]:
    """Return a row per decision, in the order given, with `known`, and `interleaved`: whose its rows are, None where nobody's."""
    made = [one for _, one in decisions]
    out = {name: _column([getattr(one, name) for one in made], of) for name, of in _PER_DECISION.items()}
    return {**out, "known": _column([known for known, _ in decisions], int), "interleaved": objects(one.interleaved for one in made)}


def taken_rows(decisions: Iterable[tuple[int, Decision]], texts: Collection[str]) -> dict[str, Array]:
    """Return a row per candidate taken, by (at, id, rank), the values of the models' features and heads as served among the columns."""
    pairs = sorted(decisions, key=lambda pair: (pair[1].at, pair[1].id))
    made = [one for _, one in pairs]
    counts = np.array([one.taken for one in made], dtype=np.int64)
    out = {name: np.repeat(_column([getattr(one, name) for one in made], of), counts) for name, of in _PER_DECISION.items()}
    out["known"] = np.repeat(np.array([known for known, _ in pairs], dtype=np.int64), counts)
    out["missed"] = np.repeat(np.array([bool(one.missed) for one in made], dtype=bool), counts)
    out["blind"] = np.repeat(np.array([ONLINE_VIEW in one.missed for one in made], dtype=bool), counts)
    out["rank"] = np.concatenate([np.arange(n) for n in counts]) if len(counts) else np.zeros(0, dtype=np.int64)
    out["candidate"] = objects(name for one in made for name in one.candidate[: one.taken])
    for name in ("score", "propensity"):
        out[name] = np.array([_number(value) for one in made for value in getattr(one, name)[: one.taken]], dtype=np.float64)
    return {**out, **_served(made, counts, texts)}


_PER_DECISION = {"id": str, "at": int, "watermark": int, "policy": str, "arm": str, "arm_share": float, "action": str, "release": str}


def _served(decisions: list[Decision], counts: Array, texts: Collection[str]) -> dict[str, Array]:
    """Return what was served of features and heads, `served <column>`, and on which rows there is such a value, `logged <column>`.

    Missing where a decision's policy did not read it. What is a boolean wherever it was logged stays one, as models tell them from numbers.
    """
    names = sorted({name for one in decisions for name in one.features})
    found = {}
    for name in names:
        parts = [(one.features.get(name), n) for one, n in zip(decisions, counts.tolist(), strict=True)]
        values = [value for part, n in parts for value in part or [None] * n]
        # What stood on defaults because the view did not answer was served, and is back-filled all the same: no model learns an outage.
        there = [bool(part) and ONLINE_VIEW not in one.missed for one, (part, _) in zip(decisions, parts, strict=True)]
        logged = np.repeat(np.array(there, dtype=bool), counts)
        found[f"served {name}"] = _served_column(values, logged, name in texts)
        found[f"logged {name}"] = logged
    return found


def _served_column(values: list[Any], logged: Array, is_text: bool) -> Array:
    if is_text or any(isinstance(value, str) for value in values):
        return objects(values)
    if all(isinstance(value, bool) for value, known in zip(values, logged.tolist(), strict=True) if known):
        return np.array([bool(value) for value in values], dtype=bool)
    return np.array([_number(value) for value in values], dtype=np.float64)


def _column(values: list[Any], of: type) -> Array:
    return objects(values) if of is str else np.array(values, dtype=np.float64 if of is float else np.int64)


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
