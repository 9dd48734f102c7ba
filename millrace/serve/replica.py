"""One more process that decides for a system, on a view that another one publishes: it keeps no state, and logs nothing itself."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Protocol

from millrace.decision import Decision, Decisions
from millrace.errors import Late, Unavailable
from millrace.loaded import Loaded
from millrace.serve.facts import LiveFacts
from millrace.serve.home import Home
from millrace.serve.pools import Pools
from millrace.serve.records import recorded, records
from millrace.serve.release import Versions, serving
from millrace.stores.standing import Standing
from millrace.types import Columns


class Cut(Protocol):
    """A published view as of one instant: all that an `OnlineView` answers, and nothing later."""

    @property
    def watermark(self) -> int:
        """The instant, microseconds."""
        ...

    @property
    def missed(self) -> Sequence[str]:
        """What could not be answered and stood at its default, so far."""
        ...


class PublishedView(Protocol):
    """A view that another process publishes."""

    @property
    def trouble(self) -> str:
        """Why it could not be read of late; "" when it could."""
        ...

    def cut(self) -> Cut:
        """Return it as of the latest instant that it can be read as of."""
        ...


class Replica:
    """Decides as an engine would that stands where the published view stands.

    Whoever owns the log must be given what is decided, with its request, before it counts: see `Engine.ingest`.

    Args:
        loaded: The system.
        home: Its folder, or a copy of what was released: models and releases are read there.
        view: The view, such as `adapters.redis.online.read` gives.
        patient: Run without deadlines.
        seed: What every draw derives from: that of the engine, so that both draw alike.
    """

    def __init__(self, loaded: Loaded, home: Home, view: PublishedView, *, patient: bool = False, seed: int = 0) -> None:
        self.loaded = loaded
        self.home = home
        self.view = view
        self.versions = Versions(loaded, home.registry)
        self.failures: list[tuple[str, str]] = []
        self._seed = seed
        self._pools = None if patient else Pools()
        self._kept = recorded(loaded)
        self._lock = threading.Lock()
        self.standing = Standing(system=loaded.name)
        self.reload()

    def reload(self) -> bool:
        """Install what the releases say now; return whether anything changed."""
        standing = self.home.releases.standing(self.loaded.name)
        policy, what, names = serving(self.loaded, self.home.releases, self.versions, standing)
        changed = standing.revision != self.standing.revision
        with self._lock:
            self.standing, self._policy, self._installed = standing, policy, what
            self._names = {**self.loaded.names, **names}
        return changed

    def answer(self, requests: Columns) -> list[Decision]:
        """Decide as of the latest instant published; without a view to read, as if nothing were known, and say so in `missed`.

        Raises:
            Unavailable: Neither the policy nor any fallback could answer.
        """
        with self._lock:
            policy, what, names = self._policy, self._installed, self._names
        cut = self.view.cut()
        facts = LiveFacts(cut, cut.watermark, names, what, self.versions.load, self._seed, self._pools)
        try:
            decided: Decisions = policy.decide(requests, facts)
        except Late as late:
            raise Unavailable(f"{self.loaded.name} cannot answer: {late}") from late
        self.failures.extend(facts.failures)
        missed: list[Any] = [*facts.missed, *cut.missed]
        return records(decided, system=self.loaded.name, release=what.release, watermark=cut.watermark, missed=missed, kept=self._kept)

    def close(self) -> None:
        """Let calls under way end."""
        if self._pools is not None:
            self._pools.close()
