"""The facts of a live decision, and of one replayed: what is known, what is installed, what answered in time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, TypeAlias

import numpy as np

from millrace.decision import Decision, Decisions, Facts, Scorer
from millrace.errors import Late
from millrace.features.learned import Learned, completed, plain
from millrace.serve.pools import Pools, ran, result
from millrace.types import SECOND, Array, Columns, micros, size

ONLINE_VIEW = "online view"
"""What a decision missed that was made without what is known of its keys: a view kept elsewhere did not answer, so defaults stood in."""


Recall: TypeAlias = "Callable[[tuple[str, str, tuple[str, ...]], Columns, int, int], list[Decision | None]]"
"""From (policy, release, fields of the key), requests, the earliest watermark and the present one to what may be repeated."""


class NotInstalled(Late):
    """Nothing is installed yet that could answer: a release is missing, and no leaf is ill."""


@dataclass(frozen=True)
class Installed:
    """What is installed: a release, as names and numbers.

    Attributes:
        release: Its id, "" before the first one.
        versions: The version id of each model, by the model's name.
        thresholds: Learned thresholds by `chooser/action`.
        kept: By the name of an experiment that is over, the arm that everyone gets.
    """

    release: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BoundIndex:
    """The online view's enumerations, as of one watermark."""

    view: Any
    as_of: int | None

    def top(self, aggregate: Any, take: int) -> tuple[Array, Array]:
        """See `Index.top`."""
        return self.view.top(aggregate, take, self.as_of)

    def newest(self, field: Any, take: int) -> Array:
        """See `Index.newest`."""
        return self.view.newest(field, take, self.as_of)

    def having(self, field: Any, values: Array) -> tuple[Array, Array]:
        """See `Index.having`."""
        return self.view.having(field, values)


