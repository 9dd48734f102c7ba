"""Group commit: many threads submit, one writes; what came in while a commit was under way goes into the next."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from millrace.errors import MillraceError, Unavailable
from millrace.log.ailing import Ailing
from millrace.log.appending import Committed, Receipt, commit
from millrace.log.checkpoints import Checkpoints
from millrace.log.log import Log
from millrace.log.submission import Submission, prepare
from millrace.types import Columns

Added = Callable[[Mapping[str, Columns], Receipt], object]
"""Told of what was added, by stream, and of the receipt of the whole group, before anyone who submitted it is."""

_Waiting = tuple[Submission, "Future[Receipt]"]


class Writer:
    """The one thread that appends to a log, for many that submit; another one brings what it wrote from SQLite's write-ahead log over.

    Submissions are checked in the thread that submits. Of a group that is committed together, one that conflicts with the log fails alone.
    A commit that fails (the disk is full) fails its group, and the writer goes on with the next.

    Args:
        log: The log, open for writing.
        tick: Now, in microseconds since 1970 UTC. Where it does not advance, `known` does all the same.
        added: Called after each commit and before its futures are done, so that what is acknowledged is visible. If it raises, the
            futures fail with its error although their items are in the log: sending them again is harmless.
        settled: Called after each group, whatever came of it, before its futures are done: what `tick` claimed is free again.
        told: Called after each group's futures are done; it must not raise.
        capacity: How many items may wait; more are refused.
        group: How many items a commit may hold, one submission at least.
    """

    def __init__(
        self,
        log: Log,
        tick: Callable[[], int],
        added: Added | None = None,
        settled: Callable[[], object] = lambda: None,
        told: Callable[[], object] = lambda: None,
        *,
        capacity: int = 50_000,
        group: int = 5_000,
    ) -> None:
        self._log = log
        self._tick = tick
        self._added = added
        self._settled = settled
        self._told = told
        self._capacity = capacity
        self._group = group
        self._waiting: deque[_Waiting] = deque()
        self._items = 0
        self._is_open = True
        self._checkpoints, self._ailing = Checkpoints(log.store.path), Ailing(log.store.path)
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="millrace-log-writer", daemon=True)
        self._thread.start()

    def submit(self, items: Sequence[Any], at: Sequence[int | None] | None = None) -> Future[Receipt]:
        """Hand items over; the future gives their receipt once they are on disk and applied, or says why they are not.

        Its error is BadInput, Conflict or Unavailable as of `Log.append`. The items are accepted or refused together.

        Raises:
            Unavailable: Too many items are waiting, or the writer is closed.
        """
        done: Future[Receipt] = Future()
        try:
            submission = prepare(self._log.store.streams, items, at)
        except MillraceError as error:
            done.set_exception(error)
            return done
        with self._changed:
            if not self._is_open:
                raise Unavailable("the writer of the log is closed: submit to the process that is open")
            if self._items and self._items + submission.size > self._capacity:
                raise Unavailable(f"{self._items} items wait to be written, at most {self._capacity} may: send them again later")
            self._waiting.append((submission, done))
            self._items += submission.size
            self._changed.notify()
        return done

    def _run(self) -> None:
        while group := self._next():
            self._commit([one for one in group if one[1].set_running_or_notify_cancel()])
            self._told()

    def _next(self) -> list[_Waiting]:
        """Wait for submissions and take as many as a commit may hold; none once the writer is closed and all is written."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or not self._is_open)
            group, items = [], 0
            while self._waiting and (not group or items + self._waiting[0][0].size <= self._group):
                group.append(self._waiting.popleft())
                items += group[-1][0].size
            self._items -= items
            return group

    def _commit(self, group: Sequence[_Waiting]) -> None:
        try:
            done = self._written([submission for submission, _ in group])
        except Exception as error:  # whatever it is, those who wait must hear of it, and the next group is not to blame
            for _, future in group:
                future.set_exception(error)
        else:
            _answer(group, done)

    def _written(self, submissions: Sequence[Submission]) -> Committed:
        try:
            done = self._committed(submissions)
            if self._added is not None and done.rows:
                self._added(done.rows, done.receipt)
            return done
        finally:
            self._settled()

    def _committed(self, submissions: Sequence[Submission]) -> Committed:
        try:
            done = commit(self._log.store, submissions, self._tick(), or_later=True)
        except Exception as error:
            self._ailing.failed(error)
            raise
        self._ailing.worked()
        self._checkpoints.committed()
        return done

    def why(self) -> str:
        """Return why the log takes nothing just now; "" when it does. Where its last commit failed this tries the disk."""
        return self._ailing.why()

    def close(self) -> None:
        """Write what waits, then end; nothing can be submitted any more."""
        with self._changed:
            self._is_open = False
            self._changed.notify()
        self._thread.join()
        self._checkpoints.close()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _answer(group: Sequence[_Waiting], done: Committed) -> None:
    for (_, future), outcome in zip(group, done.outcomes, strict=True):
        if isinstance(outcome, MillraceError):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
