"""A view beside the log: processes of the machine that owns it follow the log itself, each in its own memory.

The owner keeps three numbers in a small file that the others map into memory: up to which instant everything known is in the log, once and
for all; when the last record became known; and how often the log was changed behind its readers. It moves the instant on before it
acknowledges anything, so whoever takes a watermark there afterwards sees what was acknowledged. The others only read the file: whatever
becomes of them, the owner goes on.
"""

from __future__ import annotations

import logging
import mmap
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from millrace.decision import Decisions
from millrace.errors import BadInput, Conflict, Unavailable
from millrace.features.defaults import DefaultsUsed
from millrace.features.online import OnlineView
from millrace.loaded import Loaded
from millrace.log.order import Span
from millrace.log.replay import replay
from millrace.serve.home import Home
from millrace.types import EVER, Array, Columns

log = logging.getLogger("millrace.serve")

BEAT_S = 0.02
"""How often the instant moves on while nothing is logged, in seconds: windows lose their tails all the same."""
_CHUNK = 100_000
_PATIENCE_S = 10.0
_WATERMARK, _LAST, _RENEWALS = range(3)
_BYTES = 3 * 8


class Pulse:
    """Says, in a file, where the log stands: what an engine tells those that follow its log. See `Follower`.

    Args:
        path: The file; made anew.
        reached: Gives an instant before which everything is, and always will have been, in the log and told of; see `Engine.reached`.
        last_known: Tells when the last record became known, microseconds since 1970 UTC.
    """

    trouble = ""

    def __init__(self, path: Path, reached: Callable[[], int], last_known: Callable[[], int]) -> None:
        self._reached = reached
        self._last_known = last_known
        self._lock = threading.Lock()
        with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "r+b") as file:
            file.truncate(_BYTES)
            self._map = mmap.mmap(file.fileno(), _BYTES)
        # A word is stored at once, by one instruction: nobody reads half of it.
        self._words = memoryview(self._map).cast("q")
        self._ended = threading.Event()
        self._words[_LAST] = last_known()
        self.settled()
        self._thread = threading.Thread(target=self._beat, name="millrace-pulse", daemon=True)
        self._thread.start()

    def told(self, batch: Mapping[str, Columns]) -> None:
        """Note that something was logged: it is said before the watermark passes it."""
        latest = max((int(rows["known"][-1]) for rows in batch.values() if len(rows["known"])), default=EVER)
        self._words[_LAST] = max(self._words[_LAST], latest)

    def settled(self) -> None:
        """Move the watermark past all that was told."""
        with self._lock, suppress(Unavailable):
            self._words[_WATERMARK] = self._reached()

    def renewed(self, view: OnlineView) -> None:
        """Let everybody begin anew: the log changed behind its readers."""
        with self._lock:
            self._words[_LAST] = self._last_known()
            self._words[_RENEWALS] += 1

    def close(self) -> None:
        """End; what was said stays."""
        self._ended.set()
        self._thread.join()
        self._words.release()
        self._map.close()

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_S):
            self.settled()


class FollowedView:
    """The online view of a process that does not write the log, brought up to it whenever a decision is to be made. See `PublishedView`.

    A cut is as of the latest instant that the owner stands by, and it sees exactly what is known before it. Until it is closed the view
    stands still: close it soon.

    Args:
        loaded: The system.
        home: Its home, open to read.
        path: Where the owner says how the log stands; see `Pulse`.

    Raises:
        Unavailable: The owner does not say it.
    """

    def __init__(self, loaded: Loaded, home: Home, path: Path) -> None:
        self.trouble = ""
        self._plan = loaded.plan
        self._home = home
        self._lock = threading.Lock()
        try:
            with path.open("rb") as file:
                self._words = memoryview(mmap.mmap(file.fileno(), _BYTES, access=mmap.ACCESS_READ)).cast("q")
        except (OSError, ValueError) as error:
            raise Unavailable(f"nobody says in {path} how the log stands: start the process that owns it") from error
        self._view: OnlineView | None = None
        self._renewals = 0
        self._reached = EVER
        with self._lock:
            self._follow()

    @property
    def defaults_used(self) -> DefaultsUsed:
        """See `OnlineView.defaults_used`."""
        view = self._view
        return view.defaults_used if view is not None else DefaultsUsed()

    def cut(self) -> FollowedCut:
        """Return it as of now; whoever takes it closes it, and others wait until then.

        Raises:
            Unavailable: The log cannot be read.
        """
        self._lock.acquire()
        try:
            view = self._follow()
            self.trouble = ""
            return FollowedCut(view, self._reached, self._lock.release, generation=str(self._renewals))
        except BaseException as error:
            self._view = None  # it may have seen half: the next cut begins anew
            self.trouble = str(error) or type(error).__name__
            self._lock.release()
            raise

    def _follow(self) -> OnlineView:
        """Return the view brought up to a watermark, all that is known before it and nothing else."""
        renewals, watermark, last = (self._words[word] for word in (_RENEWALS, _WATERMARK, _LAST))
        view = self._view
        if view is None or renewals != self._renewals:
            return self._anew()
        if last >= self._reached and watermark > self._reached:  # else there is nothing that it has not seen
            span = Span.of(known_from=self._reached, known_until=watermark)
            for batch in replay(self._home.log.store, list(self._plan.streams), span, _CHUNK) if self._plan.streams else ():
                view.apply(batch)
        view.advance(watermark)
        self._reached = watermark
        return view

    def _anew(self) -> OnlineView:
        self._view, self._renewals = None, self._words[_RENEWALS]
        until = time.monotonic() + _PATIENCE_S
        while True:
            watermark = self._words[_WATERMARK]
            view = self._home.caught_up(self._plan, watermark)
            with suppress(BadInput, Conflict):  # a snapshot may have been saved since at an instant that the owner has not said yet
                view.advance(watermark)
                self._view, self._reached = view, watermark
                return view
            if time.monotonic() > until:
                raise Unavailable("the owner of the log does not say how it stands any more: start it again")
            time.sleep(BEAT_S)


@dataclass
class FollowedCut:
    """The view as of one instant; it stands still until this is closed.

    Attributes:
        view: The view, advanced to the watermark.
        watermark: The instant: exactly what was known before it is seen. Microseconds.
        done: Called when the cut is closed.
        missed: Nothing: what is in memory answers.
        generation: How often the log was changed behind its readers when it was read.
    """

    view: OnlineView
    watermark: int
    done: Callable[[], object]
    missed: Sequence[str] = field(default=())
    generation: str = ""

    def close(self) -> None:
        """Let the view move on."""
        self.done()

    def lookup(self, features: Sequence[Any], d: Decisions, watermark: int | None = None) -> dict[str, Array]:
        """See `OnlineView.lookup`."""
        return self.view.lookup(features, d, self._as_of(watermark))

    def top(self, aggregate: Any, take: int, watermark: int | None = None) -> tuple[Array, Array]:
        """See `OnlineView.top`."""
        return self.view.top(aggregate, take, self._as_of(watermark))

    def newest(self, field: Any, take: int, watermark: int | None = None) -> Array:
        """See `OnlineView.newest`."""
        return self.view.newest(field, take, self._as_of(watermark))

    def having(self, field: Any, values: Array) -> tuple[Array, Array]:
        """See `OnlineView.having`."""
        return self.view.having(field, values)

    def _as_of(self, watermark: int | None) -> int:
        if watermark is not None and watermark != self.watermark:
            raise Conflict(f"this is the view as of {self.watermark}, not as of {watermark}: take another cut")
        return self.watermark
