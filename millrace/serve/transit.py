"""Records on their way from whoever decided to the owner of the log, and what the owner says of them.

MessagePack of the log's own classes: what JSON has no words for, a number that is none, arrives as it was sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from millrace.decision import Decision
from millrace.errors import BadInput, Conflict, MillraceError, Unavailable
from millrace.log.appending import Receipt
from millrace.log.streams import DECISION, Streams
from millrace.types import objects

_ERRORS = {kind.__name__: kind for kind in (BadInput, Conflict, Unavailable)}


class Handed(msgspec.Struct, frozen=True, array_like=True):
    """One record: its stream's name and its fields."""

    stream: str
    item: msgspec.Raw


class Told(msgspec.Struct, frozen=True, array_like=True):
    """What became of one submission: its receipt, or why it was refused.

    Attributes:
        ids, positions, known, duplicates: See `Receipt`.
        error: The kind of the refusal, "" when there is none.
        message: What it says, for which `field`, and after how many seconds to try again.
    """

    ids: list[str] = []
    positions: list[int] = []
    known: list[int] = []
    duplicates: list[bool] = []
    error: str = ""
    message: str = ""
    field: str = ""
    retry_after_s: float = 1.0

    @classmethod
    def of(cls, outcome: Receipt | Exception) -> Told:
        """Return what to say of an outcome."""
        if isinstance(outcome, Receipt):
            return cls(*(column.tolist() for column in (outcome.ids, outcome.positions, outcome.known, outcome.duplicates)))
        kind = next((name for name, kind in _ERRORS.items() if isinstance(outcome, kind)), "MillraceError")
        field, after = getattr(outcome, "field", ""), getattr(outcome, "retry_after_s", 1.0)
        return cls(error=kind, message=str(outcome), field=field, retry_after_s=after)

    def outcome(self) -> Receipt | MillraceError:
        """Return the outcome that was told."""
        if self.error == "BadInput":
            return BadInput(self.message, self.field)
        if self.error == "Unavailable":
            return Unavailable(self.message, self.retry_after_s)
        if self.error:
            return _ERRORS.get(self.error, MillraceError)(self.message)
        ints = (np.array(self.positions, dtype=np.int64), np.array(self.known, dtype=np.int64))
        return Receipt(objects(self.ids), *ints, np.array(self.duplicates, dtype=bool))


def packed(items: Sequence[Any]) -> bytes:
    """Return records as bytes.

    Raises:
        BadInput: A value cannot be written.
    """
    try:
        return msgspec.msgpack.encode([(stream_name(type(item)), item) for item in items])
    except (TypeError, ValueError, OverflowError) as error:
        raise BadInput(f"a record cannot be written: {error}") from None


def unpacked(body: bytes | msgspec.Raw, streams: Streams) -> list[Any]:
    """Return the records of bytes, every one of the class that the log has for its stream.

    Raises:
        BadInput: They are no records, or not of this log.
    """
    try:
        return [msgspec.msgpack.decode(one.item, type=class_of(one.stream, streams)) for one in _records.decode(body)]
    except msgspec.DecodeError as error:
        raise BadInput(f"these are not records of this log: {error}; both sides must run the same system") from None


_records = msgspec.msgpack.Decoder(list[Handed])
submissions = msgspec.msgpack.Decoder(list[msgspec.Raw])
"""Reads many submissions, each to be accepted or refused by itself, as `unpacked` takes them."""
outcomes = msgspec.msgpack.Decoder(list[Told])
"""Reads what was told of them, in their order."""


def stream_name(item: type) -> str:
    """Return what the stream of a class is called."""
    return DECISION if item is Decision else item.__name__


def class_of(stream: str, streams: Streams) -> Any:
    """Return the class of a stream.

    Raises:
        BadInput: The log has no such stream.
    """
    codec = streams.get(stream)
    if codec is None:
        raise BadInput(f"{stream} is no stream of this log: both sides must run the same system")
    return codec.item


def gathered(bodies: Sequence[bytes]) -> bytes:
    """Return submissions, each as of `packed`, as one body."""
    return msgspec.msgpack.encode([msgspec.Raw(body) for body in bodies])
