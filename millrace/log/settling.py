"""Settling what a commit may write: who holds each id already, and what must be refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from millrace.errors import BadInput, MillraceError
from millrace.log import inbox
from millrace.log.codec import Codec
from millrace.log.comparing import conflict, first_difference, first_rows, keys, offence
from millrace.log.order import Key
from millrace.log.store import Store
from millrace.types import EVER, MINUTE, SECOND, Array, moment, take

AHEAD = 5 * MINUTE
"""How far `at` may lie after `known`: the clocks of senders differ a little, the future is refused."""


Repeats = dict[int, Key]
"""By row: the (known, position) of the record that holds its id already, with equal content."""


@dataclass(frozen=True)
class Lot:
    """The rows of one stream in a commit, whole: `owner` is the submission of each, `number` its place in the commit."""

    codec: Codec
    rows: dict[str, Array]
    bodies: Sequence[bytes]
    owner: Array
    number: Array


class Refused(Exception):
    """Some submissions cannot be written; the others can without them."""

    def __init__(self, why: Mapping[int, MillraceError]) -> None:
        self.why = why


def settle(store: Store, db: sqlite3.Connection, lots: Sequence[Lot]) -> list[Repeats]:
    """Take the ids of all rows; return by lot, for the rows whose id was taken with equal content, the (known, position) it has.

    Raises:
        Refused: Rows are from the future or older than what is kept, or their id was taken with other content.
    """
    floors = inbox.floors(db)
    late = {owner: why for lot in lots for owner, why in (*_from_the_future(lot), *_too_old(lot, floors.get(lot.codec.name, EVER)))}
    if late:
        raise Refused(late)
    clashes: list[_Clash] = []
    repeats = [_repeats(store, db, lot, clashes) for lot in lots]
    if clashes:
        raise Refused(_conflicts(clashes))
    return repeats


def _from_the_future(lot: Lot) -> list[tuple[int, BadInput]]:
    ahead = lot.rows["at"] - lot.rows["known"]
    if ahead.max() <= AHEAD:  # nearly always
        return []
    return [
        (
            int(lot.owner[row]),
            BadInput(
                f"{lot.codec.name} {lot.rows['id'][row]} happened at {moment(lot.rows['at'][row])}, {ahead[row] / SECOND:,.0f} s from now:"
                f" at most {AHEAD // SECOND} s are accepted; set the sender's clock",
                field="at",
            ),
        )
        for row in np.flatnonzero(ahead > AHEAD)
    ]


def _too_old(lot: Lot, floor: int) -> list[tuple[int, BadInput]]:
    """Refuse what retention would drop again: its id may have been forgotten, so it could count twice."""
    if floor == EVER:
        return []
    return [
        (int(lot.owner[row]), too_old(lot.codec, lot.rows["id"][row], lot.rows["at"][row], floor))
        for row in np.flatnonzero(lot.rows["at"] < floor)
    ]


def too_old(codec: Codec, id_: str, at: int, floor: int) -> BadInput:
    """Return the error for a row that happened before what the log keeps of its stream."""
    return BadInput(
        f"{codec.name} {id_} happened at {moment(at)}, and the log keeps {codec.name} from {moment(floor)} on: leave it out", field="at"
    )


class _Clash(NamedTuple):
    """A row whose id was taken with other content: by a row of submission `rival` of the same commit, or before it (-1)."""

    owner: int
    number: int
    rival: int
    said: str


def _repeats(store: Store, db: sqlite3.Connection, lot: Lot, clashes: list[_Clash]) -> Repeats:
    held = inbox.claim(db, lot.codec.name, keys(lot.codec, lot.rows), lot.rows["position"].tolist())
    if not held:
        return {}
    again, first = np.array(list(held)), np.array(list(held.values()))
    old, which = first_rows(store, db, lot.codec, lot.rows, first)
    rivals = np.where(which >= 0, lot.owner[which], -1)
    differs = first_difference(lot.codec, take(lot.rows, again), old)
    for row, rival, field in zip(again.tolist(), rivals.tolist(), differs, strict=True):
        if field:
            said = offence(lot.codec, lot.rows, row, field)
            clashes.append(_Clash(int(lot.owner[row]), int(lot.number[row]), rival, said))
    return dict(zip(again.tolist(), zip(old["known"].tolist(), old["position"].tolist(), strict=True), strict=True))


def _conflicts(clashes: Sequence[_Clash]) -> dict[int, MillraceError]:
    """Return which submissions to refuse.

    A row that clashes with a submission which is refused itself may well be accepted without it: the next attempt tells.
    """
    said: dict[int, list[str]] = {}
    for clash in sorted(clashes):
        if clash.rival == clash.owner or clash.rival not in said:
            said.setdefault(clash.owner, []).append(clash.said)
    return {owner: conflict(found) for owner, found in said.items()}
