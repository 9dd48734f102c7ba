"""One more process that decides for a system, on a view that another one publishes: it keeps no state, and logs nothing itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import closing
from functools import partial
from typing import Any, Protocol

from millrace.decision import Decision
from millrace.errors import MillraceError, Unavailable
from millrace.features.defaults import DefaultsUsed
from millrace.loaded import Loaded
from millrace.log.appending import Receipt
from millrace.schema import Request
from millrace.serve.answering import answered
from millrace.serve.breakers import State
from millrace.serve.clock import Clock
from millrace.serve.current import Serves, Serving
from millrace.serve.deciding import MOST_FAILURES, Dwelling, decide
from millrace.serve.facts import LiveFacts
from millrace.serve.memory import Memory, remembering
from millrace.serve.pools import Pools
from millrace.serve.records import recorded, records
from millrace.serve.release import Versions
from millrace.serve.timed_facts import sources_of
from millrace.serve.timing import RECORD, VIEW, Spans
from millrace.types import Columns, size


class Cut(Protocol):
    """A published view as of one instant: all that an `OnlineView` answers, and nothing later."""

    @property
    def generation(self) -> str | None:
        """Which publication from the ground up it reads; None when there is none to read."""
        ...

    @property
    def watermark(self) -> int:
        """The instant, microseconds."""
        ...

    @property
    def missed(self) -> Sequence[str]:
        """What could not be answered and stood at its default, so far."""
        ...

    def close(self) -> None:
        """Be done with it: a view that stands still meanwhile moves on."""
        ...


class PublishedView(Protocol):
    """A view that another process publishes."""

    @property
    def trouble(self) -> str:
        """Why it could not be read of late; "" when it could."""
        ...

    @property
    def defaults_used(self) -> DefaultsUsed:
        """See `OnlineView.defaults_used`."""
        ...

    def cut(self) -> Cut:
        """Return it as of the latest instant that it can be read as of; whoever takes it closes it.

        Raises:
            Unavailable: It cannot be read, and what depends on it had better not be decided.
        """
        ...


class Taker(Protocol):
    """Takes records to whoever owns the log; see `handing.Owner`."""

    def submit(self, items: Sequence[Any]) -> Future[Receipt]:
        """See `Decider.submit`."""
        ...

    def away(self) -> str:
        """Return why it takes no records just now; "" when it does."""
        ...

    def close(self) -> None:
        """Hand over what waits, and end."""
        ...


class Replica(Serves):
    """Decides as an engine would that stands where the published view stands. See `Decider`.

    What `answer` decides counts once the owner of the log has taken it, with its request: `decide` sees to that.

    Args:
        loaded: The system.
        home: Its folder, or a copy of what was released: models and releases are read there.
        view: The view, such as `adapters.redis.online.read` gives; closed by whoever opened it.
        owner: Takes records to the owner of the log; without one nothing can be logged. Closed with the replica.
        patient: Run without deadlines.
        seed: What every draw derives from: that of the engine, so that both draw alike.
        share: Among how many processes this machine's cores are shared.
    """

    def __init__(
        self,
        loaded: Loaded,
        home: Dwelling,
        view: PublishedView,
        owner: Taker | None = None,
        *,
        patient: bool = False,
        seed: int = 0,
        share: int = 1,
    ) -> None:
        self.loaded = loaded
        self.home = home
        self.view = view
        self.clock = Clock()
        self._owner = owner
        self.versions = Versions(loaded, home.registry)
        self.failures: deque[tuple[str, str]] = deque(maxlen=MOST_FAILURES)
        self._seed = seed
        self._pools = None if patient else Pools(share)
        self._kept = recorded(loaded)
        self._sources = sources_of(loaded)
        self._memory = Memory(loaded)
        self._serving = Serving(loaded, home)
        self.reload()

    def reload(self) -> bool:
        """Install what the releases say now; return whether anything changed."""
        changed = self._serving.reload(self.versions)
        if changed and self._pools is not None:
            self._pools.breakers.reset()
        return changed

    def answer(self, requests: Columns, spans: Spans | None = None) -> list[Decision]:
        """Decide as of the latest instant published; without a view to read, as if nothing were known, and say so in `missed`.

        See `Decider.answer`.

        Raises:
            Unavailable: Neither the policy nor any fallback could answer.
        """
        serving = self._serving.now
        what = serving.installed
        with closing(self.view.cut()) as cut:
            view = (cut.generation or "") if self._memory.is_used else ""
            repeatable = partial(self._memory.recalled, view=view)
            facts = LiveFacts(cut, None, serving.names, what, self.versions.load, self._seed, self._pools, memory=repeatable)
            if spans is not None:
                spans.lap(VIEW)
            decided, took_us = answered(serving.policy, requests, facts, self.loaded.name, spans, self._sources)
            watermark = cut.watermark
        self.failures.extend(facts.failures)
        missed: list[Any] = [*facts.missed, *cut.missed]
        is_timed = self._pools is not None and serving.standing.rollout is not None and size(requests) == 1
        made = {"release": what.release, "watermark": watermark, "missed": missed, "kept": self._kept}
        written = records(decided, system=self.loaded.name, **made, took_us=took_us if is_timed else 0)
        self._memory.decided(requests, written, view)
        if spans is not None:
            spans.lap(RECORD)
        return written

    def submit(self, items: Sequence[Any]) -> Future[Receipt]:
        """Hand records to the owner of the log; the future gives their receipt, or an error as of `ingest`.

        Raises:
            Unavailable: Nobody owns the log here, or too many records wait for its owner.
        """
        if self._owner is None:
            raise Unavailable(f"{self.loaded.name} has no owner of its log here: name one with --owner")
        done = self._owner.submit(items)
        return remembering(self._memory, items, done) if self._memory.is_used else done

    def ingest(self, items: Sequence[Any]) -> Receipt:
        """Log events and entities durably; when it returns, decisions made on a view of the log see them.

        Raises:
            BadInput: An event is from the future or malformed; nothing of the batch is stored.
            Conflict: An id is reused with other content; nothing of the batch is stored.
            Unavailable: The owner of the log did not say in time that they are on disk.
        """
        return self.submit(items).result()

    def decide(self, requests: Sequence[Request]) -> list[Decision]:
        """Decide and log; when it returns, the decisions are on disk. See `deciding.decide`."""
        return decide(self, requests)

    @property
    def troubles(self) -> list[str]:
        """Why the view could not be read of late; nothing when it could."""
        return [self.view.trouble] if self.view.trouble else []

    def breakers(self) -> dict[str, State]:
        """Return the state of each leaf that failed or was late of late."""
        return self._pools.breakers.states() if self._pools is not None else {}

    def away(self) -> str:
        """Return why it cannot decide, or not log, just now; "" when it can."""
        try:
            self.view.cut().close()
        except MillraceError as error:
            return str(error)
        return self._owner.away() if self._owner is not None else ""

    def close(self) -> None:
        """Finish what was accepted, and let calls under way end."""
        if self._owner is not None:
            self._owner.close()
        if self._pools is not None:
            self._pools.close()
