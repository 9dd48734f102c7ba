"""A column of values beside a timeline's events, aggregated over spans of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import chain

import numpy as np

from millrace.features.exact_sums import FloatLimbs, WholeLimbs, running_sums
from millrace.features.extremes import covering
from millrace.features.kernel_timeline import Running, Span, Timeline
from millrace.types import Array

_LIMBS_KEPT = 4
"""Running sums of that many limbs are kept for the next window; a column that needs more has them made anew, to bound the memory."""


class Values:
    """A column beside a timeline's events; events whose value is missing (NaN or None) take no part.

    Args:
        timeline: The events.
        values: One value per event: finite numbers or booleans for all aggregates, anything else for `count` and `last`, for which None
            stands for a column without missing values. Shape (events,).
    """

    def __init__(self, timeline: Timeline, values: Array | None) -> None:
        self._timeline = timeline
        self._values = np.zeros(len(timeline.leaving), np.int64) if values is None else values
        self._present = _present(self._values)
        self._totals: dict[Span, Array] = {}

    def count(self, span: Span) -> Array:
        """Return how many events with a value count for each row. Shape (rows,), int64."""
        return span.count if self._running_count is None else span.difference(self._running_count)

    def total(self, span: Span) -> Array:
        """Return the exact sum of each row's values, rounded once; 0 where there are none. Shape (rows,).

        Returns:
            float64 for floats, int64 for whole numbers and booleans.

        Raises:
            BadInput: A total does not fit its type.
        """
        if span not in self._totals:  # a mean is mostly asked for beside its total
            self._totals[span] = self._limbs.join([span.difference(running) for running in self._running()])
        return self._totals[span]

    def mean(self, span: Span) -> Array:
        """Return the total over the count, NaN where that is 0. Shape (rows,), float64. Errors as for `total`."""
        count = self.count(span)
        return np.divide(self.total(span), count, out=np.full(len(count), np.nan), where=count > 0)

    def minimum(self, span: Span) -> Array:
        """Return the least value of each row, NaN where there is none. Shape (rows,), float64."""
        return self._extreme(np.minimum, span, np.inf)

    def maximum(self, span: Span) -> Array:
        """Return the greatest value of each row, NaN where there is none. Shape (rows,), float64."""
        return self._extreme(np.maximum, span, -np.inf)

    def last(self, span: Span) -> Array:
        """Return which event with a value became known last among those that count for each row, -1 where none does.

        Its place in the timeline. Of events known at the same instant the one that comes later is the last. Shape (rows,), int64.
        """
        return self._covering(np.maximum, span, np.arange(len(self._values)), -1)

    def _extreme(self, pick: np.ufunc, span: Span, empty: float) -> Array:
        best = self._covering(pick, span, self._numbers.astype(np.float64) + 0.0, empty)  # + 0.0 makes -0.0 and 0.0 one
        best[np.isinf(best)] = np.nan
        return best

    def _covering(self, pick: np.ufunc, span: Span, values: Array, empty: float) -> Array:
        start, stop = span.runs
        if self._present is not None:
            start, stop, values = start[self._present], stop[self._present], values[self._present]
        return covering(pick, start, stop, values, len(span.entered), empty)

    @cached_property
    def _numbers(self) -> Array:
        """The values as int64 or float64, 0 where missing."""
        if self._values.dtype.kind != "f":
            return self._values.astype(np.int64)
        numbers = self._values.astype(np.float64, copy=False)
        return numbers if self._present is None else np.where(self._present, numbers, 0.0)

    @cached_property
    def _limbs(self) -> WholeLimbs | FloatLimbs:
        kind = FloatLimbs if self._numbers.dtype.kind == "f" else WholeLimbs
        return kind.of(self._numbers, self._timeline.most)

    @cached_property
    def _running_count(self) -> Running | None:
        return None if self._present is None else self._summed(WholeLimbs(1), self._present.astype(np.int64), 0)[0]

    def _running(self) -> Iterator[Running]:
        """Yield the running sums of the values, limb by limb; few are made once, many a few at a time as they are used."""
        if self._limbs.count <= _LIMBS_KEPT:
            return iter(self._kept)
        return chain.from_iterable(self._summed(self._limbs, self._numbers, first) for first in range(0, self._limbs.count, _LIMBS_KEPT))

    @cached_property
    def _kept(self) -> list[Running]:
        return self._summed(self._limbs, self._numbers, 0)

    def _summed(self, limbs: WholeLimbs | FloatLimbs, numbers: Array, first: int) -> list[Running]:
        last = min(first + _LIMBS_KEPT, limbs.count)
        entering = running_sums(limbs, numbers, first, last)
        leaving = running_sums(limbs, numbers, first, last, self._timeline.leaving)
        return list(zip(entering, leaving, strict=True))


def _present(values: Array) -> Array | None:
    """Return which values are not missing; None stands for all."""
    if values.dtype.kind == "f":
        present = ~np.isnan(values)
    elif values.dtype.kind == "O":
        present = np.not_equal(values, np.array(None, dtype=object)).astype(bool)
    else:
        return None
    return None if present.all() else present
