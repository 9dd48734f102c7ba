"""What a system serves with: the versions of its models and its thresholds, under an id that names the content.

Public: `Release`. `drafted`, `content`, `insert`, `find`, `one` and `refuse_strangers` are what the releases of a database are made of.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from millrace.errors import BadInput, NotFound
from millrace.stores.database import Database
from millrace.stores.plain import checked

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """What a system serves with; it never changes.

    Attributes:
        id: Such as `r0003-1f3a9c`: the how-manieth release of the house and the first digits of its content.
        system: The system it is a release of.
        versions: The version of each model.
        system_hash: The hash of the system as declared.
        thresholds: The score from which each rule acts, by the rule's column; infinite where it never does.
        created: When it was first made, microseconds since 1970 UTC.
    """

    id: str
    system: str
    versions: dict[str, str]
    system_hash: str
    thresholds: dict[str, float]
    created: int


def drafted(system: str, versions: Mapping[str, str], system_hash: str, thresholds: Mapping[str, float], created: int) -> Release:
    """Return a release without an id yet.

    Raises:
        BadInput: A value is of another type, or a threshold is not a number.
    """
    draft = checked(Release(id="", system=system, versions=dict(versions), system_hash=system_hash, thresholds={}, created=created))
    for rule, score in thresholds.items():
        if not isinstance(score, (int, float)) or math.isnan(score):
            raise BadInput(
                f"the threshold of {rule} is {score!r}: give the score from which it acts, infinity for never", field="thresholds"
            )
    return msgspec.structs.replace(draft, thresholds={str(rule): float(score) for rule, score in thresholds.items()})


def content(release: Release) -> str:
    """Return the SHA-256 of what a release serves with: equal ones are the same release, whenever they were made."""
    thresholds = sorted((rule, score.hex()) for rule, score in release.thresholds.items())
    parts = (release.system, release.system_hash, sorted(release.versions.items()), thresholds)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def insert(connection: Connection, database: Database, release: Release, number: int) -> None:
    """Write a release's rows."""
    row = {"release": release.id, "number": number, "system": release.system, "system_hash": release.system_hash}
    connection.execute(database.tables["releases"].insert().values(**row, content=content(release), created=release.created))
    for model, version in release.versions.items():
        connection.execute(database.tables["release_versions"].insert().values(release=release.id, model=model, version=version))
    for rule, score in release.thresholds.items():
        connection.execute(database.tables["release_thresholds"].insert().values(release=release.id, rule=rule, score=score))


def find(connection: Connection, database: Database, where: ColumnElement[bool]) -> list[Release]:
    """Return the releases whose row in `releases` meets a condition, oldest first."""
    releases, versions, thresholds = (database.tables[name] for name in ("releases", "release_versions", "release_thresholds"))
    found = []
    for row in connection.execute(releases.select().where(where).order_by(releases.c.number)).all():
        mine = connection.execute(versions.select().where(versions.c.release == row.release).order_by(versions.c.model)).all()
        rules = connection.execute(thresholds.select().where(thresholds.c.release == row.release).order_by(thresholds.c.rule)).all()
        found.append(
            Release(
                id=row.release,
                system=row.system,
                versions={one.model: one.version for one in mine},
                system_hash=row.system_hash,
                thresholds={one.rule: one.score for one in rules},
                created=row.created,
            )
        )
    return found


def one(connection: Connection, database: Database, release: str) -> Release:
    """Return a release.

    Raises:
        NotFound: There is no such release.
    """
    found = find(connection, database, database.tables["releases"].c.release == release)
    if not found:
        raise NotFound(f"no release is called {release!r}: millrace status SYSTEM lists them")
    return found[0]


def refuse_strangers(connection: Connection, database: Database, versions: Mapping[str, str]) -> None:
    """Refuse versions that are not registered, or not as a version of the model they are given for.

    Raises:
        NotFound: A version is not registered.
        BadInput: It is another model's.
    """
    t = database.tables["versions"]
    for model, version in versions.items():
        of = connection.scalar(t.select().with_only_columns(t.c.model).where(t.c.version == version))
        if of is None:
            raise NotFound(f"no version is called {version!r}: publish it before releasing it")
        if of != model:
            raise BadInput(f"{version} is a version of {of}, not of {model}", field="versions")
