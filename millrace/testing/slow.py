"""A view without state: every value is computed from the events themselves, as of any watermark. Slow, obvious, and what fast ones must equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from millrace.decision import Decisions
from millrace.features.offline import backfill
from millrace.features.plan import Plan
from millrace.schema import Field
from millrace.types import Array, Columns, objects, size, take


class SlowView:
    """Answers what an online view answers, from all events at once; later ones are there and must make no difference.

    Args:
        plan: What it can be asked.
        events: By stream name: `id`, `at`, `known`, `position` and the fields, in order of (known, position).
    """

    def __init__(self, plan: Plan, events: Mapping[str, Columns]) -> None:
        self._plan = plan
        self._events = events

    def lookup(self, features: Sequence[Any], d: Decisions, watermark: int) -> dict[str, Array]:
        """Return an array per feature, aligned to the rows: see `Facts.lookup`."""
        rows = take(d.requests, d.rows["request"])
        rows |= {"candidate": d.rows["candidate"], "watermark": np.full(size(d.rows), watermark)}
        return backfill(self._plan, features, rows, self._history)

    def top(self, aggregate: Any, take: int, watermark: int) -> tuple[Array, Array]:
        """Return the keys with the most events of a count: see `Index.top`."""
        read = self._plan.reads[aggregate.column]
        events = self._history(aggregate.stream, watermark)
        window, (key,) = aggregate.window, read.states[0].keying.keys
        counted: dict[str, int] = {}
        for at, known, one in zip(events["at"].tolist(), events["known"].tolist(), events[key.name].tolist(), strict=True):
            if one is not None and at >= int(window.lo(np.int64(watermark))) and at >= int(window.lo(np.int64(known + 1))):
                counted[one] = counted.get(one, 0) + 1
        best = sorted(counted, key=lambda one: (-counted[one], one))[:take]
        return objects(best), np.array([counted[one] for one in best])

    def newest(self, field: Field, take: int, watermark: int) -> Array:
        """Return the newest entities: see `Index.newest`."""
        latest = self._latest(field, watermark)
        there = [one for one, value in latest.items() if value <= watermark]
        return objects(sorted(there, key=lambda one: (-latest[one], one))[:take])

    def having(self, field: Field, values: Array) -> tuple[Array, Array]:
        """Return the entities whose attribute has a value: see `Index.having`."""
        latest = self._latest(field, 2**62)
        found = [(place, one) for place, value in enumerate(values.tolist()) for one in sorted(latest) if latest[one] == value]
        return np.array([place for place, _ in found], dtype=np.int64), objects(one for _, one in found)

    def advance(self, watermark: int) -> None:
        """Do nothing: there is no state to bring forward."""

    def _latest(self, field: Field, watermark: int) -> dict[str, Any]:
        told = self._history(field.owner, watermark)
        return dict(zip(told["id"].tolist(), told[field.name].tolist(), strict=True))

    def _history(self, stream: type, until: int) -> Columns:
        known = self._events[stream.__name__]
        return take(known, known["known"] < until)
