"""`variance` and `deviation` of a population, from exact sums: they subtract."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from millrace.features.exact_spread import squared, variance
from millrace.features.interning import longer
from millrace.features.operation import NUMBERS, Answer, Need, Operation, Partial, Settings, alone, as_had, missing
from millrace.features.tallies import Entries, FloatSums, Remaining, WholeSums
from millrace.features.window import Window
from millrace.types import Array


class Moments:
    """The variance of each slot's numbers, kept as their count, exact sum and exact sum of squares; NaN where there is none.

    An entry is a slot, a count, a sum, and a square in two floats. Entries that come to the same sums stand for each other.

    Attributes:
        value: Shape (capacity,).
    """

    def __init__(self) -> None:
        self.value = np.full(1, np.nan)
        self._count, self._sum, self._squares = WholeSums(), FloatSums(), FloatSums()

    def grow(self, capacity: int) -> None:
        """Make room for slots below `capacity`."""
        self.value = longer(self.value, capacity, np.nan)
        for part in (self._count, self._sum, self._squares):
            part.grow(capacity)

    def add(self, entries: Entries) -> None:
        """Add each entry to its slot."""
        slots, count, numbers, square, rest = entries
        self._count.add((slots, count))
        self._sum.add((slots, numbers))
        self._squares.add((slots, square))
        self._squares.add((slots, rest))
        self._settle(slots)

    def remove(self, entries: Entries, remaining: Remaining) -> None:
        """Subtract what was added: exactly."""
        slots, count, numbers, square, rest = entries
        self._count.remove((slots, count), remaining)
        self._sum.remove((slots, numbers), remaining)
        self._squares.remove((slots, square), remaining)
        self._squares.remove((slots, rest), remaining)
        self._settle(slots)

    def _settle(self, slots: Array) -> None:
        if len(slots):
            slots = np.unique(slots)
            self.value[slots] = variance(self._count.value[slots], self._sum.exact(slots), self._squares.exact(slots))

    def fold(self, entries: Entries) -> Entries:
        """Return a few entries per slot that come to the same sums."""
        slots, count, numbers, square, rest = entries
        squares = self._squares.fold((np.concatenate([slots, slots]), np.concatenate([square, rest])))
        return _beside(self._count.fold((slots, count)), self._sum.fold((slots, numbers)), squares)

    def entries(self) -> Entries:
        """Return a few entries per slot that come to what is kept."""
        return _beside(self._count.entries(), self._sum.entries(), self._squares.entries())

    @property
    def nbytes(self) -> int:
        """The memory its arrays take, in bytes."""
        return self.value.nbytes + sum(part.nbytes for part in (self._count, self._sum, self._squares))


def _beside(*parts: Entries) -> Entries:
    """Return entries of several sums in one: the first of a slot of each sum together, then the second of each, and so on."""
    marks = [_nth(slots) for slots, _ in parts]
    kept = np.unique(np.concatenate(marks))
    columns = [np.zeros(len(kept), dtype=values.dtype) for _, values in parts]
    for column, mark, (_, values) in zip(columns, marks, parts, strict=True):
        column[np.searchsorted(kept, mark)] = values
    return kept >> 32, *columns, np.zeros(len(kept))


def _nth(slots: Array) -> Array:
    """Return each slot together with how many equal ones come before it, in one number."""
    order = np.argsort(slots, kind="stable")
    ordered = slots[order].astype(np.int64)
    marks = np.empty(len(slots), dtype=np.int64)
    marks[order] = ordered << 32 | np.arange(len(slots)) - np.searchsorted(ordered, ordered)
    return marks


def _moments(slots: Array, _: Array, values: Array) -> Entries:
    return slots, np.ones(len(slots), dtype=np.int64), values, *squared(values)


def _root(states: Sequence[Array], _: Settings, __: Window, ___: Array | int) -> Array:
    return np.sqrt(states[0])


VARIANCES = Partial(
    "variance",
    form=as_had,
    answer=Answer(lambda values, span, _: values.variance(span), missing),
    tally=lambda _, __: Moments(),
    entries=_moments,
    subtracts=True,
)

VARIANCE = Operation("variance", "values", NUMBERS, lambda _, __: (Need("variance"),), alone)
DEVIATION = Operation("deviation", "values", NUMBERS, lambda _, __: (Need("variance"),), _root)
