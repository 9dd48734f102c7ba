"""What Prometheus can ask of a served system."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from millrace.decision import Decision
from millrace.serve.timing import MODEL, Spans, seconds
from millrace.stores.halts import CHAMPION, FALLBACK, Halt
from millrace.stores.standing import Standing

_STAGE_SECONDS = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
_TOGETHER = 64
"""How many calls and batches are timed before their stages are counted; whoever asks for the numbers has all counted."""
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
        self.repeats = Counter("millrace_repeats", "Decisions that repeat another one.", ["system", "policy"], **labels)
        self.inferences = Counter(
            "millrace_inferences", "Rows scored over /v2, outside decisions.", ["system", "model", "version"], **labels
        )
        self.misses = Counter("millrace_misses", "What did not answer in time.", ["system", "name"], **labels)
        self.failures = Counter("millrace_failures", "What failed and was left out.", ["system", "name"], **labels)
        self.events = Counter("millrace_events", "Events and entities acknowledged.", ["system", "result"], **labels)
        key = ["system", "status", "key"]
        self.refused = Counter("millrace_keys_refused", "Requests that their caller may not make, by HTTP status and key.", key, **labels)
        self.errors = Counter("millrace_errors", "Requests refused or failed, by HTTP status.", ["system", "status"], **labels)
        self.seconds = Histogram("millrace_request_seconds", "Time to answer, by route.", ["system", "route"], buckets=_SECONDS, **labels)
        self.watermark = self._gauge(
            "millrace_last_known_seconds", "When the last event became known, seconds since 1970.", ["system"], "max"
        )
        self.behind = self._gauge("millrace_followers_away", "What publishes the online view and cannot.", ["system"], "livemax")
        self.under_way = self._gauge(
            "millrace_under_way", "Callers whose requests are being decided or wait for it.", ["system"], "livesum"
        )
        self.limit = self._gauge("millrace_limit", "How many callers may be under way; more are refused.", ["system"], "livesum")
        self.waiting = self._gauge(
            "millrace_waiting", "Who waits: callers to be decided, events to be logged.", ["system", "queue"], "livesum"
        )
        self.open = self._gauge(
            "millrace_breaker_open", "Leaves that are left out for failing: 1, or 0.5 while probed.", ["system", "name"], "livemax"
        )
        self.lag = self._gauge(
            "millrace_watermark_lag_seconds", "How far the view that was last decided on was behind the present.", ["system"], "livemax"
        )
        self.share = self._gauge(
            "millrace_release_share", "The share of requests that a release answers.", ["system", "release", "role"], "livemax"
        )
        self.halted = self._gauge("millrace_halted", "Whether a halt is on, by who answers meanwhile.", ["system", "to"], "livemax")
        timed: Any = {**labels, "buckets": _STAGE_SECONDS}
        self.stages = Histogram("millrace_stage_seconds", "Time of a decision by stage.", ["system", "stage"], **timed)
        self.models = Histogram("millrace_model_seconds", "Time to score the rows of a batch, by model.", ["system", "model"], **timed)
        self.whole = Histogram("millrace_decision_seconds", "Time from a call's first byte to its decisions on disk.", ["system"], **timed)
        self.defaults = Counter("millrace_defaults", "Missing values that a default stood in for.", ["system", "feature"], **labels)
        self.restarts = Counter("millrace_worker_restarts", "Workers that ended and were started again.", ["system"], **labels)
        self._system = system
        self._stood_in: Mapping[str, int] = {}
        self._spans: deque[Spans] = deque()
        self._labelled: dict[tuple[Any, ...], Any] = {}
        self._whole = self.whole.labels(system)
        self._lag = self.lag.labels(system)
        self._told: dict[Gauge, set[tuple[str, ...]]] = {}

    def _gauge(self, name: str, what: str, labels: list[str], mode: Any) -> Gauge:
        """Return a gauge; of several processes that share their numbers, the mode says whose is told."""
        return Gauge(name, what, labels, registry=self._registry, multiprocess_mode=mode)

    def restarted(self, is_again: bool) -> None:
        """Count that this process takes the place of a worker that ended, if it does."""
        self.restarts.labels(self._system).inc(is_again)

    def decided(self, decisions: Iterable[Decision]) -> None:
        """Count decisions and what they missed."""
        for one in decisions:
            self._of(self.decisions, one.policy, one.arm, one.action).inc()
            if one.repeats:
                self._of(self.repeats, one.policy).inc()
            for name in one.missed:
                self._of(self.misses, name).inc()

    def inferred(self, model: str, version: str) -> Callable[[int], None]:
        """Return what counts the rows that a version scores for callers of the Open Inference Protocol."""
        return self.inferences.labels(self._system, model, version).inc

    def failed(self, name: str) -> None:
        """Count a part that failed, rather than being late."""
        self.failures.labels(self._system, name).inc()

    def followed(self, away: Iterable[bool]) -> None:
        """Note which of those that follow the online view are away from where they write it."""
        self.behind.labels(self._system).set(sum(away))

    def timed(self, spans: Spans) -> None:
        """Count how long each stage of a batch took, or of a call. Many are counted at a time: alone each takes some times as long."""
        self._spans.append(spans)
        if len(self._spans) >= _TOGETHER:
            self.settle()

    def settle(self) -> None:
        """Count what waits to be counted."""
        with suppress(IndexError):  # another thread may take the last one
            while True:
                spans = self._spans.popleft()
                for (stage, name), took in seconds(spans.found).items():
                    timer = self._of(self.models, name) if stage == MODEL else self._of(self.stages, stage)
                    timer.observe(took)
                if spans.ended:
                    self._whole.observe((spans.ended - spans.began) / 1e9)

    def _of(self, metric: Any, *labels: str) -> Any:
        """Return a metric of this system with the rest of its labels; to have it found by its library takes longer than to count."""
        key = (metric, labels)
        found = self._labelled.get(key)
        if found is None:
            found = self._labelled[key] = metric.labels(self._system, *labels)
        return found

    def behind_by(self, seconds: float) -> None:
        """Note how far the view that was decided on was behind the present."""
        self._lag.set(seconds)

    def admitting(self, under_way: int, limit: float) -> None:
        """Note how many callers are under way, and how many may be."""
        self.under_way.labels(self._system).set(under_way)
        self.limit.labels(self._system).set(limit)

    def queued(self, callers: int, events: int) -> None:
        """Note how many callers wait to be decided, and how many events to be logged."""
        self.waiting.labels(self._system, "decide").set(callers)
        self.waiting.labels(self._system, "events").set(events)

    def breaking(self, states: Mapping[str, str]) -> None:
        """Note the state of each breaker that has one to speak of."""
        self._all(self.open, {(self._system, name): _OPEN[state] for name, state in states.items()})

    def rolled(self, standing: Standing) -> None:
        """Note which releases answer, and what share of the requests."""
        under_way = standing.rollout
        shares = {(self._system, under_way.release, "candidate"): under_way.share} if under_way is not None else {}
        if standing.champion is not None:
            shares[self._system, standing.champion, "champion"] = 1 - sum(shares.values())
        self._all(self.share, shares)

    def halting(self, halt: Halt | None) -> None:
        """Note the halt that the system is under, if there is one."""
        for to in (CHAMPION, FALLBACK):
            self.halted.labels(self._system, to).set(halt is not None and halt.to == to)

    def _all(self, gauge: Gauge, values: Mapping[tuple[str, ...], float]) -> None:
        """Set a gauge to these values and no others: one that was told before and is not any more becomes 0."""
        told = self._told.setdefault(gauge, set())
        for key in told | values.keys():
            gauge.labels(*key).set(values.get(key, 0.0))
        told.update(values)

    def stood_in(self, counts: Mapping[str, int]) -> None:
        """Note how often each feature's default has stood in by now, by name; a view that was rebuilt counts from 0 again."""
        for feature, times in counts.items():
            before = self._stood_in.get(feature, 0)
            self.defaults.labels(self._system, feature).inc(times - before if times >= before else times)
        self._stood_in = counts

    def acknowledged(self, new: int, duplicates: int) -> None:
        """Count events taken in."""
        self._of(self.events, "new").inc(new)
        self._of(self.events, "duplicate").inc(duplicates)

    def answered(self, route: str, seconds: float, status: int) -> None:
        """Count one HTTP request."""
        self._of(self.seconds, route).observe(seconds)
        if status >= 400:
            self._of(self.errors, str(status)).inc()

    def kept_out(self, status: int, key: str) -> None:
        """Count a request that its caller may not make."""
        self._of(self.refused, str(status), key).inc()

    def text(self, last_known: int | None) -> bytes:
        """Return everything in Prometheus' text format."""
        self.settle()
        self.watermark.labels(self._system).set((last_known or 0) / 1e6)
        if SHARED in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)
            return generate_latest(registry)
        return generate_latest(self._registry)
