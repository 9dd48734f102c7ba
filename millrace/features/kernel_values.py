"""A column of values beside a timeline's events, aggregated over spans of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import chain

import numpy as np

from millrace.errors import BadInput
from millrace.features.exact_spread import LARGEST_SQUARED, squared, variance
from millrace.features.exact_sums import FloatLimbs, WholeLimbs, cut_up, running_sums
from millrace.features.extremes import covering
from millrace.features.kernel_ranges import count_below
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

    def first(self, span: Span) -> Array:
        """Return which event with a value became known first among those that count for each row, -1 where none does.

        Its place in the timeline. Shape (rows,), int64.
        """
        n = len(self._values)
        found = self._covering(np.minimum, span, np.arange(n), n)
        return np.where(found == n, -1, found)

    def latest(self, span: Span, most: int) -> Array:
        """Return which events with a value became known last among those that count for each row: the last first, then -1.

        From the last event each row knows it goes back, past events its window has left, until it has found as many as there are: the
        time grows with `most` and with how many late events there are to pass. Places in the timeline. Shape (rows, most), int64.
        """
        there = np.arange(len(self._values)) if self._present is None else np.flatnonzero(self._present)
        start, stop = (run[there] for run in span.runs)
        count = self.count(span)
        found = np.full((len(count), most), -1, dtype=np.int64)
        place = np.searchsorted(there, span.entered) - 1
        for nth in range(most):
            rows = np.flatnonzero(count > nth)
            while len(rows):
                at = place[rows]
                counts = (start[at] <= rows) & (rows < stop[at])
                found[rows[counts], nth] = there[at[counts]]
                place[rows] -= 1
                rows = rows[~counts]
        return found

    def streak(self, span: Span) -> Array:
        """Return how many of the last events with a value that count for each row in a row have one that is not 0. Shape (rows,), int64."""
        there = np.arange(len(self._values)) if self._present is None else np.flatnonzero(self._present)
        breaks = np.flatnonzero(self._values[there] == 0)
        start, stop = span.runs
        broken = covering(np.maximum, start[there[breaks]], stop[there[breaks]], breaks, len(span.entered), -1)
        found = self.count(span).copy()  # the span keeps its own
        rows = np.flatnonzero(broken >= 0)
        first, end = broken[rows] + 1, np.searchsorted(there, span.entered[rows])
        gone = count_below(self._timeline.place_leaving[there], first, end, span.left[rows])
        found[rows] = end - first - gone
        return found

    def variance(self, span: Span) -> Array:
        """Return the population variance of each row's values, from exact sums; NaN where there are none. Shape (rows,), float64.

        Raises:
            BadInput: Values are so large that their squares cannot be summed.
        """
        limbs, running = self._floats
        square_limbs, running_squares = self._squares
        sums = [span.difference(one) for one in running]
        squares = [span.difference(one) for one in running_squares]
        return variance(self.count(span), (limbs, sums), (square_limbs, squares))

    def counted(self, span: Span) -> tuple[Array, Array, Array, Array]:
        """Return the events with a value that count for any row: places in the timeline, values, first rows and rows after the last."""
        start, stop = span.runs
        there = np.flatnonzero(start < stop if self._present is None else self._present & (start < stop))
        return there, self._values[there], start[there], stop[there]

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
    def _floats(self) -> tuple[FloatLimbs, list[Running]]:
        """The values as floats: how they are cut, and their running sums."""
        numbers = self._numbers.astype(np.float64, copy=False)
        limbs = FloatLimbs.of(numbers, self._timeline.most)
        return limbs, self._summed(limbs, numbers, 0, limbs.count)

    @cached_property
    def _squares(self) -> tuple[FloatLimbs, list[Running]]:
        """The squares of the values, which are of two floats each: how both are cut, and the running sums of both together."""
        numbers = self._numbers.astype(np.float64, copy=False)
        if (np.abs(numbers) >= LARGEST_SQUARED).any():
            raise BadInput(f"values of {LARGEST_SQUARED:g} and more have no variance: use a larger unit", "values")
        square, rest = squared(numbers)
        limbs = FloatLimbs.of(np.concatenate([square, rest]), 2 * self._timeline.most)
        parts = (self._summed(limbs, part, 0, limbs.count) for part in (square, rest))
        return limbs, [(a[0] + b[0], a[1] + b[1]) for a, b in zip(*parts, strict=True)]

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

    def _summed(self, limbs: WholeLimbs | FloatLimbs, numbers: Array, first: int, last: int | None = None) -> list[Running]:
        last = min(first + _LIMBS_KEPT, limbs.count) if last is None else last
        columns = cut_up(limbs, numbers, first, last)
        return [(running_sums(column), running_sums(column, self._timeline.leaving)) for column in columns]


def _present(values: Array) -> Array | None:
    """Return which values are not missing; None stands for all."""
    if values.dtype.kind == "f":
        present = ~np.isnan(values)
    elif values.dtype.kind == "O":
        present = np.not_equal(values, np.array(None, dtype=object)).astype(bool)
    else:
        return None
    return None if present.all() else present
