"""What was logged while a decision read the online view waits at its door, and so nobody whose event was logged waits for that decision."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias

from millrace.serve.clock import Clock
from millrace.types import Columns, size

Batch: TypeAlias = "Mapping[str, Columns]"

MOST_ROWS = 50_000
"""How many rows may wait; with more, whoever brings the next waits itself."""


class Arrivals:
    """Batches on their way from the log into the view, in order.

    A decision sees exactly what was known before its watermark, so commits may change the view only between decisions. What is logged is
    left here, and may be acknowledged then: whoever reads the view next brings it in before it takes its watermark, so every decision
    after the acknowledgement sees it.

    Args:
        clock: Is told of each batch as it is left: from then on watermarks lie after it.
        apply: Changes the view; called with `lock`.

    Attributes:
        lock: Whoever reads or changes the view holds it.
    """

    def __init__(self, clock: Clock, apply: Callable[[Batch], None]) -> None:
        self.lock = threading.RLock()
        self._clock = clock
        self._apply = apply
        self._door, self._entering = threading.Lock(), threading.Lock()
        self._waiting: list[Batch] = []
        self._rows = 0

    def leave(self, batch: Batch, known: int, *, wait: bool) -> None:
        """Leave a batch; `bring_in` afterwards.

        Args:
            batch: Rows by stream.
            known: When its last row became known.
            wait: Whether it must be in the view when this returns.
        """
        with self._door:  # as one, so that nobody takes a watermark after it and does not find it
            self._waiting.append(batch)
            self._rows += sum(map(size, batch.values()))
            self._clock.finish(known)
            wait = wait or self._rows > MOST_ROWS
        if wait:
            with self.lock:
                self._enter(self._taken()[1])

    def bring_in(self) -> None:
        """Bring in what waits, unless somebody reads the view: that one does, when done. What another brings in has come in on return."""
        with self._entering:
            while self._waiting and self.lock.acquire(blocking=False):
                try:
                    self._enter(self._taken()[1])
                finally:
                    self.lock.release()

    def watermark(self) -> int:
        """Return an instant such that the view has all that is known before it and nothing else, once advanced to it. With `lock`."""
        watermark, batches = self._taken()
        self._enter(batches)
        return watermark

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold the view; what was left meanwhile is brought in afterwards."""
        with self.lock:
            yield
        self.bring_in()

    def dropped(self) -> None:
        """Forget what waits: the view was made anew from the log. With `lock`."""
        self._taken()

    def _taken(self) -> tuple[int, list[Batch]]:
        with self._door:
            batches, self._waiting, self._rows = self._waiting, [], 0
            return self._clock.watermark(), batches

    def _enter(self, batches: list[Batch]) -> None:
        for batch in batches:
            self._apply(batch)
