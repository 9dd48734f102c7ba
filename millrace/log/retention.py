"""Retention: what happened longer ago than its class is kept for is dropped, and never comes back.

First the log remembers, per stream, the instant before which nothing is kept: from then on older events are refused, so that an id that
is forgotten cannot be counted a second time. Then the files lose their older rows, one file after the other. A crash between any two
steps leaves a log that is right, with some rows more than need be; the next run drops them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from millrace.log import inbox, lake
from millrace.log.codec import Codec
from millrace.log.order import Part
from millrace.log.store import Store
from millrace.types import Array

_SLICE = 20_000
"""How many ids are forgotten in one transaction: who writes waits for it."""


def retain(store: Store, cutoffs: Mapping[str, int]) -> dict[str, int]:
    """Drop what happened before an instant from the lake; what is still in the inbox is dropped once it was compacted.

    Args:
        store: The log's store.
        cutoffs: By stream, the first instant that is kept, microseconds since 1970 UTC; one earlier than before is passed over.

    Returns:
        By stream, how many records were dropped, for the streams that lost any.
    """
    with store.compacting:
        with store.transaction() as db:
            inbox.keep_heights(db)  # the last record may be among those dropped, and its position is not given again
            for stream, cutoff in cutoffs.items():
                inbox.raise_fact(db, inbox.floor_of(stream), cutoff)
        dropped = {stream: _dropped(store, store.streams[stream]) for stream in cutoffs}
    return {stream: rows for stream, rows in dropped.items() if rows}


def _dropped(store: Store, codec: Codec) -> int:
    with store.view() as db:
        floor = inbox.fact(db, inbox.floor_of(codec.name))
        parts = [part for part in inbox.parts(db) if part.stream == codec.name]
    if floor is None:
        return 0
    return sum(_shortened(store, codec, part, floor) for part in parts if lake.least(store.lake, part, "at") < floor)


def _shortened(store: Store, codec: Codec, part: Part, floor: int) -> int:
    """Put a file without what happened before the floor in the place of a part, or nothing; return how many rows are gone."""
    ids: list[str] = []

    def keep(table: Any) -> Array:
        kept = lake.integers(table["at"]) >= floor
        ids.extend(table["id"].filter(~kept).to_pylist())
        return kept

    shorter = lake.rewrite(store.lake, codec, part, keep)
    for start in range(0, len(ids), _SLICE):
        with store.transaction() as db:
            inbox.forget_ids(db, codec.name, ids[start : start + _SLICE])
    with store.transaction() as db:
        inbox.unregister(db, [part])
        if shorter is not None:
            inbox.register(db, shorter)
    lake.discard(store.lake, [part])
    return len(ids)
