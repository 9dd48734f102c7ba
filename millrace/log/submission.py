"""A submission: items checked and brought into columns, ready to be written together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from millrace.errors import BadInput
from millrace.log.codec import Codec
from millrace.log.decisions import DECISION
from millrace.log.kinds import LARGEST, NO_INSTANT, Instant
from millrace.log.streams import Streams
from millrace.types import Array, Columns


@dataclass(frozen=True)
class Share:
    """The items of one stream in a submission.

    Attributes:
        codec: The stream's codec.
        index: The place of each in the submission, ascending.
        rows: Their fields, `id` ("" where one is to be given) and `at` (missing where it is to be `known`).
        bodies: Their JSON bodies.
    """

    codec: Codec
    index: Array
    rows: Columns
    bodies: Sequence[bytes]


@dataclass(frozen=True)
class Submission:
    """Items that are accepted or refused together: how many, and a share for each of their streams."""

    size: int
    shares: Sequence[Share]


def prepare(streams: Streams, items: Sequence[Any], at: Sequence[int | None] | None = None) -> Submission:
    """Return items as a submission, every value checked against its class.

    Args:
        streams: The streams of the log.
        items: Events, requests, entities and decisions, in any mixture.
        at: When each update of an entity happened, in microseconds since 1970 UTC; None means when it becomes known.

    Raises:
        BadInput: A value is wrong; the message names the stream, the item (its place among those of its stream) and the field.
    """
    if at is not None and len(at) != len(items):
        raise BadInput(f"{len(at)} instants for {len(items)} items: give one for each, or None", field="at")
    places: dict[type, list[int]] = {}
    for place, item in enumerate(items):
        places.setdefault(type(item), []).append(place)
    shares = [_share(streams.of(item), [items[place] for place in found], np.array(found)) for item, found in places.items()]
    return Submission(len(items), [_dated(share, at) for share in shares] if at is not None else shares)


def _share(codec: Codec, items: Sequence[Any], index: Array) -> Share:
    bodies = codec.encode(items)
    if codec.name != DECISION:  # the size of what is decided is our own doing
        _none_is_too_large(codec, bodies)
    checked = items if all(map(codec.is_sound, items)) else codec.validated(bodies)
    if codec.name != DECISION:  # in a decision, null stands for the numbers that are unknown
        _nothing_is_altered(codec, items, checked)
    rows = codec.columns(checked)
    if codec.is_dated and (rows["id"] == "").any():
        raise codec.bad(int(np.argmax(rows["id"] == "")), "id", "an entity is known by its id: it cannot be empty")
    return Share(codec, index, rows, codec.sealed_bodies(checked, rows) if codec.private else bodies)


def _none_is_too_large(codec: Codec, bodies: Sequence[bytes]) -> None:
    sizes = list(map(len, bodies))
    if max(sizes) > LARGEST:
        place = next(place for place, size in enumerate(sizes) if size > LARGEST)
        said = f"it takes {sizes[place] / 1e6:.1f} MB, a record at most {LARGEST // 1_000_000} MB"
        raise codec.bad(place, "", f"{said}: keep what is large elsewhere, and log where")


def _nothing_is_altered(codec: Codec, items: Sequence[Any], checked: Sequence[Any]) -> None:
    """Refuse infinity where a number may be missing: JSON would turn it into null."""
    for place, (item, back) in enumerate(zip(items, checked, strict=True)):
        if item != back:
            for name in codec.held:
                given, kept = getattr(item, name), getattr(back, name)
                if given != kept and given == given:
                    raise codec.bad(place, name, f"{given!r} is not a finite number: leave it out where it is unknown")


def _dated(share: Share, at: Sequence[int | None]) -> Share:
    given = Instant().column([at[place] for place in share.index])
    if not share.codec.is_dated:
        if (given != NO_INSTANT).any():
            raise BadInput(f"{share.codec.name} says itself when it happened: give `at` for entities only", field="at")
        return share
    return Share(share.codec, share.index, {**share.rows, "at": given}, share.bodies)
