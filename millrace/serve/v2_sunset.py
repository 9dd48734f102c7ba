"""What callers are told of a version that is about to go: the headers `Deprecation` (RFC 9745) and `Sunset` (RFC 8594)."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate

from millrace.errors import NotFound
from millrace.stores.versions import DEPRECATED, SUNSET, VersionRecord
from millrace.types import SECOND


def sunset_headers(ending: Mapping[str, VersionRecord], version: str) -> dict[str, str]:
    """Return the headers of an answer by a version, none for one whose end was not announced.

    Args:
        ending: By id, the versions whose end was announced.
        version: The version's id.

    Raises:
        NotFound: It was deleted, and only this process still has it in memory.
    """
    record = ending.get(version)
    if record is None:
        return {}
    if record.stage == "deleted":
        raise NotFound(f"{version} was deleted: ask another version")
    announced, until = int(record.notes[DEPRECATED]) // SECOND, int(record.notes[SUNSET]) // SECOND
    return {"deprecation": f"@{announced}", "sunset": formatdate(until, usegmt=True)}