@dataclass(frozen=True)
class LiveFacts:
    """Facts from the online view and the installed versions.

    Attributes:
        view: The online view, applied up to the watermark.
        as_of: The watermark; None where the view itself is as of one, which it may have to ask for.
        names: The name of every declaration, by identity.
        installed: What is installed.
        load: From a version id to the version itself.
        seed: What chance derives from.
        pools: Threads for calls with deadlines, and the breakers that leave out who keeps missing them; None runs every call here, without
            either (batches and simulations).
        missed: What did not answer, in the order it was found out, by its path: `ranked`, or `ranked/nearby` inside what did answer.
        failures: Why, for the operator: (name, error) of what failed rather than being late.
        replayed: When replaying, what had not answered then: it is not asked again. None when live.
        deadline: When the caller's time runs out, in seconds of the monotonic clock.
        inside: The path of the attempts this call is inside of, each ending in a slash.
        memory: What answers `recalled`: `Memory.recalled`. None repeats nothing.
    """

    view: Any
    as_of: int | None
    names: Mapping[int, str]
    installed: Installed
    load: Callable[[str], Scorer]
    seed: int = 0
    pools: Pools | None = None
    missed: list[str] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)
    replayed: frozenset[str] | None = None
    deadline: float | None = None
    inside: str = ""
    memory: Recall | None = None

    @property
    def watermark(self) -> int:
        """See `Facts.watermark`."""
        return self.view.watermark if self.as_of is None else self.as_of

    @property
    def index(self) -> BoundIndex:
        """See `Facts.index`."""
        return BoundIndex(self.view, self.as_of)

    def lookup(self, features: Sequence[Any], d: Decisions) -> dict[str, Array]:
        """See `Facts.lookup`."""
        return completed(features, self.view.lookup(plain(features), d, self.as_of), self._learned)

    def _learned(self, one: Learned, rows: Columns) -> Array:
        version = self.installed.versions.get(self.name(one.model))
        return one.of(self.load(version) if version is not None else None, rows)

    def name(self, declaration: Any) -> str:
        """See `Facts.name`."""
        return self.names.get(id(declaration)) or type(declaration).__name__

    def kept(self, experiment: Any) -> str:
        """See `Facts.kept`."""
        return self.installed.kept.get(self.name(experiment), "")

    def version(self, model: Any) -> Scorer:
        """See `Facts.version`."""
        version = self.installed.versions.get(self.name(model))
        if version is None and not hasattr(model.learner, "untaught"):
            raise NotInstalled(f"no version of {self.name(model)} is installed yet")
        found = self.load(version) if version is not None else model.learner.untaught(model.heads)
        return found if self.pools is None else self.pools.scoring.of(found)

    def threshold(self, chooser: Any, action: str) -> float:
        """See `Facts.threshold`."""
        found = self.installed.thresholds.get(f"{self.name(chooser)}/{action}")
        if found is None:
            raise NotInstalled(f"the threshold of {self.name(chooser)} for {action!r} has not been learned yet")
        return found

    def pinned(self, release: Mapping[Any, Any], named: str = "") -> LiveFacts:
        """Return facts with other versions (by model) and thresholds (by `chooser/action`) installed.

        Without a name they repeat nothing: the record of a decision would not say which versions made it.
        """
        changes = {key if isinstance(key, str) else self.name(key): value for key, value in release.items()}
        versions = {key: value for key, value in changes.items() if isinstance(value, str)}
        thresholds = {key: value for key, value in changes.items() if not isinstance(value, str)}
        here = self.installed
        changed = replace(here, release=named, versions={**here.versions, **versions}, thresholds={**here.thresholds, **thresholds})
        return replace(self, installed=changed, memory=self.memory if named else None)

    def recalled(self, policy: Any, by: Sequence[str], requests: Columns, life: int) -> Sequence[Decision | None]:
        """See `Facts.recalled`."""
        if self.memory is None:
            return [None] * size(requests)
        slot, watermark = (self.name(policy), self.installed.release, tuple(by)), self.watermark
        return self.memory(slot, requests, watermark - life, watermark)

    def chance(self, name: str, ids: Array) -> Array:
        """See `Facts.chance`."""
        salt = f"{self.seed}/{name}/".encode()
        drawn = [int.from_bytes(blake2b(salt + str(one).encode(), digest_size=8).digest(), "big") >> 11 for one in ids.tolist()]
        return np.array(drawn, dtype=np.float64) / 2.0**53

    def apart(self) -> LiveFacts:
        """See `Facts.apart`."""
        return replace(self, missed=[])

    def attempt(self, calls: Mapping[str, Callable[[Facts], Any]], within: Mapping[str, str | None]) -> dict[str, Any]:
        """See `Facts.attempt`. What misses within a call that misses is not recorded: replay does not ask that far."""
        if self.replayed is not None:
            left_out = [name for name in calls if self.inside + name in self.replayed]
            self.missed.extend(self.inside + name for name in left_out)
            calls = {name: call for name, call in calls.items() if name not in left_out}
        if self.pools is None or self.replayed is not None:
            return self._in_turn(calls)
        return self._side_by_side(self.pools, calls, within)

    def _in_turn(self, calls: Mapping[str, Callable[[Facts], Any]]) -> dict[str, Any]:
        got: dict[str, Any] = {}
        for name, call in calls.items():
            inner = self._within(name, None)
            self._take(got, name, inner, lambda call=call, inner=inner: call(inner))
        return got

    def _side_by_side(self, pools: Pools, calls: Mapping[str, Callable[[Facts], Any]], within: Mapping[str, str | None]) -> dict[str, Any]:
        started = time.monotonic()
        asked = {name: call for name, call in calls.items() if pools.breakers.lets(self.inside + name, started)}
        inner = {name: self._within(name, self._until(started, within.get(name))) for name in asked}
        bound = {name: _bound(call, inner[name]) for name, call in asked.items()}
        depth = self.inside.count("/")
        running = {name: pools.submit(depth, call) for name, call in bound.items() if within.get(name) is not None}
        running |= {name: ran(call) for name, call in bound.items() if name not in running}
        got: dict[str, Any] = {}
        for name in calls:
            if name in asked:
                self._take(
                    got, name, inner[name], lambda name=name: self._healthy(pools, name, running[name], bound[name], inner[name].deadline)
                )
            else:  # a breaker is open: a miss like any other
                self.missed.append(self.inside + name)
        return got

    def _healthy(self, pools: Pools, name: str, future: Future[Any], call: Callable[[], Any], deadline: float | None) -> Any:
        """Return what a call answers, wherever it runs, and tell its breaker what came of it."""
        path, breakers = self.inside + name, pools.breakers
        try:
            answer = result(future, call, deadline)
        except NotInstalled:
            raise
        except BaseException:
            # Who is late because the caller's time ran out was perhaps asked too late: its own time says whether it is ill.
            if deadline is None or future.done() or self.deadline is None or deadline < self.deadline:
                breakers.failed(path, time.monotonic())
            if future.running():
                future.add_done_callback(breakers.abandoned(path))
            raise
        breakers.succeeded(path)
        return answer

    def _within(self, name: str, deadline: float | None) -> LiveFacts:
        """Return the facts of a call: with a deadline, and misses of its own that count only if it answers."""
        return replace(self, deadline=deadline, inside=f"{self.inside}{name}/", missed=[])

    def _take(self, got: dict[str, Any], name: str, inner: LiveFacts, answer: Callable[[], Any]) -> None:
        """Keep a call's answer, or record that there is none."""
        try:
            got[name] = answer()
            self.missed.extend(inner.missed)
        except Exception as error:
            # Whatever a leaf raises, a decision degrades instead of failing: the miss is recorded and replayed.
            self.missed.append(self.inside + name)
            if not isinstance(error, Late | TimeoutError):
                self.failures.append((self.inside + name, f"{type(error).__name__}: {error}"))

    def _until(self, started: float, within: str | None) -> float | None:
        own = started + micros(within) / SECOND if within is not None else None
        return min((moment for moment in (own, self.deadline) if moment is not None), default=None)


def _bound(call: Callable[[Facts], Any], facts: Facts) -> Callable[[], Any]:
    return lambda: call(facts)
