"""Facts that note how long whatever is asked of them takes. Whatever wraps facts is facts too, so a policy need not know."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from millrace.decision import Decision, Decisions, Facts, Index, Scorer
from millrace.loaded import Loaded
from millrace.policy.sources import Source
from millrace.serve.timing import ATTEMPT, FEATURES, MODEL, SOURCES, Found
from millrace.types import Array, Columns


def sources_of(loaded: Loaded) -> frozenset[str]:
    """Return the names of the sources that a system asks."""
    return frozenset(loaded.name_of(one) for one in loaded.of(Source))


class TimedFacts:
    """Answers as other facts do, and adds a span for each lookup, enumeration, scoring and attempt.

    Args:
        facts: The facts.
        found: Where it is noted: `Spans.found`. What runs side by side is noted in the same.
        sources: The names of the sources: an attempt of that name is one.
        inside: The path of the attempts this is inside of, each ending in a slash.
    """

    __slots__ = ("_facts", "_found", "_inside", "_sources")

    def __init__(self, facts: Facts, found: Found, sources: Collection[str] = (), inside: str = "") -> None:
        self._facts, self._found, self._sources, self._inside = facts, found, sources, inside

    @property
    def watermark(self) -> int:
        """See `Facts.watermark`."""
        return self._facts.watermark

    @property
    def missed(self) -> Sequence[str]:
        """See `Facts.missed`."""
        return self._facts.missed

    @property
    def index(self) -> Index:
        """See `Facts.index`."""
        return _TimedIndex(self._facts.index, self._found, self._inside)

    def lookup(self, features: Sequence[Any], d: Decisions) -> dict[str, Array]:
        """See `Facts.lookup`."""
        began = time.perf_counter_ns()
        try:
            return self._facts.lookup(features, d)
        finally:
            self._found.append((FEATURES, "", began, time.perf_counter_ns(), self._inside))

    def version(self, model: Any) -> Scorer:
        """See `Facts.version`."""
        return _TimedVersion(self._facts.version(model), self._found, self._facts.name(model), self._inside)

    def threshold(self, chooser: Any, action: str) -> float:
        """See `Facts.threshold`."""
        return self._facts.threshold(chooser, action)

    def chance(self, name: str, ids: Array) -> Array:
        """See `Facts.chance`."""
        return self._facts.chance(name, ids)

    def name(self, declaration: Any) -> str:
        """See `Facts.name`."""
        return self._facts.name(declaration)

    def kept(self, experiment: Any) -> str:
        """See `Facts.kept`."""
        return self._facts.kept(experiment)

    def pinned(self, release: Mapping[Any, Any], named: str = "") -> TimedFacts:
        """See `Facts.pinned`."""
        return self._of(self._facts.pinned(release, named))

    def recalled(self, policy: Any, by: Sequence[str], requests: Columns, life: int) -> Sequence[Decision | None]:
        """See `Facts.recalled`."""
        return self._facts.recalled(policy, by, requests, life)

    def apart(self) -> TimedFacts:
        """See `Facts.apart`."""
        return self._of(self._facts.apart())

    def attempt(self, calls: Mapping[str, Callable[[Facts], Any]], within: Mapping[str, str | None]) -> dict[str, Any]:
        """See `Facts.attempt`."""
        return self._facts.attempt({name: self._timed(name, call) for name, call in calls.items()}, within)

    def _timed(self, name: str, call: Callable[[Facts], Any]) -> Callable[[Facts], Any]:
        path = self._inside + name
        if name in self._sources:  # timed as a whole

            def proposed(known: Facts) -> Any:
                began = time.perf_counter_ns()
                try:
                    return call(known)
                finally:
                    self._found.append((SOURCES, path, began, time.perf_counter_ns(), self._inside))

            return proposed

        def timed(known: Facts) -> Any:
            began = time.perf_counter_ns()
            try:
                return call(TimedFacts(known, self._found, self._sources, path + "/"))
            finally:
                self._found.append((ATTEMPT, path, began, time.perf_counter_ns(), self._inside))

        return timed

    def _of(self, facts: Facts) -> TimedFacts:
        return TimedFacts(facts, self._found, self._sources, self._inside)


class _TimedIndex:
    """What sources propose from, where one stands alone."""

    def __init__(self, index: Index, found: Found, inside: str) -> None:
        self._index, self._found, self._inside = index, found, inside

    def top(self, aggregate: Any, take: int) -> tuple[Array, Array]:
        began = time.perf_counter_ns()
        found = self._index.top(aggregate, take)
        self._found.append((SOURCES, "", began, time.perf_counter_ns(), self._inside))
        return found

    def newest(self, field: Any, take: int) -> Array:
        began = time.perf_counter_ns()
        found = self._index.newest(field, take)
        self._found.append((SOURCES, "", began, time.perf_counter_ns(), self._inside))
        return found

    def having(self, field: Any, values: Array) -> tuple[Array, Array]:
        began = time.perf_counter_ns()
        found = self._index.having(field, values)
        self._found.append((SOURCES, "", began, time.perf_counter_ns(), self._inside))
        return found


class _TimedVersion:
    """A version of a model; what it has besides scoring and recalling is its own."""

    def __init__(self, version: Any, found: Found, name: str, inside: str) -> None:
        self._version, self._found, self._name, self._inside = version, found, name, inside

    def score(self, rows: Columns) -> Columns:
        began = time.perf_counter_ns()
        try:
            return self._version.score(rows)
        finally:
            self._found.append((MODEL, self._name, began, time.perf_counter_ns(), self._inside))

    def recall(self, *asked: Any) -> Columns:
        began = time.perf_counter_ns()
        try:
            return self._version.recall(*asked)
        finally:
            self._found.append((SOURCES, self._name, began, time.perf_counter_ns(), self._inside))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._version, name)
