"""One system, alive: it takes in events, decides, logs what it decided, and can say why."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from uuid import uuid4

import msgspec

from millrace.decision import Decision, Decisions
from millrace.errors import BadInput, Conflict, Late, Unavailable
from millrace.features.online import OnlineView
from millrace.loaded import Loaded
from millrace.log.appending import Receipt
from millrace.log.shown import requests_of, shown_rows
from millrace.log.streams import DECISION, codec_of
from millrace.log.traces import Progress, Who
from millrace.log.writer import Writer
from millrace.schema import Request, field_names, shows
from millrace.serve.clock import Clock, wall
from millrace.serve.facts import LiveFacts
from millrace.serve.forgetting import forget
from millrace.serve.home import Home
from millrace.serve.pools import Pools
from millrace.serve.records import recorded, records
from millrace.serve.release import Versions, serving
from millrace.stores.standing import Standing
from millrace.stores.tombstones import Tombstone
from millrace.types import Columns


class Follower(Protocol):
    """What follows the online view of an engine."""

    @property
    def trouble(self) -> str:
        """What keeps it from following; "" when nothing does."""
        ...

    def told(self, batch: Mapping[str, Columns]) -> None:
        """Take note of a batch that was just applied to the view. It holds up who waits for an acknowledgement, so it must be short."""
        ...

    def renewed(self, view: OnlineView) -> None:
        """Follow another view from now on, and leave nothing of the one before: it was built anew from a log that changed."""
        ...

    def close(self) -> None:
        """Catch up, if that can be done soon, and end."""
        ...


class Engine:
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
        self.failures: list[tuple[str, str]] = []
        self._seed = seed
        self._pools = None if patient else Pools()
        self.versions = Versions(loaded, home.registry)
        self._kept = recorded(loaded)
        # Decisions read the view and commits change it: one at a time, so that a decision sees exactly its watermark.
        self._view_lock = threading.RLock()
        self._is_whole = True
        self._forgetting = threading.Lock()
        self.standing: Standing = Standing(system=loaded.name)
        self.followers: tuple[Follower, ...] = ()
        self.view = self._rebuilt()
        self.reload()
        self._writer = Writer(home.log, self.clock.begin, self._applied, self.clock.finish)

    def _rebuilt(self) -> OnlineView:
        """Return the view brought up to the log: from the last snapshot if it fits, else from the beginning."""
        view, after = self.home.view(self.loaded.plan)
        try:
            self._catch_up(view, after)
        except BadInput:
            # History was imported behind the snapshot: what it holds is no longer the beginning of the log.
            view = OnlineView(self.loaded.plan)
            self._catch_up(view, None)
        # No decision may be as of an instant before one that the view was already read at, whatever the clock says now.
        self.clock.finish(max(self.home.log.last_known, view.standing.watermark, 0))
        return view

    def _catch_up(self, view: OnlineView, after: int | None) -> None:
        if self.loaded.plan.streams:
            for batch in self.home.log.replay(after_position=after, streams=self.loaded.plan.streams):
                view.apply(batch)

    def reload(self) -> bool:
        """Install what the releases say now; return whether anything changed."""
        standing = self.home.releases.standing(self.loaded.name)
        policy, what, names = serving(self.loaded, self.home.releases, self.versions, standing)
        changed = standing.revision != self.standing.revision
        with self._view_lock:
            self.standing, self._policy, self._installed = standing, policy, what
            self._names = {**self.loaded.names, **names}
        return changed

    def ingest(self, items: Sequence[Any]) -> Receipt:
        """Log events and entities durably and apply them; when it returns, the next decision sees them.

        Raises:
            BadInput: An event is from the future or malformed; nothing of the batch is stored.
            Conflict: An id is reused with other content; nothing of the batch is stored.
            Unavailable: The log cannot keep up or cannot be written.
        """
        return self._writer.submit(items).result()

    def decide(self, requests: Sequence[Request]) -> list[Decision]:
        """Decide and log; when it returns, the decisions are on disk.

        A request already decided gets the decision it got, as it should: it may be a retry. Its `at` need not be the same.

        Raises:
            BadInput: A request is from the future or malformed; nothing is decided.
            Conflict: An id was used before for another request.
            Unavailable: Neither the policy nor any fallback could answer.
        """
        while True:
            known = {request.id: self._decided(request) for request in requests if request.id}
            try:
                return self._decide(requests, known)
            except Conflict:
                # Another thread may have decided one of them meanwhile: then that decision stands. Otherwise it is a conflict.
                new = (name for name, decision in known.items() if decision is None)
                if all(self.home.log.decision(name) is None for name in new):
                    raise

    def _decide(self, requests: Sequence[Request], known: Mapping[str, Decision | None]) -> list[Decision]:
        new = [request for request in requests if known.get(request.id) is None]
        decisions: list[Decision] = []
        if new:
            named = [_named(request) for request in new]
            decisions = self.answer(codec_of(type(new[0])).columns(named))
            self.ingest([item for pair in zip(named, decisions, strict=True) for item in pair])
        answered = iter(decisions)
        return [known.get(request.id) or next(answered) for request in requests]

    def _decided(self, request: Request) -> Decision | None:
        """Return the decision that a request got before, None when there is none."""
        decision = self.home.log.decision(request.id)
        earlier = self.home.log.find(type(request), request.id) if decision is not None else None
        for name in field_names(type(request)) if earlier is not None else ():
            if name != "at" and getattr(earlier, name) != getattr(request, name):
                raise Conflict(
                    f"{type(request).__name__} {request.id} was decided before with another {name}: give what is new an id of its own"
                )
        return decision

    def answer(self, requests: Columns) -> list[Decision]:
        """Decide without logging: what `decide` does between reading requests and writing records."""
        with self._view_lock:
            self._check_view()
            facts = self.facts(self.clock.watermark())
            self.view.advance(facts.watermark)  # from here on the leaves only read, so they may run side by side
            policy, release = self._policy, self._installed.release
            try:
                decided: Decisions = policy.decide(requests, facts)
            except Late as late:
                raise Unavailable(f"{self.loaded.name} cannot answer: {late}") from late
        self.failures.extend(facts.failures)
        return records(decided, system=self.loaded.name, release=release, watermark=facts.watermark, missed=facts.missed, kept=self._kept)

    def facts(self, watermark: int) -> LiveFacts:
        """Return the facts of a decision as of a watermark that the view has reached."""
        return LiveFacts(self.view, watermark, self._names, self._installed, self.versions.load, self._seed, self._pools)

    def lead(self, follow: Callable[[OnlineView, threading.RLock, Callable[[], int]], Follower]) -> None:
        """Let something follow the view from now on, such as what publishes it: told of every batch, and closed with the engine.

        Args:
            follow: Makes it, given the view, the lock that guards it, and what advances it to the present (called with the lock).
        """
        with self._view_lock:
            self.followers = (*self.followers, follow(self.view, self._view_lock, self._moved_on))

    def _moved_on(self) -> int:
        self._check_view()
        watermark = self.clock.watermark()
        self.view.advance(watermark)
        return watermark

    def load(self, version: str) -> Any:
        """Return a registered version of one of the system's models."""
        return self.versions.load(version)

    def snapshot(self) -> None:
        """Save the view, so that the next start replays only what came since."""
        with self._view_lock:
            self.home.save(self.view)

    def forget(self, who: Who, progress: Progress = lambda _said, _done, _all: None) -> Tombstone | None:
        """Remove somebody from the log, everything made of it and the view; until it is done, nothing is decided or taken in.

        Meanwhile events are refused as of a log that is busy. A training under way has read the person already: forget again after it.
        Arguments, errors and the result are those of `forgetting.forget`.
        """
        with self._forgetting:
            self._writer.close()  # before the lock: what it still writes it also applies
            try:
                with self._view_lock:
                    tombstone = forget(self.home, who, self.clock.now(), progress)
                    self.versions = Versions(self.loaded, self.home.registry)  # those in memory may still name the person
                    self.view, self._is_whole = self._rebuilt(), True
                for follower in self.followers:
                    follower.renewed(self.view)
            finally:
                self._writer = Writer(self.home.log, self.clock.begin, self._applied, self.clock.finish)
        return tombstone

    def close(self) -> None:
        """Finish what was accepted, save a snapshot, and let go of the log."""
        self._writer.close()
        for follower in self.followers:
            follower.close()
        if self._pools is not None:
            self._pools.close()
        if self._is_whole:
            self.snapshot()

    def _applied(self, rows: Mapping[str, Columns], receipt: Receipt) -> None:
        """Bring what was just logged into the view, with what its decisions showed, before anyone is told."""
        batch = dict(rows)
        if (decided := batch.pop(DECISION, None)) is not None:
            shown = [(stream, pair[0]) for stream in self.loaded.plan.streams if (pair := shows(stream))]
            batch |= {stream.__name__: shown_rows(stream, decided, self._asked(stream, asked, decided, rows)) for stream, asked in shown}
        with self._view_lock:  # until the clock knows: a decision in between would be as of before what the view holds
            self._check_view()
            self._is_whole = False
            self.view.apply(batch)
            self._is_whole = True
            for follower in self.followers:
                follower.told(batch)
            self.clock.finish(int(receipt.known.max()))

    def _check_view(self) -> None:
        if not self._is_whole:
            raise Unavailable(f"{self.loaded.name} could not follow its log, which is whole: start it again")

    def _asked(self, stream: type, request: type, decided: Columns, batch: Mapping[str, Columns]) -> Columns:
        """Return the requests that decisions answer: logged with them, or before."""
        here = batch.get(request.__name__)
        if here is not None and set(decided["id"].tolist()) <= set(here["id"].tolist()):
            return here
        store = self.home.log.store
        return store.reading(lambda db: requests_of(store, db, stream, decided, field_names(stream)))


def _named(request: Request) -> Request:
    """Return a request with an id, so that its decision can refer to it."""
    return request if request.id else msgspec.structs.replace(request, id=uuid4().hex)
