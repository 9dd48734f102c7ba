"""Scoring the rows of a decision on several cores: who waits for it waits for a part of them only."""

from __future__ import annotations

import os
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

LEAST = 128
"""How many rows a part holds at least: fewer are scored in less time than it takes to wake a thread and hear of it."""
MOST_CORES = 4
"""On how many cores a decision is scored at most: beyond, others are better served by them."""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Scoring:
    """Scores on several cores.

    Versions answer for a row alike whatever else is in the batch, so rows are scored in parts. What runs side by side is what they do
    outside of Python: LightGBM, ONNX Runtime and NumPy let other threads go on.

    Args:
        parts: On how many cores, at least 1.
        submit: Runs a call on another thread; until one takes it, its future can be cancelled.
    """

    def __init__(self, parts: int, submit: Submit) -> None:
        self._parts = min(parts, MOST_CORES)
        self._submit = submit

    def of(self, version: Any) -> Any:
        """Return what scores as a version does; what retrieves is asked as it is."""
        return version if self._parts == 1 or hasattr(version, "recall") else _InParts(version, self._parts, self._submit)


@dataclass(frozen=True)
class _InParts:
    version: Scorer
    parts: int
    submit: Submit

    def score(self, rows: Columns) -> Columns:
        """See `Scorer.score`."""
        n = size(rows)
        parts = min(self.parts, n // LEAST)
        if parts < 2:
            return self.version.score(rows)
        ends = [n * part // parts for part in range(parts + 1)]
        first, *others = (take(rows, slice(start, end)) for start, end in pairwise(ends))
        running = [self.submit(partial(self.version.score, part)) for part in others]
        scored = [self.version.score(first)]
        for part, future in zip(others, running, strict=True):  # one that no thread has taken yet is scored here
            scored.append(self.version.score(part) if future.cancel() else future.result())
        return {name: np.concatenate([part[name] for part in scored]) for name in scored[0]}
