"""Gathering: what is asked while a call runs is answered by the next call, all of it at once. Nothing waits for more to come."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from millrace.errors import Unavailable

Item = TypeVar("Item")
Answer = TypeVar("Answer")

AT_ONCE_S = 0.001
"""A call that should take no longer than this, in seconds, runs in the event loop: handing it to a thread and back takes a tenth of it."""
_FADES = 0.9


class Gatherer(Generic[Item, Answer]):
    """Answers items by a function that answers many at once, never called twice at a time.

    What arrives in one turn of the event loop, or while a call runs, is the next call: calls grow with the load and by nothing else.
    Short calls run in the event loop, long ones on a thread; which it will be is told from how long the late ones took. Where a call of
    several items fails, each is asked again alone, so that nobody fails for another's item.

    Args:
        call: Returns an answer for each item, in their order.
        size: How much work an item is, in any unit.
        most: How many items one call takes at most.
        room: How many items may wait; more are refused.
    """

    def __init__(
        self, call: Callable[[Sequence[Item]], Sequence[Answer]], size: Callable[[Item], int], *, most: int = 256, room: int = 4096
    ) -> None:
        self._call = call
        self._size = size
        self._most = most
        self._room = room
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._is_busy = False
        self._each_s = AT_ONCE_S  # per unit of work: what is not known yet is thought long

    async def __call__(self, item: Item) -> Answer:
        """Return the answer to an item. Only for callers on one event loop.

        Raises:
            Unavailable: Too many wait already.
            Exception: Whatever `call` raises for the item alone.
        """
        if len(self._waiting) >= self._room:
            raise Unavailable(f"{self._room} wait for an answer already: ask again later")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((item, answer))
        if not self._is_busy:
            self._is_busy = True
            loop.call_soon(self._next, loop)
        return await answer

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        """Answer those who wait, then those who came meanwhile."""
        taken = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
        taken = [(item, answer) for item, answer in taken if not answer.done()]  # who asked may have gone
        items = [item for item, _ in taken]
        if not items:
            self._is_busy = False
        elif sum(map(self._size, items)) * self._each_s < AT_ONCE_S:
            self._settle(taken, self._timed(items))
            loop.call_soon(self._next, loop)  # not at once: others have their turn
        else:
            running = loop.run_in_executor(None, self._timed, items)
            running.add_done_callback(lambda done: (self._settle(taken, done.result()), self._next(loop)))

    def _timed(self, items: Sequence[Item]) -> Sequence[Answer | Exception]:
        began = time.perf_counter()
        answers = self._answers(items)
        took = (time.perf_counter() - began) / max(1, sum(map(self._size, items)))
        self._each_s = max(took, self._each_s * _FADES)
        return answers

    def _answers(self, items: Sequence[Item]) -> Sequence[Answer | Exception]:
        try:
            answers = self._call(items)
            if len(answers) != len(items):
                raise RuntimeError(f"{len(items)} were asked and {len(answers)} answered")
            return answers
        except Exception as error:
            return [error] if len(items) == 1 else [self._answers([item])[0] for item in items]

    def _settle(self, taken: Sequence[tuple[Item, asyncio.Future[Answer]]], answers: Sequence[Answer | Exception]) -> None:
        for (_, waits), said in zip(taken, answers, strict=True):
            if waits.done():
                continue
            if isinstance(said, Exception):
                waits.set_exception(said)
            else:
                waits.set_result(said)
