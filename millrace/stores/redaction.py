"""Taking a name out of what is kept beside the log: the database's sentences and values, and the files of model versions.

Public: `without`, `redact_database`, `redact_versions`.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec

from millrace.decision import FORGOTTEN
from millrace.stores.artefacts import Artefacts
from millrace.stores.audit import Change, record
from millrace.stores.database import Database
from millrace.stores.durable import digest, flush_tree
from millrace.stores.manifest import MANIFEST, Manifest, seal

TELLING = 4
"""From how many characters on an id is taken out of sentences by itself; a shorter one, which may be any word, after its class only."""

_TOLD = {"alerts": ("id",), "runs": ("id",), "changes": ("id",), "standings": ("system", "revision")}
"""The tables that people and the loop write into in their own words, and what identifies a row."""


def without(value: Any, entity: str, id_: str) -> Any:
    """Return a value of JSON without a name: text that is the id, and the id in sentences.

    >>> without({"why": "Viewer:v1 asked", "of": ["v1", "v12"]}, "Viewer", "v1")
    {'why': '(forgotten) asked', 'of': ['(forgotten)', 'v12']}
    """
    if isinstance(value, str):
        return FORGOTTEN if value == id_ else _sentence(entity, id_).sub(FORGOTTEN, value)
    if isinstance(value, list):
        return [without(one, entity, id_) for one in value]
    if isinstance(value, dict):
        return {without(name, entity, id_): without(one, entity, id_) for name, one in value.items()}
    return value


def _sentence(entity: str, id_: str) -> re.Pattern[str]:
    named = rf"{re.escape(entity)}[: ]"
    return re.compile(rf"(?<![\w-])(?:{named}){'?' if len(id_) >= TELLING else ''}{re.escape(id_)}(?![\w-])")


def redact_database(database: Database, entity: str, id_: str) -> int:
    """Take a name out of alerts, runs, standings and the audit, and out of the free pages of the file; return from how many rows."""
    changed = 0
    with database.transaction() as connection:
        for name, key in _TOLD.items():
            table = database.tables[name]
            for row in connection.execute(table.select()).mappings().all():
                new = {column: without(value, entity, id_) for column, value in row.items() if column not in key}
                if any(value != row[column] for column, value in new.items()):
                    mine = [table.c[column] == row[column] for column in key]
                    connection.execute(table.update().where(*mine).values(**new))
                    changed += 1
    database.scrub()
    return changed


def naming(folder: Path, id_: str) -> list[Path]:
    """Return the files of a version that hold an id as a text of their JSON."""
    quoted = msgspec.json.encode(id_)
    return [path for path in sorted(folder.rglob("*.json")) if path.name != MANIFEST and quoted in path.read_bytes()]


def versions_naming(database: Database, folder: Path, id_: str) -> list[str]:
    """Return the model versions whose files name an id."""
    places = _places(database, folder)
    return [version for version, (place, _) in places.items() if naming(place, id_)]


def _places(database: Database, folder: Path) -> dict[str, tuple[Path, str]]:
    """Return where each version lies, and its registered content."""
    artefacts, table = Artefacts(folder), database.tables["versions"]
    with database.reading() as connection:
        rows = connection.execute(table.select().order_by(table.c.version)).mappings().all()
    return {row["version"]: (artefacts.place(row["model"], row["version"]), row["content"]) for row in rows}


def redact_versions(database: Database, folder: Path, entity: str, id_: str, versions: Collection[str], at: int) -> None:
    """Write the files of versions anew without a name, seal them, and register the new seal.

    What the version learned stays what it is; only nobody is called so any more. Training it anew lets go of the rest.

    Args:
        database: Where they are registered.
        folder: The root of their files.
        entity: The entity class.
        id_: The id.
        versions: Which; those that a crash interrupted among them.
        at: When, for the audit, microseconds since 1970 UTC.
    """
    artefacts = Artefacts(folder)
    for version, (place, content) in _places(database, folder).items():
        if version not in versions or not (place / MANIFEST).exists():
            continue
        if naming(place, id_):
            with artefacts.staged() as files:
                _copy_without(place, files, entity, id_)
                flush_tree(files)
                artefacts.install(files, place.parent.name, version)
        after = digest(place / MANIFEST)
        if after != content:
            _register(database, version, content, after, at)


def _copy_without(place: Path, files: Path, entity: str, id_: str) -> None:
    shutil.copytree(place, files, dirs_exist_ok=True)
    for path in naming(files, id_):
        value = without(msgspec.json.decode(path.read_bytes()), entity, id_)
        path.unlink()  # it was made read-only
        path.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=1))
    sealed = msgspec.json.decode((files / MANIFEST).read_bytes(), type=Manifest)
    (files / MANIFEST).unlink()
    seal(files, sealed.declaration)


def _register(database: Database, version: str, before: str, after: str, at: int) -> None:
    table = database.tables["versions"]
    with database.transaction() as connection:
        connection.execute(table.update().where(table.c.version == version).values(content=after))
        change = Change(at, "forget", "somebody who asked to be forgotten is no longer named in its files")
        record(connection, database, change, "redact", version, before, after)
