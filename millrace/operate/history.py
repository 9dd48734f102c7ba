"""The log as training and monitors read it, parsed once: what was decided is kept in memory as columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

import numpy as np

from millrace.decision import Decision
from millrace.features.declare import Aggregate
from millrace.features.values import dtype_of
from millrace.loaded import Loaded
from millrace.log.log import Log
from millrace.schema import Field, field_names
from millrace.types import EVER, Array, Columns, objects, size, stack, take


class LogHistory:
    """Reads one system's history; asks the log only for what is new since the last time.

    Args:
        log: The log.
        loaded: The system.
    """

    def __init__(self, log: Log, loaded: Loaded) -> None:
        self._log = log
        self._loaded = loaded
        self._streams: dict[str, _Kept] = {}
        self._decided = _Kept()
        self._texts = {column for column, one in loaded.plan.features.items() if _is_text(one)}
        self._first: int | None = None

    def events(self, stream: type, until: int) -> Columns:
        """Return a stream's records known before an instant, by (known, position)."""
        kept = self._streams.setdefault(stream.__name__, _Kept())
        rows = kept.grown(
            self._safe(until), lambda since, end: self._log.read(stream, known_from=since, known_until=end), _one_after_another
        )
        return take(rows, slice(0, int(np.searchsorted(rows["known"], until))))

    def decided(self, since: int, until: int) -> Columns:
        """Return a row per candidate taken in decisions asked in [since, until), with the request's fields, by (at, id, rank)."""
        rows = self._decided.grown(self._safe(until), self._newly_decided, _in_order)
        rows = take(rows, slice(*np.searchsorted(rows["at"], [since, until]).tolist()))
        known = rows["known"] < until
        return rows if known.all() else take(rows, known)

    def first_decided(self, until: int) -> int | None:
        """Return when the first decision before an instant was asked, microseconds; None when there is none."""
        if self._first is None:  # once there is one it stays the first: an operator that waits asks at every step
            rows = self.decided(EVER, until)
            self._first = int(rows["at"][0]) if size(rows) else None
        return self._first if self._first is not None and self._first < until else None

    def _safe(self, until: int) -> int:
        """Return the instant up to which nothing can be added any more: what is being written now has a later one."""
        return min(until, self._log.last_known + 1)

    def _newly_decided(self, since: int, end: int) -> Columns:
        made = self._log.decisions(system=self._loaded.name, known_from=since, known_until=end)
        rows = _taken_rows(made, self._texts)
        return {**rows, **self._asked(rows["id"], end)}

    def _asked(self, ids: Array, until: int) -> dict[str, Array]:
        """Return the requests' own fields, a row per id."""
        request = self._loaded.system.request
        asked = self.events(request, until)
        at = dict(zip(asked["id"].tolist(), range(size(asked)), strict=True))
        index = np.array([at[one] for one in ids.tolist()], dtype=np.int64)
        return {name: asked[name][index] for name in field_names(request) if name not in ("id", "at")}


class _Kept:
    """Rows read so far, up to an instant."""

    def __init__(self) -> None:
        self._until = EVER
        self._rows: Columns | None = None

    def grown(self, until: int, read: Callable[[int, int], Columns], joined: Callable[[Columns, Columns], Columns]) -> Columns:
        """Return all rows up to an instant, reading those that are new and joining them to the others."""
        if self._rows is None or until > self._until:
            new = read(self._until, until)
            if self._rows is None or not size(self._rows):
                self._rows = new
            elif size(new):
                self._rows = joined(self._rows, new)
            self._until = max(until, self._until)
        return self._rows


def _one_after_another(kept: Columns, new: Columns) -> Columns:
    return stack([kept, new])


def _in_order(kept: Columns, new: Columns) -> Columns:
    """Return the rows of both by (at, id, rank), given each in that order."""
    rows = stack([kept, new])
    if kept["at"][-1] < new["at"][0]:  # as it mostly is: decisions are logged in the order in which they were asked
        return rows
    return take(rows, np.lexsort((rows["rank"], rows["id"].astype(str), rows["at"])))


def _is_text(feature: Any) -> bool:
    """Whether a feature's values are text; of a function only its values tell."""
    if isinstance(feature, Field):
        return feature.dtype is object
    return isinstance(feature, Aggregate) and feature.op == "last" and dtype_of(feature.value).kind == "O"


def _taken_rows(decisions: Iterable[tuple[int, Decision]], texts: Collection[str]) -> dict[str, Array]:
    """Return a row per candidate taken, the values of the models' features and heads as served among the columns."""
    pairs = sorted(decisions, key=lambda pair: (pair[1].at, pair[1].id))
    made = [one for _, one in pairs]
    counts = np.array([one.taken for one in made], dtype=np.int64)
    out = {name: np.repeat(_column([getattr(one, name) for one in made], of), counts) for name, of in _PER_DECISION.items()}
    out["known"] = np.repeat(np.array([known for known, _ in pairs], dtype=np.int64), counts)
    out["missed"] = np.repeat(np.array([bool(one.missed) for one in made], dtype=bool), counts)
    out["rank"] = np.concatenate([np.arange(n) for n in counts]) if len(counts) else np.zeros(0, dtype=np.int64)
    out["candidate"] = objects(name for one in made for name in one.candidate[: one.taken])
    for name in ("score", "propensity"):
        out[name] = np.array([_number(value) for one in made for value in getattr(one, name)[: one.taken]], dtype=np.float64)
    return {**out, **_served(made, counts, texts)}


_PER_DECISION = {"id": str, "at": int, "watermark": int, "policy": str, "arm": str, "arm_share": float, "action": str, "release": str}


def _served(decisions: list[Decision], counts: Array, texts: Collection[str]) -> dict[str, Array]:
    """Return what was served of features and heads, `served <column>`; missing where a decision's policy did not read it."""
    names = sorted({name for one in decisions for name in one.features})
    found = {}
    for name in names:
        values = [value for one, n in zip(decisions, counts.tolist(), strict=True) for value in one.features.get(name) or [None] * n]
        is_text = name in texts or any(isinstance(value, str) for value in values)
        found[f"served {name}"] = objects(values) if is_text else np.array([_number(value) for value in values], dtype=np.float64)
    return found


def _column(values: list[Any], of: type) -> Array:
    return objects(values) if of is str else np.array(values, dtype=np.float64 if of is float else np.int64)


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
