"""A thread that publishes a view as it changes: it follows, and never holds up, whoever changes it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from millrace.adapters.redis.connection import failures
from millrace.adapters.redis.publishing import Publisher
from millrace.errors import Conflict, MillraceError
from millrace.features.online import OnlineView
from millrace.types import Columns

log = logging.getLogger("millrace.redis")

BEAT_S = 0.05
"""How often the standing moves on while nothing happens, in seconds: windows lose their tails all the same."""
_AGAIN_S = 0.25
"""How long to wait before Redis is asked again after it did not answer, in seconds."""
_PATIENCE_S = 10.0


class Following:
    """Publishes again and again, as soon as there is something new.

    What changes while a publication is under way, or while Redis is away, goes into the next one. When Redis comes back emptied, or as it
    was some time ago, everything is published again.

    Args:
        publisher: Publishes the view.
        lock: Whoever changes or reads the view holds it.
        moved: Advances the view to an instant that all it will ever be told of is known at or after, and returns that; called with `lock`.
        place: What Redis is called in messages.

    Attributes:
        trouble: Why the last publication did not arrive; "" when it did.
        published: How many publications arrived.
    """

    def __init__(self, publisher: Publisher, lock: AbstractContextManager[Any], moved: Callable[[], int], place: str) -> None:
        self.trouble = ""
        self.published = 0
        self._publisher = publisher
        self._lock = lock
        self._moved = moved
        self._place = place
        self._renewed: OnlineView | None = None
        self._changed = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="millrace-redis", daemon=True)
        self._thread.start()

    def told(self, batch: Mapping[str, Columns]) -> None:
        """Take note of a batch that was just applied to the view; called with `lock`."""
        self._publisher.told(batch)
        self._changed.set()

    def settled(self) -> None:
        """Do nothing: publishing waits for nobody."""

    def renewed(self, view: OnlineView) -> None:
        """Publish another view from now on, and delete what was published of the one before; called with `lock`."""
        self._renewed = view
        self._changed.set()

    def close(self) -> None:
        """Publish what is new, if Redis answers, and end."""
        self._ended.set()
        self._changed.set()
        self._thread.join(_PATIENCE_S)
        if not self._thread.is_alive():
            self._publisher.close()

    def _run(self) -> None:
        while True:
            is_last = self._ended.is_set()
            self._changed.clear()
            arrived = self._has_published()
            if is_last:
                return
            if arrived:
                self._changed.wait(BEAT_S)
            else:
                self._ended.wait(_AGAIN_S)

    def _has_published(self) -> bool:
        """Publish what is new; return whether it arrived."""
        try:
            try:
                self._publish()
            except Conflict as conflict:
                log.warning("%s: %s", self._place, conflict)
                self._publish()
        except (*failures(), MillraceError) as error:
            self._note(str(error) if isinstance(error, MillraceError) else f"Redis does not answer ({type(error).__name__})")
            return False
        except Exception:
            log.exception("the online view was not published to %s; it is tried again", self._place)
            self.trouble = "publishing failed; the log says why"
            return False
        if self.trouble:
            log.info("the online view is published to %s again", self._place)
            self.trouble = ""
        return True

    def _publish(self) -> None:
        self._publisher.settle()
        with self._lock:
            if self._renewed is not None:
                self._publisher.renew(self._renewed)
                self._renewed = None
            made = self._publisher.collect(self._moved())
        self._publisher.send(made)
        self.published += 1
        self._publisher.tidy()

    def _note(self, trouble: str) -> None:
        """Say what the trouble is, once: it may last."""
        if trouble != self.trouble:
            log.warning("the online view is not published to %s: %s", self._place, trouble)
            self.trouble = trouble
