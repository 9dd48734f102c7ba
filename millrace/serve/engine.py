"""One system, alive: it takes in events, decides, logs what it decided, and can say why."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from millrace.decision import Decision
from millrace.features.online import OnlineView
from millrace.loaded import Loaded
from millrace.log.appending import Receipt
from millrace.log.decisions import DECISION
from millrace.log.traces import Progress, Who
from millrace.log.writer import Writer
from millrace.schema import Request
from millrace.serve.answering import answered
from millrace.serve.arrivals import Arrivals
from millrace.serve.breakers import State
from millrace.serve.clock import Clock, wall
from millrace.serve.current import Current, Serves, Serving
from millrace.serve.deciding import MOST_FAILURES, decide
from millrace.serve.facts import LiveFacts
from millrace.serve.follower import Follower
from millrace.serve.forgetting import forget
from millrace.serve.home import Home
from millrace.serve.memory import Memory
from millrace.serve.pools import Pools
from millrace.serve.records import recorded, records
from millrace.serve.release import Versions
from millrace.serve.showing import with_shown
from millrace.serve.timed_facts import sources_of
from millrace.serve.timing import RECORD, VIEW, Spans
from millrace.serve.upkeep import Upkeep
from millrace.stores.tombstones import Tombstone
from millrace.types import Columns, size

log = logging.getLogger("millrace.serve")


class Engine(Serves):
    """Runs a loaded system on its folder.

    Args:
        loaded: The system.
        home: Its log, registry, releases and snapshots.
        now: Where time comes from; a simulation passes its own.
        patient: Run without deadlines, for batches and simulations: nothing is ever missed for being slow.
        seed: What every draw derives from.
    """

    def __init__(self, loaded: Loaded, home: Home, *, now: Callable[[], int] = wall, patient: bool = False, seed: int = 0) -> None:
        self.loaded = loaded
        self.home = home
        self.clock = Clock(now)
        self.failures: deque[tuple[str, str]] = deque(maxlen=MOST_FAILURES)
        self._seed, self._pools = seed, None if patient else Pools()
        self.versions = Versions(loaded, home.registry)
        self._kept, self._sources = recorded(loaded), sources_of(loaded)
        self._memory, self._times_forgotten = Memory(loaded), 0
        self._upkeep = Upkeep(loaded.name)
        self._arrivals = Arrivals(self.clock, lambda batch: self._upkeep.apply(self.view, batch))
        self._forgetting, self._serving = threading.Lock(), Serving(loaded, home)
        self.view = self._rebuilt()
        self.reload()
        self._writer = self._opened()

    def _rebuilt(self) -> OnlineView:
        view = self.home.caught_up(self.loaded.plan)
        # No decision may be as of an instant before one that the view was already read at, whatever the clock says now.
        self.clock.finish(max(self.home.log.last_known, view.standing.watermark, 0))
        return view

    def reload(self) -> bool:
        """Install what the releases say now; return whether anything changed."""
        changed = self._serving.reload(self.versions)
        if changed and self._pools is not None:
            self._pools.breakers.reset()
        return changed

    def ingest(self, items: Sequence[Any]) -> Receipt:
        """Log events and entities durably and bring them into the view; when it returns, the next decision sees them.

        Raises:
            BadInput: An event is from the future or malformed; nothing of the batch is stored.
            Conflict: An id is reused with other content; nothing of the batch is stored.
            Unavailable: The log cannot keep up or cannot be written.
        """
        receipt = self.submit(items).result()
        self._bring_in()
        self._upkeep.check()
        return receipt

    def submit(self, items: Sequence[Any]) -> Future[Receipt]:
        """Hand items over to be logged; the future gives their receipt, and the next decision sees them then, or an error as of `ingest`.

        Raises:
            Unavailable: The log cannot keep up, or is closed.
        """
        return self._writer.submit(items)

    def decide(self, requests: Sequence[Request]) -> list[Decision]:
        """Decide and log; when it returns, the decisions are on disk. See `deciding.decide`."""
        return decide(self, requests)

    def answer(self, requests: Columns, spans: Spans | None = None) -> list[Decision]:
        """Decide without logging: what `decide` does between reading requests and writing records. See `Decider.answer`."""
        with self._arrivals.reading():
            self._upkeep.check()
            serving = self._serving.now
            facts = self.facts(self._arrivals.watermark(), serving)
            self.view.advance(facts.watermark)  # from here on the leaves only read, so they may run side by side
            view = str(self._times_forgotten)
            if spans is not None:
                spans.lap(VIEW)
            decided, took_us = answered(serving.policy, requests, facts, self.loaded.name, spans, self._sources)
            # A guard asks how long one takes while a release goes out. Simulations are patient, and alike.
            is_timed = self._pools is not None and serving.standing.rollout is not None and size(requests) == 1
        self.failures.extend(facts.failures)
        what: Any = {"release": serving.installed.release, "watermark": facts.watermark, "missed": facts.missed, "kept": self._kept}
        made = records(decided, system=self.loaded.name, **what, took_us=took_us if is_timed else 0)
        self._memory.decided(requests, made, view)
        if spans is not None:
            spans.lap(RECORD)
        return made

    def facts(self, watermark: int, serving: Current | None = None) -> LiveFacts:
        """Return the facts of a decision as of a watermark that the view has reached; of what serves now, unless it is given."""
        now = serving or self._serving.now
        repeatable = partial(self._memory.recalled, view=str(self._times_forgotten))
        return LiveFacts(self.view, watermark, now.names, now.installed, self.versions.load, self._seed, self._pools, memory=repeatable)

    def lead(self, follow: Callable[[OnlineView, threading.RLock, Callable[[], int]], Follower]) -> None:
        """Let something follow the view from now on, such as what publishes it: told of every batch, and closed with the engine.

        Args:
            follow: Makes it, given the view, the lock that guards it, and what advances it to the present (called with the lock).
        """
        with self._arrivals.lock:
            self._upkeep.followers = (*self.followers, follow(self.view, self._arrivals.lock, self._moved_on))

    def reached(self) -> int:
        """Return an instant such that all that is known before it is in the log and was applied, and always will have been.

        Raises:
            Unavailable: The view could not follow the log.
        """
        watermark = self.clock.watermark()
        self._upkeep.check()  # afterwards: what could not be applied is not before an instant that was given before
        return watermark

    def _moved_on(self) -> int:
        self._upkeep.check()
        watermark = self._arrivals.watermark()
        self.view.advance(watermark)
        return watermark

    def load(self, version: str) -> Any:
        """Return a registered version of one of the system's models."""
        return self.versions.load(version)

    def snapshot(self) -> None:
        """Save the view, so that the next start replays only what came since."""
        with self._arrivals.reading():
            self._arrivals.watermark()
            save = self.home.saving(self.view)
        save()  # nobody waits for the disk

    def forget(self, who: Who, progress: Progress = lambda _said, _done, _all: None) -> Tombstone | None:
        """Remove somebody from the log, everything made of it and the view; until it is done, nothing is decided or taken in.

        Meanwhile events are refused as of a log that is busy. A training under way has read the person already: forget again after it.
        Arguments, errors and the result are those of `forgetting.forget`.
        """
        with self._forgetting:
            self._writer.close()  # before the lock: what it still writes it also applies
            try:
                with self._arrivals.lock:
                    self._arrivals.dropped()
                    tombstone = forget(self.home, who, self.clock.now(), progress)
                    self.versions = Versions(self.loaded, self.home.registry)  # those in memory may still name the person
                    self._times_forgotten += 1  # what was decided before may name the person: it is not repeated
                    self.view, self._upkeep.is_whole = self._rebuilt(), True
                self._upkeep.renewed(self.view)
            finally:
                self._writer = self._opened()
        return tombstone

    def close(self) -> None:
        """Finish what was accepted, save a snapshot, and let go of the log."""
        self._writer.close()
        self._upkeep.close()
        if self._pools is not None:
            self._pools.close()
        if self._upkeep.is_whole:
            self.snapshot()

    def _added(self, rows: Mapping[str, Columns], receipt: Receipt) -> None:
        """Leave what was just logged, with what its decisions showed, where the next decision finds it, before anyone is told."""
        batch = with_shown(self.loaded, self.home.log.store, rows)
        if DECISION in rows:
            self._memory.known(rows[DECISION]["decision"].tolist(), rows[DECISION]["known"].tolist())
        # Who follows the view is told of what is in it, and before anyone is acknowledged: then a commit waits for the decision under way.
        self._arrivals.leave(batch, int(receipt.known.max()), wait=bool(self.followers))
        self._upkeep.check()

    def _bring_in(self) -> None:
        """Bring in what was left; who submitted it has been told already."""
        try:
            self._arrivals.bring_in()
        except Exception:  # every decision says so from now on
            log.exception("%s could not follow its log", self.loaded.name)

    def _settled(self) -> None:
        self.clock.finish()
        self._upkeep.settled()

    def _opened(self) -> Writer:
        return Writer(self.home.log, self.clock.begin, self._added, self._settled, self._bring_in)

    @property
    def followers(self) -> tuple[Follower, ...]:
        """What follows the view."""
        return self._upkeep.followers

    @property
    def troubles(self) -> list[str]:
        """Why what follows the view does not; nothing when all do."""
        return [one.trouble for one in self.followers if one.trouble]

    def breakers(self) -> dict[str, State]:
        """Return the state of each leaf that failed or was late of late."""
        return self._pools.breakers.states() if self._pools is not None else {}

    def away(self) -> str:
        """Return why it cannot decide, or log, just now; "" when it can."""
        return self._upkeep.why or self._writer.why()
