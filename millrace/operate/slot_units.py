"""Time slots as an experiment's units: from when on each is read, and what it comes to for a slot read in part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from millrace.experiments.by_slots import REGION, SLOT
from millrace.experiments.reads import Read
from millrace.experiments.switchback import switched
from millrace.policy.assignment import TimeSlot
from millrace.types import Array, Columns, micros, objects, size, take


def settled(units: Columns, slot: TimeSlot, reads: Sequence[Read], since: int, until: int) -> dict[str, Array]:
    """Return the slots that are over and whose outcomes are known, each read from its begin on, or from where its washout ends.

    Args:
        units: Of `exposures`.
        slot: What was assigned.
        reads: What is read of them.
        since: From when on decisions count, microseconds: a slot that had begun before is not whole.
        until: What was known before this instant counts, microseconds.

    Returns:
        The units with `first` moved there, `end` and the columns that `BySlots` reads.
    """
    length = micros(slot.every)
    named = [one.partition(" ") for one in units["unit"].tolist()]
    number, region = np.array([int(of) for of, _, _ in named], dtype=np.int64), objects(of for _, _, of in named)
    plan = {"region": region, "start": number * length, "end": (number + 1) * length}
    arm = np.unique(units["arm"].astype(str), return_inverse=True)[1]
    washout = micros(slot.washout) if slot.washout is not None else 0
    first = plan["start"] + (np.where(switched(plan, arm), washout, 0) if size(units) else 0)
    found = {**units, "first": first, "end": plan["end"], REGION: region, SLOT: number}
    return take(found, (plan["start"] >= since) & (plan["start"] + closes(slot, reads) < until))


def closes(slot: TimeSlot, reads: Sequence[Read]) -> int:
    """Return how long after its begin a slot can change no more, microseconds."""
    return micros(slot.every) + max((read.of.window for read in reads if read.kind == "outcome"), default=0)


def whole(columns: Columns, units: Columns, slot: TimeSlot, reads: Sequence[Read]) -> dict[str, Array]:
    """Return columns of which those that were summed over a part of a slot stand for all of it, as if it went on alike.

    So slots that lost their washout are not taken for slots in which less happened.
    """
    length, found = micros(slot.every), dict(columns)
    for read in reads:
        if read.kind not in ("events", "outcome"):
            continue
        begin, end = read.begin or 0, length if read.end is None else min(read.end, length)
        seen = np.minimum(units["end"] - units["first"], end) - begin
        found[read.column] = columns[read.column] * ((end - begin) / seen)
    return found
