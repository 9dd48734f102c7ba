"""Appending: submissions are numbered, compared with what their ids already hold, and written in one commit."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from millrace.errors import BadInput, MillraceError
from millrace.log import inbox
from millrace.log.decisions import DECISION
from millrace.log.kinds import NO_INSTANT, Instant
from millrace.log.settling import Lot, Refused, Repeats, settle
from millrace.log.store import Store
from millrace.log.submission import Share, Submission
from millrace.types import EVER, Array, Columns, moment, objects, stack, take

HISTORY = "history"
"""The policy of decisions that were imported, not made here."""

WATERMARK = "watermark"
"""The fact that remembers the latest watermark of a decision made here: what is known before it can no longer change."""


@dataclass(frozen=True)
class Receipt:
    """What became of each item of a submission, in their order.

    Attributes:
        ids: Its id, a fresh one where it had none.
        positions: Its position in the log. Int64.
        known: When the log acknowledged it, microseconds since 1970 UTC. Int64.
        duplicates: Whether it was in the log already; position and `known` are those of the first then. Boolean.
    """

    ids: Array
    positions: Array
    known: Array
    duplicates: Array

    def part(self, start: int, end: int) -> Receipt:
        """Return the receipt of the items from `start` up to `end`."""
        return Receipt(self.ids[start:end], self.positions[start:end], self.known[start:end], self.duplicates[start:end])


@dataclass(frozen=True)
class Committed:
    """What a commit did: a receipt or a refusal per submission, one receipt for all that were accepted, and the rows it added by stream."""

    outcomes: Sequence[Receipt | MillraceError]
    receipt: Receipt
    rows: Mapping[str, Columns]


_Placed = tuple[Share, int, Array]
"""A share, whose it is, and the place of each of its items in the commit."""


def commit(store: Store, submissions: Sequence[Submission], known: int, or_later: bool = False) -> Committed:
    """Write submissions as if one after the other, in one transaction; each is written whole or refused whole.

    Args:
        store: The log's store.
        submissions: What to write.
        known: The instant of the first item; item i of the commit becomes known at known + i.
        or_later: Whether to move `known` past the last one of the log, instead of refusing one that is not.

    Raises:
        BadInput: `known` is not after the last one.
        Unavailable: The disk is full or fails; nothing was written.
    """
    refused: dict[int, MillraceError] = {}
    while True:
        kept = {place: one for place, one in enumerate(submissions) if place not in refused}
        try:
            with store.transaction() as db:
                position, latest = inbox.heights(db)
                start = _start(known, EVER if latest is None else latest, or_later)
                lots = _lots(kept, position + 1, start)
                repeats = settle(store, db, lots)
                _write(db, lots, repeats)
            break
        except Refused as found:
            refused |= found.why
    done = _committed(submissions, refused, lots, repeats, (position + 1, start))
    added = done.receipt.positions[~done.receipt.duplicates]
    if len(added):
        store.acknowledge(int(added.max()))
    return done


def _start(known: int, latest: int, or_later: bool) -> int:
    Instant().column([known])
    if known <= latest and not or_later:
        raise BadInput(f"known = {moment(known)} is not after the last record's, {moment(latest)}: time goes forward only", field="known")
    return max(known, latest + 1)


def _lots(kept: Mapping[int, Submission], position: int, known: int) -> list[Lot]:
    """Return the rows of all submissions by stream, numbered in their order, with `id`, `at`, `known` and `position` filled in."""
    shares: dict[str, list[_Placed]] = {}
    number = 0
    for place, one in kept.items():
        for share in one.shares:
            shares.setdefault(share.codec.name, []).append((share, place, number + share.index))
        number += one.size
    return [_lot(found, position, known) for found in shares.values()]


def _lot(found: Sequence[_Placed], position: int, known: int) -> Lot:
    number, rows, owner, bodies = _together(found)
    rows |= {"known": known + number, "position": position + number}
    rows["at"] = np.where(rows["at"] == NO_INSTANT, rows["known"], rows["at"])
    nameless = rows["id"] == ""
    if nameless.any():
        fresh = zip((known + number[nameless]).tolist(), (position + number[nameless]).tolist(), strict=True)
        rows["id"] = rows["id"].copy()  # the submission's own may be numbered again
        rows["id"][nameless] = objects(_fresh_id(*key) for key in fresh)
    return Lot(found[0][0].codec, rows, bodies, owner, number)


def _together(found: Sequence[_Placed]) -> tuple[Array, dict[str, Array], Array, Sequence[bytes]]:
    """Return the shares of one stream one after another: places in the commit, rows, whose each is, and bodies."""
    if len(found) == 1:  # nearly always, and nothing need be copied
        share, place, number = found[0]
        return number, dict(share.rows), np.full(len(number), place), share.bodies
    number = np.concatenate([numbers for _, _, numbers in found])
    owner = np.concatenate([np.full(len(numbers), place) for _, place, numbers in found])
    rows = stack([share.rows for share, _, _ in found])
    return number, rows, owner, [body for share, _, _ in found for body in share.bodies]


def _fresh_id(known: int, position: int) -> str:
    """Return an id for an item that has none: its place in the log, which nothing else has; as text it sorts by it."""
    return f"{known:014x}-{position:x}"


def _write(db: sqlite3.Connection, lots: Sequence[Lot], repeats: Sequence[Repeats]) -> None:
    for lot, again in zip(lots, repeats, strict=True):
        columns = [lot.rows[name].tolist() for name in ("position", "known")]
        columns += [[lot.codec.name] * len(lot.number), lot.rows["id"].tolist(), lot.rows["at"].tolist(), lot.bodies]
        records = zip(*columns, strict=True)
        inbox.put(db, (record for row, record in enumerate(records) if row not in again) if again else records)
        if lot.codec.name == DECISION:
            raise_watermark(db, lot.rows)


def raise_watermark(db: sqlite3.Connection, decisions: Columns) -> None:
    """Remember the latest watermark of decisions that were made here."""
    made = decisions["watermark"][decisions["policy"] != HISTORY]
    if len(made):
        inbox.raise_fact(db, WATERMARK, int(made.max()))


def _committed(
    submissions: Sequence[Submission],
    refused: Mapping[int, MillraceError],
    lots: Sequence[Lot],
    repeats: Sequence[Repeats],
    first: tuple[int, int],
) -> Committed:
    sizes = [0 if place in refused else one.size for place, one in enumerate(submissions)]
    ends = accumulate(sizes)
    number = np.arange(sum(sizes))
    whole = Receipt(np.empty(len(number), dtype=object), first[0] + number, first[1] + number, np.zeros(len(number), dtype=bool))
    rows = {}
    for lot, again in zip(lots, repeats, strict=True):
        whole.ids[lot.number] = lot.rows["id"]
        if not again:
            rows[lot.codec.name] = lot.rows
            continue
        is_new = np.ones(len(lot.number), dtype=bool)
        for row, (known, position) in again.items():
            is_new[row] = False
            whole.known[lot.number[row]], whole.positions[lot.number[row]] = known, position
        whole.duplicates[lot.number] = ~is_new
        if is_new.any():
            rows[lot.codec.name] = take(lot.rows, is_new)
    parts = [whole.part(end - size, end) for size, end in zip(sizes, ends, strict=True)]
    return Committed([refused.get(place, part) for place, part in enumerate(parts)], whole, rows)
