"""Threads for calls that may be abandoned: a call that hangs costs its thread, and a leaf that keeps hanging is not called."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeAlias

from millrace.serve.breakers import Breakers
from millrace.serve.scoring import Scoring, cores

_WORKERS = 16
"""How many calls of one depth run at a time."""

_SCORING = -1
"""The depth of what scores: it waits for nothing."""

_Task: TypeAlias = "tuple[Future[Any], Callable[[], Any]]"


class Pools:
    """Threads for the calls of `attempt`, a pool per depth: a call waits only for calls deeper than itself, so none waits for ever.

    The threads are daemons: one that hangs does not keep the process from ending.

    Args:
        share: Among how many processes the cores are shared, whose models score on several.

    Attributes:
        breakers: What is known of the health of who is called.
        scoring: Has models score on several cores.
    """

    def __init__(self, share: int = 1) -> None:
        self.breakers = Breakers()
        self.scoring = Scoring(max(1, cores() // share), partial(self.submit, _SCORING))
        self._pools: dict[int, _Pool] = {}
        self._is_open = True
        self._lock = threading.Lock()

    def submit(self, depth: int, call: Callable[[], Any]) -> Future[Any]:
        """Run a call on a thread of its depth. Until a thread takes it, its future can be cancelled; after `close` it is."""
        future: Future[Any] = Future()
        with self._lock:
            if not self._is_open:
                future.cancel()
                return future
            if depth not in self._pools:
                self._pools[depth] = _Pool(f"attempt-{depth}" if depth != _SCORING else "scoring")
            self._pools[depth].add(future, call)
        return future

    def close(self) -> None:
        """Let the calls end that were accepted, and accept no more."""
        with self._lock:
            self._is_open = False
            for pool in self._pools.values():
                pool.close()


class _Pool:
    """Up to a number of threads that take calls from one queue; started as they are needed."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._unclaimed = 0  # calls that no thread has taken, less threads that wait for one

    def add(self, future: Future[Any], call: Callable[[], Any]) -> None:
        with self._lock:
            self._unclaimed += 1
            if self._unclaimed > 0 and self._threads < _WORKERS:
                self._threads += 1
                threading.Thread(target=self._run, name=f"{self._name}-{self._threads}", daemon=True).start()
        self._tasks.put((future, call))

    def _run(self) -> None:
        while True:
            with self._lock:
                self._unclaimed -= 1
            task = self._tasks.get()
            if task is None:
                return
            future, call = task
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(call())
            except BaseException as error:  # whoever waits for it hears of it, and the thread goes on
                future.set_exception(error)

    def close(self) -> None:
        for _ in range(self._threads):
            self._tasks.put(None)


def ran(call: Callable[[], Any]) -> Future[Any]:
    """Run a call here: one without a time of its own need not be left behind, and handing it to a thread costs more than most calls do."""
    future: Future[Any] = Future()
    try:
        future.set_result(call())
    except Exception as error:
        future.set_exception(error)
    return future


def result(future: Future[Any], call: Callable[[], Any], deadline: float | None) -> Any:
    """Return what a call on another thread answers, waiting no longer than its deadline."""
    if deadline is None:
        # No thread has taken it, and nothing limits the wait: it runs here rather than queue behind calls that may hang.
        return call() if future.cancel() else future.result()
    try:
        return future.result(max(0.0, deadline - time.monotonic()))
    finally:
        future.cancel()
