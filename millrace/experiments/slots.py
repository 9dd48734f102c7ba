"""Time slots in turn with one arm and the other: a plan that depends on its salt alone, and what clocks may do to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import blake2b

import numpy as np

from millrace.errors import BadInput
from millrace.experiments.reasons import Caution, Reason, Refused
from millrace.types import Array, Columns, duration, instant, micros, moment, objects


def boundaries(first: datetime, every: str, count: int) -> Array:
    """Return where slots begin and the last one ends, by the clock on the wall, in microseconds since 1970 UTC. Shape (count + 1,).

    Slots of a day begin at the same hour all year, so one has 23 hours and one 25 where clocks are changed; `clock_changes` finds them.
    With `first` in UTC all are equally long.

    Args:
        first: When the first slot begins, with its time zone: `datetime(2026, 3, 27, tzinfo=ZoneInfo("Europe/Vienna"))`.
        every: How long a slot is on the wall, as "30m" or "1d".
        count: How many slots, at least one.

    Raises:
        BadInput: The datetime has no time zone, or there are no slots.

    >>> from datetime import UTC
    >>> np.diff(boundaries(datetime(2026, 3, 27, tzinfo=UTC), "2h", 3))
    array([7200000000, 7200000000, 7200000000])
    """
    if count < 1:
        raise BadInput(f"count={count}: a plan has at least one slot", field="count")
    instant(first)
    step = timedelta(microseconds=micros(every))
    return np.array([instant(first + k * step) for k in range(count + 1)], dtype=np.int64)


def schedule(edges: Array, regions: Sequence[str], salt: str, size: int = 2) -> dict[str, Array]:
    """Return which arm has which slot: columns `region`, `slot`, `start`, `end`, `block`, `treated`, in order of region and time.

    A block is `size` slots of a region that follow one another; half of them, drawn by a hash of (salt, region, block, slot), are the
    treatment's. So both arms have as much of every day and season, the next slot cannot be foretold across blocks, and the plan can be
    made again anywhere from its salt. Blocks of two are exactly balanced soonest; longer ones, a day or a week of slots, let an hour of
    the day meet both arms and are fewer to take an error from.

    Args:
        edges: Where slots begin and the last one ends, ascending; see `boundaries`. Shape (slots + 1,).
        regions: Where arms are switched apart from one another.
        salt: Of the experiment: another salt is another draw.
        size: Slots in a block, even. Those after the last whole block are left out.

    Raises:
        BadInput: The block's size is odd.
        Refused: Slots overlap, have no length, or make no whole block.
    """
    if size < 2 or size % 2:
        raise BadInput(f"size={size}: a block gives each arm half of its slots, so it is an even number of them", field="size")
    if (np.diff(edges) <= 0).any():
        at = int(np.argmax(np.diff(edges) <= 0))
        said = f"slot {at} ends before it has begun: the clock was changed in it; plan in UTC, or with slots longer than the change"
        raise Refused(Reason.CLOCK_CHANGED, said, "edges")
    blocks = (len(edges) - 1) // size
    if not blocks:
        raise Refused(Reason.FEW_CLUSTERS, f"{len(edges) - 1} slots make no block of {size}: plan a longer time, or smaller blocks")
    n = blocks * size
    slot = np.tile(np.arange(n), len(regions))
    treated = [_drawn(salt, region, block, size) for region in regions for block in range(blocks)]
    return {
        "region": np.repeat(objects(regions), n),
        "slot": slot,
        "start": edges[slot],
        "end": edges[slot + 1],
        "block": slot // size + np.repeat(np.arange(len(regions)) * blocks, n),
        "treated": np.concatenate(treated),
    }


def _drawn(salt: str, region: str, block: int, size: int) -> Array:
    """Return which slots of a block are the treatment's: those with the lower half of the hashes. Boolean, shape (size,)."""
    hashes = [blake2b(f"{salt}/{region}/{block}/{k}".encode(), digest_size=8).digest() for k in range(size)]
    treated = np.zeros(size, dtype=bool)
    treated[sorted(range(size), key=hashes.__getitem__)[: size // 2]] = True
    return treated


def observed(region: Array, at: Array, treated: Array, every: str, size: int = 4) -> dict[str, Array]:
    """Return the plan that events were decided by: columns as of `schedule`, a row for each slot that has events.

    It is for slots that a log tells of, each drawn by itself at multiples of its length since 1970 UTC (`TimeSlot`). Blocks are then `size`
    slots of a region that follow one another; those in which one arm has none give no difference, so blocks of four lose one in eight.

    Args:
        region: Where each event was decided. Shape (n,).
        at: When, in microseconds since 1970 UTC. Shape (n,).
        treated: By which arm. Boolean, shape (n,).
        every: How long a slot is, as "30m".
        size: Slots in a block.

    Raises:
        Refused: A slot has events of both arms: it was not the slot that was assigned.
    """
    length = micros(every)
    code = np.unique(region.astype(str), return_inverse=True)[1]
    number = at // length
    pairs, first, which = np.unique(np.column_stack([code, number]), axis=0, return_index=True, return_inverse=True)
    share = np.bincount(which.ravel(), weights=treated) / np.bincount(which.ravel())
    mixed = np.flatnonzero((share > 0) & (share < 1))
    if len(mixed):
        where = f"{len(mixed)} of {len(pairs)} slots have events of both arms, one at {moment(int(pairs[mixed[0], 1] * length))} among them"
        raise Refused(Reason.TWO_ARMS, f"{where}: give the length that was assigned, and what had slots of its own", "treated")
    _, block = np.unique(np.column_stack([pairs[:, 0], pairs[:, 1] // size]), axis=0, return_inverse=True)
    start = pairs[:, 1] * length
    return {
        "region": region[first],
        "slot": pairs[:, 1],
        "start": start,
        "end": start + length,
        "block": block.ravel(),
        "treated": share > 0.5,
    }


def placed(plan: Columns, region: Array, at: Array) -> Array:
    """Return the row of the plan that each event falls into; -1 where none does. Shape (n,).

    Args:
        plan: Columns `region`, `start`, `end`, as `schedule` makes them, or as they were truly run. Rows in any order.
        region: Where each event happened. Shape (n,).
        at: When, in microseconds since 1970 UTC. Shape (n,).

    Raises:
        Refused: Two slots of a region overlap: an event there belongs to both.
    """
    out = np.full(len(at), -1, dtype=np.int64)
    for name in dict.fromkeys(plan["region"].tolist()):
        rows = np.flatnonzero(plan["region"] == name)
        rows = rows[np.argsort(plan["start"][rows], kind="stable")]
        start, end = plan["start"][rows], plan["end"][rows]
        over = np.flatnonzero(end[:-1] > start[1:])
        if len(over):
            said = f"slots {over[0]} and {over[0] + 1} of {name} overlap by {duration(int(end[over[0]] - start[over[0] + 1]))}"
            raise Refused(Reason.CLOCK_CHANGED, f"{said}, as when clocks are turned back: keep the instants in UTC", "start")
        here = np.flatnonzero(region == name)
        found = np.searchsorted(start, at[here], side="right") - 1
        inside = (found >= 0) & (at[here] < end[np.maximum(found, 0)])
        out[here[inside]] = rows[found[inside]]
    return out


def clock_changes(plan: Columns) -> tuple[Array, tuple[Caution, ...]]:
    """Return (which slots are longer or shorter than most, what must be known of them). Boolean, shape (slots,).

    Raises:
        Refused: More than a tenth are: they were not planned by one clock.
    """
    length = plan["end"] - plan["start"]
    values, counts = np.unique(length, return_counts=True)
    usual = int(values[counts.argmax()])
    odd = length != usual
    if not odd.any():
        return odd, ()
    others = ", ".join(duration(int(each)) for each in values[values != usual][:3])
    said = f"{int(odd.sum())} of {len(odd)} slots are not {duration(usual)} long but {others}"
    if odd.mean() > 0.1:
        raise Refused(Reason.CLOCK_CHANGED, f"{said}: they were not planned by one clock; plan them again in UTC", "end")
    return odd, (Caution(Reason.CLOCK_CHANGED, f"{said}, as when clocks are changed: their blocks are left out"),)
