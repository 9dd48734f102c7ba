"""Tombstones: what remains of somebody who was forgotten. That it was done, when and of how much; whom, only who asks by name can check.

Each is signed with the log's master key, and signs the one before it: one that is changed, put in or taken out is found.

Public: `Tombstone`, `Tombstones` (`all`, `add`, `of`, `gaps`, `check`).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from pathlib import Path

import msgspec

from millrace.errors import MillraceError
from millrace.log.keys import Master
from millrace.stores.durable import flush

FILE = "tombstones.jsonl"


class Tombstone(msgspec.Struct, frozen=True, kw_only=True):
    """That somebody was forgotten.

    Attributes:
        number: Which forgetting of the log it is, from 1.
        entity: The entity class.
        salt: What was digested with the id, so that nobody without the master key can tell one from another.
        digest: The keyed digest of class, id and salt.
        at: When it was asked for, microseconds since 1970 UTC.
        removed: How many records were removed, by stream.
        named: How many decisions of others named the person and do no longer.
        since: By stream, when the first of them had become known: what saw it then can no longer be proven.
        previous: The signature of the tombstone before, "" for the first.
        signature: Of all that.
    """

    number: int
    entity: str
    salt: str
    digest: str
    at: int
    removed: dict[str, int]
    named: int
    since: dict[str, int]
    previous: str
    signature: str = ""


class Tombstones:
    """The tombstones of a system's folder.

    Args:
        folder: The folder; they lie in its `tombstones.jsonl`, one JSON object per line.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def all(self) -> list[Tombstone]:
        """Return the tombstones, oldest first.

        Raises:
            MillraceError: The file is damaged.
        """
        try:
            lines = self._path.read_bytes().splitlines()
            return [msgspec.json.decode(line, type=Tombstone) for line in lines]
        except FileNotFoundError:
            return []
        except msgspec.DecodeError as error:
            raise MillraceError(f"{self._path} is damaged ({error}): restore it from a backup") from None

    def add(
        self, master: Master, entity: str, id_: str, number: int, at: int, removed: Mapping[str, int], named: int, since: Mapping[str, int]
    ) -> Tombstone:
        """Sign and keep a tombstone, on disk when this returns; adding one again that is there changes nothing.

        Args:
            master: The log's master key.
            entity: The entity class.
            id_: The id: only its digest is kept.
            number: Which forgetting of the log it is.
            at: When it was asked for, microseconds since 1970 UTC.
            removed: How many records were removed, by stream.
            named: How many decisions lost the name.
            since: By stream, when the first of these had become known.
        """
        there = self.all()
        salt = master.digest("salt", f"{number} {at}".encode()).hex()[:32]
        made = Tombstone(
            number=number,
            entity=entity,
            salt=salt,
            digest=_digest(master, entity, id_, salt),
            at=at,
            removed=dict(removed),
            named=named,
            since=dict(since),
            previous=there[-1].signature if there else "",
        )
        if again := [one for one in there if (one.number, one.digest) == (made.number, made.digest)]:
            return again[0]
        made = msgspec.structs.replace(made, signature=_signature(master, made))
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_suffix(".unfinished")
        unfinished.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in [*there, made]))
        flush(unfinished)
        unfinished.rename(self._path)
        flush(self._path.parent)
        return made

    def of(self, master: Master, entity: str, id_: str) -> list[Tombstone]:
        """Return the tombstones of somebody, oldest first."""
        return [one for one in self.all() if hmac.compare_digest(one.digest, _digest(master, entity, id_, one.salt))]

    def gaps(self) -> dict[str, int]:
        """Return by stream when the first record became known that was removed, for the streams that lost any."""
        first: dict[str, int] = {}
        for one in self.all():
            first |= {stream: min(known, first.get(stream, known)) for stream, known in one.since.items()}
        return first

    def check(self, master: Master) -> list[str]:
        """Return what is wrong with the tombstones, a sentence for each fault; nothing when they are as they were signed."""
        faults, previous = [], ""
        for place, one in enumerate(self.all(), 1):
            if not hmac.compare_digest(one.signature, _signature(master, one)):
                faults.append(f"tombstone {place} was changed since it was signed, or signed with another key")
            elif one.previous != previous:
                faults.append(f"tombstone {place} does not follow the one before it: one was put in, or taken out")
            previous = one.signature
        return faults


def _digest(master: Master, entity: str, id_: str, salt: str) -> str:
    return master.digest("forgotten", msgspec.json.encode([salt, entity, id_])).hex()


def _signature(master: Master, tombstone: Tombstone) -> str:
    return master.digest("tombstone", msgspec.json.encode(msgspec.structs.replace(tombstone, signature=""))).hex()
