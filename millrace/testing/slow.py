"""A view without state: every value is computed from the events, as of any watermark. Slow, obvious, and what fast ones must equal."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from millrace.decision import Decision, Decisions
from millrace.features.offline import backfill
from millrace.features.plan import Plan
from millrace.schema import Field, field_names
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
        self._watermark = 0

    def advance(self, watermark: int) -> None:
        """Move to an instant, forwards or back: what `having` is asked as of."""
        self._watermark = watermark

    def lookup(self, features: Sequence[Any], d: Decisions, watermark: int) -> dict[str, Array]:
        """Return an array per feature, aligned to the rows: see `Facts.lookup`."""
        rows = take(d.requests, d.rows["request"])
        rows |= {"candidate": d.rows["candidate"], "watermark": np.full(size(d.rows), watermark)}
        return backfill(self._plan, features, rows, self.history)

    def top(self, aggregate: Any, take: int, watermark: int) -> tuple[Array, Array]:
        """Return the keys with the most events of a count of one key without a filter: see `Index.top`."""
        events = self.history(aggregate.stream, watermark)
        window, (key,) = aggregate.window, self._plan.reads[aggregate.column].states[0].keying.keys
        counted: dict[str, int] = {}
        for at, known, one in zip(events["at"].tolist(), events["known"].tolist(), events[key.name].tolist(), strict=True):
            if one is not None and at >= window.lo(watermark) and not window.expired(at, known):
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
        latest = self._latest(field, self._watermark)
        found = [(place, one) for place, value in enumerate(values.tolist()) for one in sorted(latest) if latest[one] == value]
        return np.array([place for place, _ in found], dtype=np.int64), objects(one for _, one in found)

    def history(self, stream: type, until: int) -> Columns:
        """Return what was known of a class before an instant."""
        known = self._events[stream.__name__]
        return take(known, known["known"] < until)

    def _latest(self, field: Field, watermark: int) -> dict[str, Any]:
        told = self.history(field.owner, watermark)
        return dict(zip(told["id"].tolist(), told[field.name].tolist(), strict=True))


class Remembering:
    """A view that is asked the same over and over, and answers from memory what it was asked before as of one watermark.

    Args:
        plan: What the view can be asked.
        view: The view.
    """

    def __init__(self, plan: Plan, view: Any) -> None:
        self._view = view
        self._own = field_names(plan.request)
        self._answers: dict[Hashable, Any] = {}

    def lookup(self, features: Sequence[Any], d: Decisions, watermark: int) -> dict[str, Array]:
        """See `Facts.lookup`."""
        asked = [d.requests[name] for name in self._own] + [d.rows["request"], d.rows["candidate"]]
        key = (watermark, *(one.column for one in features), *(tuple(column.tolist()) for column in asked))
        return self._answer(key, lambda: self._view.lookup(features, d, watermark))

    def top(self, aggregate: Any, take: int, watermark: int) -> tuple[Array, Array]:
        """See `Index.top`."""
        return self._answer((watermark, aggregate.column, take), lambda: self._view.top(aggregate, take, watermark))

    def newest(self, field: Field, take: int, watermark: int) -> Array:
        """See `Index.newest`."""
        return self._answer((watermark, field.column, take), lambda: self._view.newest(field, take, watermark))

    def having(self, field: Field, values: Array) -> tuple[Array, Array]:
        """See `Index.having`."""
        return self._answer((field.column, *values.tolist()), lambda: self._view.having(field, values))

    def _answer(self, key: Hashable, ask: Callable[[], Any]) -> Any:
        if key not in self._answers:
            self._answers[key] = ask()
        return self._answers[key]


class SlowMemory:
    """Says what may be repeated, looking at all that was ever decided; what fast ones say must be among it.

    Args:
        decided: When each decision became known (microseconds), the fields of the request it answers, and the decision.
    """

    def __init__(self, decided: Sequence[tuple[int, Mapping[str, Any], Decision]]) -> None:
        self._decided = sorted(decided, key=lambda one: one[0])

    def recalled(self, kind: tuple[str, str, tuple[str, ...]], requests: Columns, since: int, watermark: int) -> list[Decision | None]:
        """Return for each request the latest that may be repeated, None where there is none: see `Facts.recalled`."""
        asked = [dict(zip(requests, row, strict=True)) for row in zip(*(column.tolist() for column in requests.values()), strict=True)]
        return [next(reversed(self.allowed(kind, one, since, watermark)), None) for one in asked]

    def allowed(self, kind: tuple[str, str, tuple[str, ...]], asked: Mapping[str, Any], since: int, watermark: int) -> list[Decision]:
        """Return all that may be repeated on a request, the latest last."""
        policy, release, key = kind
        return [
            one
            for known, fields, one in self._decided
            if (one.policy, one.release) == (policy, release)
            and all(fields[name] == asked[name] for name in key)
            and known < watermark
            and one.watermark >= since
            and not one.missed
            and not one.repeats
        ]
