"""The seam of the feature engine: what an operation such as `mean` is, and what the engines keep for it.

An operation is added by one file `op_<name>.py` that holds

1. a `Partial`, unless those there suffice: what is kept per key and window. It says what it takes of an event (`form`), how a backfill
   finds it for all rows at once (`answer`), and how the online view keeps it (`tally`, `entries`). Both must come to the same number,
   whatever the order of the log; a partial that cannot subtract recomputes from what remains, it never pretends to.
2. an `Operation`: what it may be declared of, which partials it needs, and how their values become the feature's (`finish`, the one
   code of both engines). No events is 0 (`zero`) or missing (NaN, None for text): the declared default stands in for missing.

Then it is entered in `operations.py`, declared by a function in `declare_patterns.py` (or a file beside it), defined once more, naively,
in `tests/features/naive.py`, and a feature of it is put into `tests/features/shop.py`: the law of parity takes it from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from millrace.features.kernel_timeline import Span
from millrace.features.kernel_values import Values
from millrace.features.tallies import Entries, Tally
from millrace.features.window import Window
from millrace.types import Array

Setting: TypeAlias = int | float | str
Settings: TypeAlias = tuple[Setting, ...]
"""What an operation was declared with beside what every one has: `last_k` its k, `decayed` its half-life."""

NUMBERS = frozenset({"integer", "number", "boolean"})
"""The kinds of values that can be added up."""


@dataclass(frozen=True)
class Answer:
    """How the kernel finds a partial for all rows at once.

    Attributes:
        find: Returns a value (or a row of values) per row of a span; of an operation that picks events, their places or -1.
        empty: Returns what rows without events get, given the values: of the result's type, of shape () or that of a row of values.
        picks: Whether `find` picks events.
        numbers: Whether the values must be finite numbers or booleans.
        valued: Whether there must be values.
    """

    find: Callable[[Values, Span, Settings], Array]
    empty: Callable[[Array | None, Settings], Array]
    picks: bool = False
    numbers: bool = True
    valued: bool = True


@dataclass(frozen=True)
class Partial:
    """What is kept per key and window: mergeable, with a stated zero.

    Attributes:
        name: Told apart by it.
        form: Returns what is taken of events, given their values (None when they are only counted) and when they happened; and which of
            them take part at all (None: all).
        absent: What stands offline for an event that takes no part: 0 for sums; NaN, which is None for text, for all else.
        answer: The way of a backfill.
        tally: Returns an empty tally for values of a type: the way of the online view. Its `value` without entries is the zero.
        entries: Returns entries of the tally, one per event, from slots, places in the order of events, and what `form` gave.
        subtracts: Whether what leaves is subtracted; otherwise what remains is gone through again.
    """

    name: str
    form: Callable[[Array | None, Array, Settings], tuple[Array, Array | None]]
    answer: Answer
    tally: Callable[[np.dtype, Settings], Tally]
    entries: Callable[[Array, Array, Array], Entries]
    subtracts: bool
    absent: float = float("nan")


class Need(NamedTuple):
    """A partial that an operation is finished from.

    Attributes:
        partial: Its name.
        settings: Its settings.
        of: What it reads: the declared value, or the instant of the event.
    """

    partial: str
    settings: Settings = ()
    of: Literal["value", "at"] = "value"


@dataclass(frozen=True)
class Operation:
    """What a user declares.

    Attributes:
        name: As it is declared and spelt in columns.
        of: Whether it is of events, of a value of theirs, or of either.
        kinds: The kinds of values it takes.
        needs: Returns the partials it needs.
        finish: Returns the feature's values (missing: NaN, None for text) from those of its partials, the settings, the window, and the
            watermark of each of them (microseconds). NumPy is told beforehand that 0 / 0 is meant.
        zero: Whether no events is 0; otherwise it is missing.
        adds: Whether it is a sum, of which a ratio can be made.
        gives: A number of its own, or a value as some event had it (text and instants too).
        timed: Whether a value changes with the watermark though no event comes or goes.
    """

    name: str
    of: Literal["events", "values", "either"]
    kinds: frozenset[str]
    needs: Callable[[Settings, Window], tuple[Need, ...]]
    finish: Callable[[Sequence[Array], Settings, Window, Array | int], Array]
    zero: bool = False
    adds: bool = False
    gives: Literal["number", "value"] = "number"
    timed: bool = False


def alone(states: Sequence[Array], _: Settings, __: Window, ___: Array | int) -> Array:
    """Finish an operation whose only partial is its value."""
    return states[0]


def presence(_: Array | None, at: Array, __: Settings) -> tuple[Array, None]:
    """Take of events that they happened."""
    return np.ones(len(at), dtype=np.int64), None


def numbers(values: Array | None, _: Array, __: Settings) -> tuple[Array, None]:
    """Take of events their value as a number to be added: float64, or int64 for all that is whole."""
    assert values is not None, "sums are of a value"
    return values if values.dtype.kind == "f" else values.astype(np.int64), None


def as_had(values: Array | None, _: Array, __: Settings) -> tuple[Array, None]:
    """Take of events their value: text as it is, all else as float64."""
    assert values is not None, "what is compared or picked is a value"
    return values if values.dtype.kind == "O" else values.astype(np.float64), None


def numbered(slots: Array, _: Array, values: Array) -> Entries:
    """Enter a number per slot."""
    return slots, values


def placed(slots: Array, places: Array, values: Array) -> Entries:
    """Enter a value per slot with its place in the order of events."""
    return slots, places, values


def missing(values: Array | None, settings: Settings) -> Array:
    """Stand for no events with NaN."""
    return np.array(np.nan)


def nowhere(_: Array | None, __: Settings) -> Array:
    """Stand for no event picked with -1."""
    return np.array(-1, dtype=np.int64)


def none(_: Array | None, __: Settings) -> Array:
    """Stand for no events with the whole number 0."""
    return np.array(0, dtype=np.int64)
