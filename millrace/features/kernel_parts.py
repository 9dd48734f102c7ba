"""Cutting events and rows into parts that share their keys: worked off one by one in little memory, or side by side."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from millrace.features.kernel_orders import Grouped
from millrace.types import Array

_AT_ONCE = 2**17
"""About so many events or rows are sorted and searched within the processor's cache."""


@dataclass(frozen=True)
class Part:
    """A range of ranks with all its events and rows.

    Attributes:
        first: The first rank.
        count: How many ranks.
        events: Where their events stand in the grouped order of the events.
        rows: Where their rows stand in the grouped order of the rows.
    """

    first: int
    count: int
    events: slice
    rows: slice


def parts(events: Grouped, rows: Grouped, count: int) -> list[Part]:
    """Return the parts that have both events and rows, the largest first; other rows have no event of their key.

    The small ones at the end leave no thread waiting long for the last.

    Args:
        events: All events by rank.
        rows: All rows by rank, those of rank `count` have no event.
        count: How many ranks there are.
    """
    cuts = np.unique(np.concatenate([[0, count], _cuts(events), _cuts(rows)]))
    of_events, of_rows = events.start(cuts), rows.start(cuts)
    sizes = np.diff(of_events) + np.diff(of_rows)
    return [
        Part(int(cuts[i]), int(cuts[i + 1] - cuts[i]), slice(*of_events[i : i + 2]), slice(*of_rows[i : i + 2]))
        for i in np.argsort(-sizes, kind="stable")
        if of_events[i] < of_events[i + 1] and of_rows[i] < of_rows[i + 1]
    ]


def fetched(columns: Sequence[Array], by_key: Grouped, cut: Sequence[Part], pool: Executor) -> list[Array]:
    """Return columns of the events in their grouped order, where the parts are.

    For all parts before anything else of them: while nothing else is read, narrow columns stay in the processor's cache, which reading
    them in such an order takes.

    Args:
        columns: Each of shape (events,), in the order given.
        by_key: The events by rank.
        cut: The parts.
        pool: Where parts are fetched side by side.
    """
    found = [np.empty_like(column) for column in columns]

    def fetch(part: Part) -> None:
        here = by_key.positions(part.events)
        for one, column in zip(found, columns, strict=True):
            one[part.events] = column.take(here)

    list(pool.map(fetch, cut))
    return found


def _cuts(entries: Grouped) -> Array:
    """Return ranks that cut the entries about evenly; the entries of one rank stay together, however many."""
    return entries.ranks(slice(_AT_ONCE, None, _AT_ONCE))
