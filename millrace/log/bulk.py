"""Loading: rows given as columns go straight to the lake, in one transaction, with the `known` they come with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millrace.errors import Conflict
from millrace.log import inbox, lake
from millrace.log.appending import WATERMARK, raise_watermark
from millrace.log.codec import Codec
from millrace.log.comparing import conflict, first_difference, first_rows, keys, offence
from millrace.log.store import Store
from millrace.log.streams import DECISION
from millrace.types import Array, Columns, moment, size, take


@dataclass(frozen=True)
class Loaded:
    """What became of each row, in their order.

    Attributes:
        added: Whether it was added. Boolean.
        duplicates: Whether it was in the log already, or an equal row came before it. Boolean.
        conflicts: The field in which it differs from the record that has its id, "" where it does not.
    """

    added: Array
    duplicates: Array
    conflicts: Array


def load(store: Store, codec: Codec, rows: Columns, whole: bool) -> Loaded:
    """Add rows to the lake; of rows that became known together, the first is the first.

    Args:
        store: The log's store.
        codec: The stream's codec.
        rows: All columns of the stream but `position`, in any order.
        whole: Whether to refuse all rows when there are conflicts among them, instead of only those.

    Raises:
        Conflict: There are conflicts; or a row would become known before a decision that could have seen it, which was made without it.
        Unavailable: The disk is full or fails; nothing was written.
    """
    n = size(rows)
    if n == 0:
        return Loaded(*(np.empty(0, dtype=kind) for kind in (bool, bool, object)))
    with store.transaction() as db:
        top, _ = inbox.heights(db)
        position = np.empty(n, dtype=np.int64)
        position[np.argsort(rows["known"], kind="stable")] = top + 1 + np.arange(n)
        rows = {**rows, "position": position}
        held = inbox.claim(db, codec.name, keys(codec, rows), position.tolist())
        again = np.array(list(held), dtype=np.int64)
        old, _ = first_rows(store, db, codec, rows, np.array(list(held.values()), dtype=np.int64))
        conflicts = np.full(n, "", dtype=object)
        conflicts[again] = first_difference(codec, take(rows, again), old)
        is_held = np.isin(np.arange(n), again)
        clashing = np.flatnonzero(conflicts != "")
        if whole and len(clashing):
            raise conflict([offence(codec, rows, row, conflicts[row]) for row in clashing.tolist()])
        new = take(rows, ~is_held)
        _refuse_the_past(inbox.fact(db, WATERMARK), codec, new)
        new = take(new, np.argsort(new["position"]))
        for start in range(0, size(new), codec.part_rows):
            inbox.register(db, lake.write_part(store.lake, codec, take(new, slice(start, start + codec.part_rows))))
        if codec.name == DECISION and size(new):
            raise_watermark(db, new)
    if size(new):
        store.acknowledge(int(new["position"][-1]))
    return Loaded(~is_held, is_held & (conflicts == ""), conflicts)


def _refuse_the_past(watermark: int | None, codec: Codec, new: Columns) -> None:
    if watermark is not None and size(new) and new["known"].min() < watermark:
        raise Conflict(
            f"{codec.name} {new['id'][np.argmin(new['known'])]} would become known at {moment(new['known'].min())}, and decisions up to"
            f" {moment(watermark)} were made without it: import it with known='now', or into a log without decisions"
        )
