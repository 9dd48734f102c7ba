"""What Prometheus can ask of a served system."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from millrace.decision import Decision

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""Names, in the environment, the folder of the files where several processes share their numbers: it must be there when they start."""

_OPEN = {"closed": 0.0, "half-open": 0.5, "open": 1.0}


class Metrics:
    """The counters of one server, in a registry of their own; where workers share their numbers, each tells those of all."""

    def __init__(self, system: str) -> None:
        self._registry = CollectorRegistry()
        labels: Any = {"registry": self._registry}
        self.decisions = Counter("millrace_decisions", "Decisions answered.", ["system", "policy", "arm", "action"], **labels)
        self.inferences = Counter(
            "millrace_inferences", "Rows scored over /v2, outside decisions.", ["system", "model", "version"], **labels
        )
        self.misses = Counter("millrace_misses", "What did not answer in time.", ["system", "name"], **labels)
        self.failures = Counter("millrace_failures", "What failed and was left out.", ["system", "name"], **labels)
        self.events = Counter("millrace_events", "Events and entities acknowledged.", ["system", "result"], **labels)
        self.errors = Counter("millrace_errors", "Requests refused or failed, by HTTP status.", ["system", "status"], **labels)
        self.seconds = Histogram("millrace_request_seconds", "Time to answer, by route.", ["system", "route"], buckets=_SECONDS, **labels)
        self.watermark = self._gauge(
            "millrace_last_known_seconds", "When the last event became known, seconds since 1970.", ["system"], "max"
        )
        self.behind = self._gauge("millrace_followers_away", "What publishes the online view and cannot.", ["system"], "livemax")
        self.under_way = Gauge("millrace_under_way", "Callers whose requests are being decided or wait for it.", ["system"], **labels)
        self.limit = Gauge("millrace_limit", "How many callers may be under way; more are refused.", ["system"], **labels)
        self.open = Gauge(
            "millrace_breaker_open", "Leaves that are left out for failing: 1, or 0.5 while probed.", ["system", "name"], **labels
        )
        self.defaults = Counter("millrace_defaults", "Missing values that a default stood in for.", ["system", "feature"], **labels)
        self.restarts = Counter("millrace_worker_restarts", "Workers that ended and were started again.", ["system"], **labels)
        self._system = system
        self._stood_in: Mapping[str, int] = {}

    def _gauge(self, name: str, what: str, labels: list[str], mode: Any) -> Gauge:
        """Return a gauge; of several processes that share their numbers, the mode says whose is told."""
        return Gauge(name, what, labels, registry=self._registry, multiprocess_mode=mode)

    def restarted(self, is_again: bool) -> None:
        """Count that this process takes the place of a worker that ended, if it does."""
        self.restarts.labels(self._system).inc(is_again)

    def decided(self, decisions: Iterable[Decision]) -> None:
        """Count decisions and what they missed."""
        for one in decisions:
            self.decisions.labels(self._system, one.policy, one.arm, one.action).inc()
            for name in one.missed:
                self.misses.labels(self._system, name).inc()

    def inferred(self, model: str, version: str) -> Callable[[int], None]:
        """Return what counts the rows that a version scores for callers of the Open Inference Protocol."""
        return self.inferences.labels(self._system, model, version).inc

    def failed(self, name: str) -> None:
        """Count a part that failed, rather than being late."""
        self.failures.labels(self._system, name).inc()

    def followed(self, away: Iterable[bool]) -> None:
        """Note which of those that follow the online view are away from where they write it."""
        self.behind.labels(self._system).set(sum(away))

    def admitting(self, under_way: int, limit: float) -> None:
        """Note how many callers are under way, and how many may be."""
        self.under_way.labels(self._system).set(under_way)
        self.limit.labels(self._system).set(limit)

    def breaking(self, states: Mapping[str, str]) -> None:
        """Note the state of each breaker that has one to speak of."""
        self.open.clear()
        for name, state in states.items():
            self.open.labels(self._system, name).set(_OPEN[state])

    def stood_in(self, counts: Mapping[str, int]) -> None:
        """Note how often each feature's default has stood in by now, by name; a view that was rebuilt counts from 0 again."""
        for feature, times in counts.items():
            before = self._stood_in.get(feature, 0)
            self.defaults.labels(self._system, feature).inc(times - before if times >= before else times)
        self._stood_in = counts

    def acknowledged(self, new: int, duplicates: int) -> None:
        """Count events taken in."""
        self.events.labels(self._system, "new").inc(new)
        self.events.labels(self._system, "duplicate").inc(duplicates)

    def answered(self, route: str, seconds: float, status: int) -> None:
        """Count one HTTP request."""
        self.seconds.labels(self._system, route).observe(seconds)
        if status >= 400:
            self.errors.labels(self._system, str(status)).inc()

    def text(self, last_known: int | None) -> bytes:
        """Return everything in Prometheus' text format."""
        self.watermark.labels(self._system).set((last_known or 0) / 1e6)
        if SHARED in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)
            return generate_latest(registry)
        return generate_latest(self._registry)
