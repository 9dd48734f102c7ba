"""The window kernel: aggregates of events as they were known at each row's watermark, exactly and all rows at once.

It is one pure function. Events and rows are split by key into parts that fit the processor's cache; each part is sorted once and asked
about all windows; the parts may run on several threads. Neither the split nor the threads can change a result: sums are exact before
they are rounded, and everything else picks one event.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from millrace.errors import BadInput
from millrace.features.kernel_orders import MOST_EVENTS, Clock, Grouped, Ranks
from millrace.features.kernel_parts import Part, fetched, parts
from millrace.features.kernel_tiles import Tiles
from millrace.features.kernel_timeline import Asked, Came, Timeline
from millrace.features.kernel_values import Values
from millrace.features.operation import Settings
from millrace.features.operations import ANSWERS
from millrace.features.window import Window
from millrace.types import Array


@dataclass(frozen=True, eq=False)
class Events:
    """The events of one stream that have passed its filter, in log order. All int64, of shape (events,).

    Attributes:
        key: The code of each event's key: any number; -1 is "no key", which matches nothing.
        at: When it happened, in microseconds since 1970; negative before.
        known: When the log acknowledged it, in microseconds. Need not be in order: of equal ones, the later position came later.
    """

    key: Array
    at: Array
    known: Array


@dataclass(frozen=True, eq=False)
class Rows:
    """What is asked about. Both int64, of shape (rows,), in any order.

    Attributes:
        key: The code of each row's key; -1 is "no key".
        watermark: In microseconds since 1970: the row sees the events known before it.
    """

    key: Array
    watermark: Array


@dataclass(frozen=True, eq=False)
class Ask:
    """One aggregate wanted for every row. Events whose value is missing (NaN or None) take no part.

    Attributes:
        op: count (int64); total (int64 of whole numbers and booleans, float64 of floats; exact, then rounded once; 0 over nothing);
            mean, min, max, variance (float64; NaN over nothing); last, first, last_k (int64: the positions, among the events, of
            those that became known last or first, -1 over nothing: take any column by them; of shape (rows, k), k being 1 for first);
            streak (int64). Any name in `operations.ANSWERS`.
        window: Which events count.
        values: One per event. Numbers or booleans for total, mean, min and max; any type for last; may be left out for count and
            last, which then take every event. Asks about one array share its sums. Shape (events,).
        settings: What the operation needs to know besides: `last_k` its k.
    """

    op: str
    window: Window
    values: Array | None = None
    settings: Settings = ()


def aggregate(events: Events, rows: Rows, asks: Sequence[Ask], threads: int = 1) -> list[Array]:
    """Return every aggregate asked for, over the events of each row's key that its watermark knows and its window covers.

    An event counts for a row with the same key and watermark w when `known < w` and `at >= window.lo(w)`. One that came so late that
    its window had left it (`window.expired`) never counts. The time is that of sorting the events and the rows once, and once more
    with the tails of all windows among them; the memory is a few times that of the events and the rows.

    Args:
        events: The events, in log order.
        rows: The keys and watermarks asked about.
        asks: What is wanted of them.
        threads: How many parts run side by side.

    Returns:
        For each ask an array with one value per row.

    Raises:
        BadInput: Arrays that belong together differ in length; values are infinite, or are not numbers where numbers are needed; a
            total does not fit its type; there are more than 2**30 events, or more hops between them than can be numbered.

    >>> second = 1_000_000
    >>> events = Events(np.array([7, 7]), np.array([0, 60]) * second, np.array([0, 90]) * second)
    >>> aggregate(events, Rows(np.array([7, 7]), np.array([61, 91]) * second), [Ask("count", Window.of("10m"))])
    [array([1, 2])]
    """
    _check(events, rows, asks)
    if not asks:
        return []
    windows = list(dict.fromkeys(ask.window for ask in asks))
    columns = {id(ask.values): None if ask.values is None else np.ascontiguousarray(ask.values) for ask in asks}
    at, known, watermark = (np.ascontiguousarray(one) for one in (events.at, events.known, rows.watermark))
    ranks, clock, rows_clock = Ranks(events.key), Clock.of(known), Clock.of(watermark)
    with ThreadPoolExecutor(threads) as pool:
        grouping = pool.submit(Grouped.of, ranks.events, clock)
        seeing = pool.submit(np.searchsorted, clock.times, rows_clock.times)  # whatever their key; asked in order, as is fastest
        rows_grouping = pool.submit(Grouped.of, ranks.find(rows.key), rows_clock)
        tiling, delaying = pool.submit(Tiles.of, at, windows), pool.submit(_delayed, at, known, windows)
        results = list(pool.map(lambda ask: _empty(ask, len(rows.key)), asks))
        by_key, rows_by_key, seen = grouping.result(), rows_grouping.result(), seeing.result()
        tiles, cut = tiling.result(), parts(by_key, rows_by_key, ranks.count)
        tile, is_late = fetched((tiles.of_events, delaying.result()), by_key, cut, pool)

        def answer(part: Part) -> None:
            # where arrays are large `take` instead of an index: it lets other threads run; of what is not contiguous it would copy all
            here, rows_here = by_key.positions(part.events), rows_by_key.positions(part.rows)
            rank, row_rank = by_key.ranks(part.events), rows_by_key.ranks(part.rows)
            entered = np.searchsorted(by_key.packed[part.events], row_rank << by_key.bits | seen.take(rows_by_key.places(part.rows)))
            late = np.flatnonzero(is_late[part.events])
            came = Came(rank - part.first, tile[part.events].astype(np.int64), late, at[here[late]], known[here[late]])
            asked = Asked(row_rank - part.first, tiles.tails(watermark.take(rows_here), windows), entered)
            timeline = Timeline(came, asked, windows)
            spans = dict(zip(windows, timeline.spans, strict=True))
            values = {name: Values(timeline, None if column is None else column.take(here)) for name, column in columns.items()}
            for ask, result in zip(asks, results, strict=True):
                way = ANSWERS[ask.op]
                found = way.find(values[id(ask.values)], spans[ask.window], ask.settings)
                result[rows_here] = np.append(here, -1)[found] if way.picks else found

        for _ in pool.map(answer, cut):
            pass  # an error in a part is raised here
    return results


def _delayed(at: Array, known: Array, windows: Sequence[Window]) -> Array:
    """Return which events may have come too late ever to count in some window. Shape (events,)."""
    shortest = min((window.length for window in windows if not window.is_lifetime), default=None)
    return np.zeros(len(at), bool) if shortest is None else known - at >= shortest


def _empty(ask: Ask, n: int) -> Array:
    """Return what rows without events get."""
    nothing = ANSWERS[ask.op].empty(ask.values, ask.settings)
    return np.full((n, *nothing.shape), nothing, dtype=nothing.dtype)


def _check(events: Events, rows: Rows, asks: Sequence[Ask]) -> None:
    n = len(events.key)
    if not n == len(events.at) == len(events.known):
        raise BadInput(f"events need one key, at and known each; there are {n}, {len(events.at)} and {len(events.known)}", "events")
    if n > MOST_EVENTS:
        raise BadInput(f"{n} events are too many at once: split them by key and aggregate each part", "events")
    if len(rows.key) != len(rows.watermark):
        raise BadInput(f"rows need one key and watermark each; there are {len(rows.key)} and {len(rows.watermark)}", "rows")
    for ask in asks:
        _check_values(ask, n)
    for values in {id(ask.values): ask.values for ask in asks if ANSWERS[ask.op].numbers}.values():
        if values is not None and values.dtype.kind == "f" and np.isinf(values).any():
            raise BadInput("values hold an infinity, which no total or mean survives: make it missing (NaN) or a number", "values")


def _check_values(ask: Ask, n: int) -> None:
    if ask.op not in ANSWERS:
        raise BadInput(f"{ask.op!r} is not an aggregate: ask for one of {', '.join(ANSWERS)}", "op")
    way = ANSWERS[ask.op]
    if ask.values is None:
        if way.valued:
            raise BadInput(f"{ask.op} of nothing: give the values", "values")
        return
    if ask.values.shape != (n,):
        raise BadInput(
            f"values of shape {ask.values.shape} for {n} events: give one each (take vectors by the position of `last`)", "values"
        )
    if way.numbers and ask.values.dtype.kind not in "bif":
        raise BadInput(f"{ask.op} of {ask.values.dtype} values: only numbers and booleans can be added or compared", "values")
