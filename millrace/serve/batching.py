"""Batching: requests that come while others are decided are decided next, all together; what was decided is logged meanwhile.

Nothing waits for more to come: an idle server decides at once. A batch is decided by one call on one watermark (together is as one at a
time, as the law of batches says), handed over to be logged, and answered once it is on disk. Where that takes longer than to decide, the
next one is decided meanwhile. Where it is quicker it is waited for: both at once would keep each other waiting, and the next holds more.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool

from millrace.decision import Decision
from millrace.errors import Conflict, Unavailable
from millrace.log.appending import Receipt
from millrace.log.streams import codec_of
from millrace.schema import Request
from millrace.serve.admission import Limit
from millrace.serve.deciding import Decider, named
from millrace.serve.sizing import BatchSize
from millrace.serve.timing import COMMIT, WAIT, Spans

ALONE_EVERY = 16
"""While a release goes out, one batch of so many is of the first call alone, so that a guard hears how long decisions take under load."""


@dataclass(eq=False)
class Call:
    """What one caller asks: its requests stand or fall together.

    Attributes:
        requests: Each with an id.
        deadline: When the caller's time runs out, in seconds of the monotonic clock; None for never.
        answer: The decisions or an error; set in the event loop.
        since: When it came.
        passed: When a batch was first taken without it; None while none was. Only that is waiting: what came while a batch is being decided
            has to see its end.
        waited: How long it was passed over until it was taken, in seconds; None while it is not.
        decisions: What was decided, or why nothing was.
        spans: Where its time goes.
    """

    requests: list[Any]
    deadline: float | None
    answer: asyncio.Future[list[Decision]]
    since: float
    passed: float | None = None
    waited: float | None = None
    decisions: list[Decision] | Exception | None = None
    spans: Spans = field(default_factory=Spans)

    @property
    def items(self) -> list[Any]:
        """What is to be logged."""
        decisions = self.decisions if isinstance(self.decisions, list) else []
        return [item for pair in zip(self.requests, decisions, strict=True) for item in pair]

    def settle(self, error: BaseException | None) -> None:
        """Answer, unless the caller has gone. In the event loop."""
        if self.answer.done():
            return
        error = self.decisions if isinstance(self.decisions, Exception) else error
        if error is not None:
            self.answer.set_exception(error)
        elif isinstance(self.decisions, list):
            self.spans.lap(COMMIT)
            self.answer.set_result(self.decisions)


class Batching:
    """Decides what many callers on one event loop ask, on one thread of its own.

    Where deciding a batch fails, each call of it is decided alone, and where logging it fails each is logged alone: nobody fails for what
    another one sent.

    Args:
        decider: Decides and logs.
        limit: Says who is let in; learns how long they wait.
        told: Told of each batch: where its time went, and what was decided.
    """

    def __init__(
        self, decider: Decider, limit: Limit, told: Callable[[Spans, Sequence[Decision]], object] = lambda _spans, _decisions: None
    ) -> None:
        self._decider = decider
        self._limit = limit
        self._told = told
        self._waiting: deque[Call] = deque()
        self._changed = threading.Condition()
        self._is_open = True
        self._size = BatchSize()
        self._batches = 0
        self._log_s = 0.0  # how long logging took last
        self._thread: threading.Thread | None = None
        self._logging: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """How many callers wait to be decided."""
        return len(self._waiting)

    async def decide(self, requests: Sequence[Request], deadline: float | None = None, spans: Spans | None = None) -> list[Decision]:
        """Decide and log; when it returns, the decisions are on disk. A request decided before gets the decision it got.

        Args:
            requests: One caller's.
            deadline: When its time runs out, in seconds of the monotonic clock; what has not begun by then is not decided.
            spans: Where how long its stages take is added.

        Raises:
            Overloaded: Too many are under way.
            Unavailable: The caller's time runs out first; or as of `deciding.decide`, as are the other errors.
        """
        loop, since = asyncio.get_running_loop(), time.monotonic()
        self._limit.admit(since, deadline)
        call = Call([named(one) for one in requests], deadline, loop.create_future(), since, spans=spans or Spans())
        took = None
        try:
            self._hand(call)
            decisions = await call.answer
            took = time.monotonic() - since
            return decisions
        except Conflict:  # it may be a retry, or have been decided elsewhere meanwhile
            return await run_in_threadpool(self._decider.decide, call.requests)
        finally:
            self._limit.ended(time.monotonic(), call.waited, took)

    def _hand(self, call: Call) -> None:
        with self._changed:
            if not self._is_open:
                raise Unavailable("the server is shutting down: ask another one")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, args=(call.answer.get_loop(),), name="millrace-deciding", daemon=True)
                self._thread.start()
            self._waiting.append(call)
            self._changed.notify()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        while batch := self._next():
            alive = self._alive(batch)
            began = time.perf_counter()
            self._decide(alive)
            decided = time.perf_counter()
            if alive:
                self._size.learn(sum(len(call.requests) for call in alive), decided - began)
            logged = self._logged([call for call in alive if isinstance(call.decisions, list)])
            logged.add_done_callback(lambda done, batch=batch: loop.call_soon_threadsafe(self._settle, batch, done))
            logged.add_done_callback(lambda _, decided=decided: self._took_to_log(time.perf_counter() - decided))
            if self._log_s < decided - began:
                wait([logged], decided - began)

    def _took_to_log(self, seconds: float) -> None:
        self._log_s = seconds

    def _next(self) -> list[Call]:
        """Wait for calls and take as many as should be decided together; none once it is closed and all are decided."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or not self._is_open)
            batch, room = [], 0 if self._is_alone() else self._size.most
            while self._waiting and (not batch or room >= len(self._waiting[0].requests)):
                room -= len(self._waiting[0].requests)
                batch.append(self._waiting.popleft())
            now = time.monotonic()
            for call in reversed(self._waiting):
                if call.passed is not None:
                    break
                call.passed = now
            return batch

    def _is_alone(self) -> bool:
        """Say whether the next batch is of one call, whichever arm that falls into: what is decided together is not timed (`took_us`)."""
        self._batches += 1
        return self._batches % ALONE_EVERY == 0 and self._decider.standing.rollout is not None

    def _alive(self, batch: Sequence[Call]) -> list[Call]:
        """Return the calls that somebody waits for still."""
        now, alive = time.monotonic(), []
        for call in batch:
            call.waited = now - call.passed if call.passed is not None else 0.0
            if call.deadline is not None and call.deadline <= now:
                call.decisions = Unavailable("the caller's time ran out before it was decided: ask again, with more time")
            elif not call.answer.done():
                call.spans.lap(WAIT)
                alive.append(call)
        return alive

    def _decide(self, calls: Sequence[Call]) -> None:
        """Fill in the decisions of calls, all in one go if that works."""
        if not calls:
            return
        asked, spans = [request for call in calls for request in call.requests], Spans()
        try:
            decided = self._decider.answer(codec_of(type(asked[0])).columns(asked), spans)
        except Exception as error:
            if len(calls) == 1:
                calls[0].decisions = error
            else:
                for call in calls:
                    self._decide([call])
            return
        self._told(spans, decided)
        decisions = iter(decided)
        for call in calls:
            call.spans.follow(spans)
            call.decisions = [next(decisions) for _ in call.requests]

    def _logged(self, calls: Sequence[Call]) -> Future[Any]:
        """Hand over the decisions of calls to be logged."""
        if not calls:
            nothing: Future[Any] = Future()
            nothing.set_result(None)
            return nothing
        try:
            return self._decider.submit([item for call in calls for item in call.items])
        except Exception as error:
            failed: Future[Receipt] = Future()
            failed.set_exception(error)
            return failed

    def _settle(self, batch: Sequence[Call], done: Future[Receipt]) -> None:
        """Answer a batch, in the event loop. Where it was not logged for what one of several sent, each is logged by itself."""
        error = done.exception()
        decided = [call for call in batch if isinstance(call.decisions, list)]
        if error is None or isinstance(error, Unavailable) or len(decided) == 1:
            decided = []
        for call in decided:
            task = asyncio.ensure_future(self._alone(call))
            self._logging.add(task)
            task.add_done_callback(self._logging.discard)
        for call in batch:
            if call not in decided:
                call.settle(error)

    async def _alone(self, call: Call) -> None:
        try:
            await asyncio.wrap_future(await run_in_threadpool(self._decider.submit, call.items))
        except Exception as error:
            call.settle(error)
        else:
            call.settle(None)

    def close(self) -> None:
        """Decide what waits, then end; nothing is taken any more. Not in the event loop, which answers meanwhile."""
        with self._changed:
            self._is_open = False
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
