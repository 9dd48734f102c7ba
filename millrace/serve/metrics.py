"""What Prometheus can ask of a served system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from millrace.decision import Decision

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    """The counters of one server, in a registry of their own."""

    def __init__(self, system: str) -> None:
        self._registry = CollectorRegistry()
        labels: Any = {"registry": self._registry}
        self.decisions = Counter("millrace_decisions", "Decisions answered.", ["system", "policy", "arm", "action"], **labels)
        self.misses = Counter("millrace_misses", "What did not answer in time.", ["system", "name"], **labels)
        self.failures = Counter("millrace_failures", "What failed and was left out.", ["system", "name"], **labels)
        self.events = Counter("millrace_events", "Events and entities acknowledged.", ["system", "result"], **labels)
        self.errors = Counter("millrace_errors", "Requests refused or failed, by HTTP status.", ["system", "status"], **labels)
        self.seconds = Histogram("millrace_request_seconds", "Time to answer, by route.", ["system", "route"], buckets=_SECONDS, **labels)
        self.watermark = Gauge("millrace_last_known_seconds", "When the last event became known, seconds since 1970.", ["system"], **labels)
        self.behind = Gauge("millrace_followers_away", "What publishes the online view and cannot.", ["system"], **labels)
        self.defaults = Counter("millrace_defaults", "Missing values that a default stood in for.", ["system", "feature"], **labels)
        self._system = system
        self._stood_in: Mapping[str, int] = {}

    def decided(self, decisions: Iterable[Decision]) -> None:
        """Count decisions and what they missed."""
        for one in decisions:
            self.decisions.labels(self._system, one.policy, one.arm, one.action).inc()
            for name in one.missed:
                self.misses.labels(self._system, name).inc()

    def failed(self, name: str) -> None:
        """Count a part that failed, rather than being late."""
        self.failures.labels(self._system, name).inc()

    def followed(self, away: Iterable[bool]) -> None:
        """Note which of those that follow the online view are away from where they write it."""
        self.behind.labels(self._system).set(sum(away))

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
        return generate_latest(self._registry)
