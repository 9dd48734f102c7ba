"""A version's stage: candidate, champion, rejected, retired or deleted, and which may follow which.

Public: `STAGES`. `move` and `follow` write it for the registry and the releases, within their transactions.
"""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING

from millrace.errors import Conflict, NotFound
from millrace.stores.audit import Change, record
from millrace.stores.database import Database

if TYPE_CHECKING:
    from sqlalchemy import Connection

STAGES: dict[str, tuple[str, ...]] = {
    "candidate": ("champion", "rejected", "retired"),
    "champion": ("retired",),
    "rejected": ("candidate", "deleted"),
    "retired": ("champion", "candidate", "rejected", "deleted"),
    "deleted": ("candidate",),
}
"""Which stages may follow each. A version is champion exactly while some system's champion release holds it,
and deleted while its files are: publishing them again makes it a candidate."""


def move(connection: Connection, database: Database, version: str, to: str, change: Change) -> None:
    """Put a version in another stage, and that on record; where it is in that stage already, nothing happens.

    Raises:
        NotFound: There is no such version.
        Conflict: That stage cannot follow the one it is in.
    """
    versions = database.tables["versions"]
    mine = versions.c.version == version
    row = connection.execute(versions.select().where(mine)).one_or_none()
    if row is None:
        raise NotFound(f"no version is called {version}: list those of a model with versions(model)")
    if row.stage == to:
        return
    if to not in STAGES[row.stage]:
        remedy = "; millrace models readmit makes it a candidate again" if row.stage == "rejected" else ""
        possible = " or ".join(STAGES[row.stage])
        raise Conflict(f"{version} is {row.stage} and cannot become {to}: from there it can become {possible}{remedy}")
    connection.execute(versions.update().where(mine).values(stage=to))
    record(connection, database, change, "stage", version, row.stage, to)


def follow(connection: Connection, database: Database, entering: Set[str], leaving: Set[str], change: Change) -> None:
    """Make versions that have begun to serve champions, and retire those that have stopped."""
    versions = database.tables["versions"]
    champions = set(connection.scalars(versions.select().with_only_columns(versions.c.version).where(versions.c.stage == "champion")))
    for version in sorted(entering - champions):
        move(connection, database, version, "champion", change)
    for version in sorted(leaving & champions):
        move(connection, database, version, "retired", change)
