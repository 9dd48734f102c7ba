"""The facts of a live decision, and of one replayed: what is known, what is installed, what answered in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

import numpy as np

from millrace.decision import Decisions, Facts, Scorer
from millrace.errors import Late
from millrace.types import SECOND, Array, micros

_WORKERS = 16


class Pools:
    """Threads for the calls of `attempt`, a pool per depth: a call waits only for calls deeper than itself, so none waits for ever."""

    def __init__(self) -> None:
        self._pools: dict[int, ThreadPoolExecutor] = {}
        self._lock = threading.Lock()

    def submit(self, depth: int, call: Callable[[], Any]) -> Future[Any]:
        """Run a call on a thread of its depth."""
        with self._lock:
            if depth not in self._pools:
                self._pools[depth] = ThreadPoolExecutor(_WORKERS, thread_name_prefix=f"attempt-{depth}")
        return self._pools[depth].submit(call)

    def close(self) -> None:
        """Let running calls end and take no more."""
        with self._lock:
            for pool in self._pools.values():
                pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True)
class Installed:
    """What is installed: a release, as names and numbers.

    Attributes:
        release: Its id, "" before the first one.
        versions: The version id of each model, by the model's name.
        thresholds: Learned thresholds by `chooser/action`.
    """

    release: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class BoundIndex:
    """The online view's enumerations, as of one watermark."""

    view: Any
    watermark: int

    def top(self, aggregate: Any, take: int) -> tuple[Array, Array]:
        """See `Index.top`."""
        return self.view.top(aggregate, take, self.watermark)

    def newest(self, field: Any, take: int) -> Array:
        """See `Index.newest`."""
        return self.view.newest(field, take, self.watermark)

    def having(self, field: Any, values: Array) -> tuple[Array, Array]:
        """See `Index.having`."""
        return self.view.having(field, values)


@dataclass(frozen=True)
class LiveFacts:
    """Facts from the online view and the installed versions.

    Attributes:
        view: The online view, applied up to the watermark.
        watermark: See `Facts`.
        names: The name of every declaration, by identity.
        installed: What is installed.
        load: From a version id to the version itself.
        seed: What chance derives from.
        pools: Threads for calls with deadlines; None runs every call here, without a deadline (batches and simulations).
        missed: What did not answer, in the order it was found out; shared by all facts of one decision.
        failures: Why, for the operator: (name, error) of what failed rather than being late.
        replayed: When replaying, what had not answered then: it is not asked again. None when live.
        deadline: When the caller's time runs out, in seconds of the monotonic clock.
        depth: How many attempts this call is inside of.
    """

    view: Any
    watermark: int
    names: Mapping[int, str]
    installed: Installed
    load: Callable[[str], Scorer]
    seed: int = 0
    pools: Pools | None = None
    missed: list[str] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)
    replayed: frozenset[str] | None = None
    deadline: float | None = None
    depth: int = 0

    @property
    def index(self) -> BoundIndex:
        """See `Facts.index`."""
        return BoundIndex(self.view, self.watermark)

    def lookup(self, features: Sequence[Any], d: Decisions) -> dict[str, Array]:
        """See `Facts.lookup`."""
        return self.view.lookup(features, d, self.watermark)

    def name(self, declaration: Any) -> str:
        """See `Facts.name`."""
        return self.names.get(id(declaration)) or type(declaration).__name__

    def version(self, model: Any) -> Scorer:
        """See `Facts.version`."""
        version = self.installed.versions.get(self.name(model))
        if version is None:
            raise Late(f"no version of {self.name(model)} is installed yet")
        return self.load(version)

    def threshold(self, chooser: Any, action: str) -> float:
        """See `Facts.threshold`."""
        found = self.installed.thresholds.get(f"{self.name(chooser)}/{action}")
        if found is None:
            raise Late(f"the threshold of {self.name(chooser)} for {action!r} has not been learned yet")
        return found

    def pinned(self, release: Mapping[Any, Any]) -> LiveFacts:
        """Return facts with other versions (by model) and thresholds (by `chooser/action`) installed."""
        named = {key if isinstance(key, str) else self.name(key): value for key, value in release.items()}
        versions = {key: value for key, value in named.items() if isinstance(value, str)}
        thresholds = {key: value for key, value in named.items() if not isinstance(value, str)}
        changed = Installed(self.installed.release, {**self.installed.versions, **versions}, {**self.installed.thresholds, **thresholds})
        return replace(self, installed=changed)

    def chance(self, name: str, ids: Array) -> Array:
        """See `Facts.chance`."""
        salt = f"{self.seed}/{name}/".encode()
        drawn = [int.from_bytes(blake2b(salt + str(one).encode(), digest_size=8).digest(), "big") >> 11 for one in ids.tolist()]
        return np.array(drawn, dtype=np.float64) / 2.0**53

    def attempt(self, calls: Mapping[str, Callable[[Facts], Any]], within: Mapping[str, str | None]) -> dict[str, Any]:
        """See `Facts.attempt`."""
        if self.replayed is not None:
            calls = {name: call for name, call in calls.items() if name not in self.replayed}
        if self.pools is None or self.replayed is not None:
            return self._in_turn(calls)
        return self._side_by_side(self.pools, calls, within)

    def _in_turn(self, calls: Mapping[str, Callable[[Facts], Any]]) -> dict[str, Any]:
        got = {}
        for name, call in calls.items():
            try:
                got[name] = call(self)
            except Exception as error:
                self._miss(name, error)
        return got

    def _side_by_side(self, pools: Pools, calls: Mapping[str, Callable[[Facts], Any]], within: Mapping[str, str | None]) -> dict[str, Any]:
        started = time.monotonic()
        until = {name: self._until(started, within.get(name)) for name in calls}
        inner = {name: replace(self, deadline=until[name], depth=self.depth + 1, missed=[]) for name in calls}
        running = {name: pools.submit(self.depth, _bound(call, inner[name])) for name, call in calls.items()}
        got = {}
        for name, future in running.items():
            left = until[name]
            try:
                got[name] = future.result(None if left is None else max(0.0, left - time.monotonic()))
                self.missed.extend(inner[name].missed)
            except Exception as error:
                # Whatever a leaf raises, a decision degrades instead of failing: the miss is recorded and replayed.
                future.cancel()
                self._miss(name, error)
        return got

    def _miss(self, name: str, error: Exception) -> None:
        self.missed.append(name)
        if not isinstance(error, Late | FutureTimeout):
            self.failures.append((name, f"{type(error).__name__}: {error}"))

    def _until(self, started: float, within: str | None) -> float | None:
        own = started + micros(within) / SECOND if within is not None else None
        return min((moment for moment in (own, self.deadline) if moment is not None), default=None)


def _bound(call: Callable[[Facts], Any], facts: Facts) -> Callable[[], Any]:
    return lambda: call(facts)
