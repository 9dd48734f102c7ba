"""Scoring the rows of a decision on several cores: who waits for it waits for a part of them only."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from millrace.decision import Scorer
from millrace.types import Columns, size, take

Submit: TypeAlias = "Callable[[Callable[[], Any]], Future[Any]]"

LEAST_S = 0.001
"""How long a part takes at least, in seconds: less is scored in less time than it takes to wake a thread and hear of it."""
_TELLING = 64
"""How many rows tell what one costs: fewer tell what a call does."""
_MOST_VERSIONS = 1000
"""Of how many versions it is remembered what a row costs."""
MOST_CORES = 4
"""On how many cores a decision is scored at most: beyond, others are better served by them."""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Scoring:
    """Scores on several cores, as many as what a version does is worth.

    Versions answer for a row alike whatever else is in the batch, so rows are scored in parts. What runs side by side is what they do
    outside of Python: LightGBM, ONNX Runtime, Numba and NumPy let other threads go on.

    Args:
        parts: On how many cores, at least 1.
        submit: Runs a call on another thread; until one takes it, its future can be cancelled.
        spent: How long the calling thread has worked so far, in seconds.
    """

    def __init__(self, parts: int, submit: Submit, spent: Callable[[], float] = time.thread_time) -> None:
        self._parts = min(parts, MOST_CORES)
        self._submit = submit
        self._spent = spent
        self._row_s: dict[int, float] = {}  # by identity of the version

    def of(self, version: Any) -> Any:
        """Return what scores as a version does; what retrieves is asked as it is."""
        return version if self._parts == 1 or hasattr(version, "recall") else _InParts(version, self)

    def score(self, version: Scorer, rows: Columns) -> Columns:
        """Score rows, on other threads too where they are worth it by how long the version took for some last."""
        n = size(rows)
        parts = min(self._parts, int(n * self._row_s.get(id(version), 0.0) / LEAST_S))
        if parts < 2:
            return self._timed(version, rows)
        ends = [n * part // parts for part in range(parts + 1)]
        first, *others = (take(rows, slice(start, end)) for start, end in pairwise(ends))
        running = [self._submit(partial(version.score, part)) for part in others]
        scored = [self._timed(version, first)]
        for part, future in zip(others, running, strict=True):  # one that no thread has taken yet is scored here
            scored.append(version.score(part) if future.cancel() else future.result())
        return {name: np.concatenate([part[name] for part in scored]) for name in scored[0]}

    def _timed(self, version: Scorer, rows: Columns) -> Columns:
        began = self._spent()
        scored = version.score(rows)
        if (n := size(rows)) >= _TELLING:
            took, before = (self._spent() - began) / n, self._row_s.get(id(version))
            if before is None and len(self._row_s) >= _MOST_VERSIONS:
                self._row_s.clear()  # of those that are gone
            self._row_s[id(version)] = took if before is None else before + (took - before) / 4  # one time alone says little
        return scored


@dataclass(frozen=True)
class _InParts:
    version: Scorer
    scoring: Scoring

    def score(self, rows: Columns) -> Columns:
        """See `Scorer.score`."""
        return self.scoring.score(self.version, rows)
