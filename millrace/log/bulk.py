"""Loading: rows given as columns go straight to the lake, in one transaction, with the `known` they come with."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import numpy as np

from millrace.errors import Conflict
from millrace.log import inbox, lake
from millrace.log.appending import WATERMARK, raise_watermark
from millrace.log.codec import Codec
from millrace.log.comparing import conflict, first_difference, first_rows, keys, offence
from millrace.log.decisions import DECISION
from millrace.log.settling import too_old
from millrace.log.store import Store
from millrace.types import EVER, Array, Columns, moment, size, take


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
        BadInput: A row happened before what the log keeps of its stream.
        Conflict: There are conflicts; or a row would become known before a decision that could have seen it, which was made without it.
        Unavailable: The disk is full or fails; nothing was written.
    """
    n = size(rows)
    is_held, conflicts = np.zeros(n, dtype=bool), np.full(n, "", dtype=object)
    if n == 0:
        return Loaded(~is_held, is_held, conflicts)
    with store.transaction() as db:
        oldest, floor = int(np.argmin(rows["at"])), inbox.floors(db).get(codec.name, EVER)
        if rows["at"][oldest] < floor:
            raise too_old(codec, rows["id"][oldest], rows["at"][oldest], floor)
        rows = {**rows, "position": _positions(rows["known"], inbox.heights(db)[0] + 1)}
        held = inbox.claim(db, codec.name, keys(codec, rows), rows["position"].tolist())
        again = np.array(list(held), dtype=np.int64)
        old, _ = first_rows(store, db, codec, rows, np.array(list(held.values()), dtype=np.int64))
        is_held[again], conflicts[again] = True, first_difference(codec, take(rows, again), old)
        if whole and (conflicts != "").any():
            raise conflict([offence(codec, rows, row, conflicts[row]) for row in np.flatnonzero(conflicts != "").tolist()])
        new = take(rows, ~is_held)
        if size(new):
            _add(store, db, codec, take(new, np.argsort(new["position"])))
    if size(new):
        store.acknowledge(int(new["position"].max()))
    return Loaded(~is_held, is_held & (conflicts == ""), conflicts)


def _positions(known: Array, first: int) -> Array:
    """Return a position per row, ascending with `known` and, where that is equal, with the row."""
    positions = np.empty(len(known), dtype=np.int64)
    positions[np.argsort(known, kind="stable")] = first + np.arange(len(known))
    return positions


def _add(store: Store, db: sqlite3.Connection, codec: Codec, rows: Columns) -> None:
    watermark = inbox.fact(db, WATERMARK)
    if watermark is not None and rows["known"][0] < watermark:
        raise Conflict(
            f"{codec.name} {rows['id'][0]} would become known at {moment(rows['known'][0])}, and decisions up to {moment(watermark)} were"
            " made without it: import it with known='now' (--known now), or into a log without decisions"
        )
    hidden = codec.sealed(rows)
    for start in range(0, size(rows), codec.part_rows):
        inbox.register(db, lake.write_part(store.lake, codec, take(hidden, slice(start, start + codec.part_rows))))
    if codec.name == DECISION:
        raise_watermark(db, rows)
