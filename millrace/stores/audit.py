"""Who changed what, when and why: one row for every change to a version, a release or a system's standing, never edited.

Public: `Change`, `Entry`, `Audit` (`entries`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from millrace.errors import BadInput
from millrace.stores.database import Database
from millrace.stores.plain import checked, stored

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Change(msgspec.Struct, frozen=True):
    """Who makes a change, when and why; every method that changes something takes one.

    Attributes:
        at: When, microseconds since 1970 UTC.
        who: The person, or the part of the loop, that answers for it.
        why: The reason, for whoever reads it in a year.

    Raises:
        BadInput: `at` is not a whole number, or nobody or no reason is named.
    """

    at: int
    who: str
    why: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One change as it stands in the audit.

    Attributes:
        at: When, microseconds since 1970 UTC.
        who: Who made it.
        what: What was done: `publish`, `stage`, `annotate`, `create`, `roll out`, `promote`, `withdraw`, `roll back`,
            `halt`, `resume`, `sunset`, `delete`, `start experiment`, `stop experiment`.
        subject: The version, the release or the system that was changed.
        before: What it was, None for what is new.
        after: What it became.
        why: The reason given.
    """

    at: int
    who: str
    what: str
    subject: str
    before: Any
    after: Any
    why: str


class Audit:
    """The audit of a database, to be read. It is written in the transaction of the change itself, so neither is there without the other."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._changes = database.tables["changes"]

    def entries(self, subject: str | None = None, since: int | None = None, until: int | None = None) -> list[Entry]:
        """Return the changes, in the order in which they were made.

        Args:
            subject: Only those of this version, release or system.
            since: Only those at or after this instant, microseconds since 1970 UTC.
            until: Only those before this instant.
        """
        t = self._changes.c
        query = self._changes.select().order_by(t.id)
        if subject is not None:
            query = query.where(t.subject == subject)
        if since is not None:
            query = query.where(t.at >= int(since))
        if until is not None:
            query = query.where(t.at < int(until))
        with self._database.reading() as connection:
            return [stored(row, Entry) for row in connection.execute(query).mappings()]


def accountable(change: Change) -> Change:
    """Return a change that names an instant, somebody and a reason.

    Raises:
        BadInput: It does not.
    """
    change = checked(change)
    for field in ("who", "why"):
        if not getattr(change, field).strip():
            raise BadInput(f"a change must say {field}: it is read when somebody asks what happened", field=field)
    return change


def record(connection: Connection, database: Database, change: Change, what: str, subject: str, before: Any, after: Any) -> None:
    """Write a change into the audit, within the transaction that makes it."""
    row = {"at": change.at, "who": change.who, "why": change.why, "what": what, "subject": subject, "before": before, "after": after}
    connection.execute(database.tables["changes"].insert().values(**row))
