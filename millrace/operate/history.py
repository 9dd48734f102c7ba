"""The log as training and monitors read it, parsed once: what was decided is kept in memory as columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from millrace.decision import Decision
from millrace.loading import Loaded
from millrace.log.log import Log
from millrace.schema import Field, field_names
from millrace.types import Array, Columns, objects, size, stack, take


class LogHistory:
    """Reads one system's history; asks the log only for what is new since the last time.

    Args:
        log: The log.
        loaded: The system.
    """

    def __init__(self, log: Log, loaded: Loaded) -> None:
        self._log = log
        self._loaded = loaded
        self._read_until = -(2**62)
        self._parts: list[Columns] = []

    def events(self, stream: type, until: int) -> Columns:
        """Return a stream's records known before an instant, by (known, position)."""
        return self._log.read(stream, known_until=until)

    def decided(self, since: int, until: int) -> Columns:
        """Return a row per candidate taken in decisions asked in [since, until), with the request's fields, by (at, id, rank)."""
        rows = self._rows(until)
        return take(rows, (rows["at"] >= since) & (rows["at"] < until)) if size(rows) else rows

    def _rows(self, until: int) -> Columns:
        new = list(self._log.decisions(system=self._loaded.name, known_from=self._read_until, known_until=until))
        if new:
            self._read_until = max(known for _, known in new) + 1
            rows = _taken_rows(new)
            self._parts.append({**rows, **self._requests(rows["id"], until)})
        if not self._parts:
            return self._empty()
        whole = stack(self._parts) if len(self._parts) > 1 else self._parts[0]
        if len(self._parts) > 1:
            whole = take(whole, np.lexsort((whole["rank"], whole["id"].astype(str), whole["at"])))
        self._parts = [whole]
        return whole

    def _requests(self, ids: Array, until: int) -> dict[str, Array]:
        """Return the requests' own fields, a row per id."""
        request = self._loaded.system.request
        asked = self._log.read(request, known_until=until)
        at = dict(zip(asked["id"].tolist(), range(size(asked)), strict=True))
        index = np.array([at[one] for one in ids.tolist()], dtype=np.int64)
        return {name: asked[name][index] for name in field_names(request) if name not in ("id", "at")}

    def _empty(self) -> Columns:
        request = self._loaded.system.request
        fields = {name: np.zeros(0, dtype=Field(request, name).dtype) for name in field_names(request) if name not in ("id", "at")}
        return {**_taken_rows([]), **fields}


def _taken_rows(decisions: Iterable[tuple[Decision, int]]) -> dict[str, Array]:
    """Return a row per candidate taken, the values of the models' features and heads as served among the columns."""
    pairs = sorted(decisions, key=lambda pair: (pair[0].at, pair[0].id))
    counts = np.array([decision.taken for decision, _ in pairs], dtype=np.int64)
    out = {name: np.repeat(_column([getattr(one, name) for one, _ in pairs]), counts) for name in _PER_DECISION}
    out["known"] = np.repeat(np.array([known for _, known in pairs], dtype=np.int64), counts)
    out["missed"] = np.repeat(np.array([bool(one.missed) for one, _ in pairs], dtype=bool), counts)
    out["rank"] = np.concatenate([np.arange(n) for n in counts]) if len(counts) else np.zeros(0, dtype=np.int64)
    out["candidate"] = objects(name for one, _ in pairs for name in one.candidate[: one.taken])
    for name in ("score", "propensity"):
        out[name] = np.array([_number(value) for one, _ in pairs for value in getattr(one, name)[: one.taken]], dtype=np.float64)
    return {**out, **_served([one for one, _ in pairs], counts)}


_PER_DECISION = ("id", "at", "watermark", "policy", "arm", "arm_share", "action", "release")


def _served(decisions: list[Decision], counts: Array) -> dict[str, Array]:
    """Return what was served of features and heads, `served <column>`; missing where a decision's policy did not read it."""
    names = sorted({name for one in decisions for name in one.features})
    found = {}
    for name in names:
        values = [value for one, n in zip(decisions, counts.tolist(), strict=True) for value in one.features.get(name, [None] * n)]
        is_text = any(isinstance(value, str) for value in values)
        found[f"served {name}"] = objects(values) if is_text else np.array([_number(value) for value in values], dtype=np.float64)
    return found


def _column(values: list[Any]) -> Array:
    if values and isinstance(values[0], str):
        return objects(values)
    return np.array(values, dtype=np.float64 if values and isinstance(values[0], float) else np.int64 if values else object)


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
